// Puts the theme that was chosen in the cockpit on the page before it is painted. Unfold keeps it
// as JSON under this name; without one, the style sheet follows the system.
try {
  const theme = JSON.parse(localStorage.getItem("adminTheme"));
  if (theme === "light" || theme === "dark") document.documentElement.classList.add(theme);
} catch {
  // No storage, or nothing readable in it.
}
