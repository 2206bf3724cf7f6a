// Small helps on the pages of the login; everything works without them.

for (const field of document.querySelectorAll("input[type=password]")) {
  const wrapper = document.createElement("div");
  wrapper.className = "auth-secret";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "auth-reveal";
  button.textContent = "Show";
  button.setAttribute("aria-label", "Show password");
  button.setAttribute("aria-controls", field.id);
  button.addEventListener("click", () => {
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    button.textContent = isShown ? "Show" : "Hide";
    button.setAttribute("aria-label", isShown ? "Show password" : "Hide password");
  });
  const hadFocus = document.activeElement === field;
  field.replaceWith(wrapper);
  wrapper.append(field, button);
  if (hadFocus) field.focus();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).innerText;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text and copy it";
    }
  });
}

// After a failed attempt the cursor stands where the next one begins.
const failed = document.querySelector("[aria-invalid=true]");
if (failed) failed.focus();
else if (document.querySelector("form [role=alert]")) {
  const secret = document.querySelector(".auth-secret input");
  if (secret) secret.focus();
}
