/*
 * Fields that search among many (components/picker.html), and lists whose rows can be selected.
 */
(() => {
  "use strict";

  /* -- Pickers: the ARIA combobox pattern; options come from the server ----------------------- */

  const parts = (picker) => ({
    value: picker.querySelector("input[type=hidden]"),
    input: picker.querySelector("[role=combobox]"),
    list: picker.querySelector("[role=listbox]"),
  });
  const options = (list) => [...list.querySelectorAll("[role=option]")];

  const show = (picker, shown) => {
    const { input, list } = parts(picker);
    list.hidden = !shown;
    input.setAttribute("aria-expanded", String(shown));
    if (!shown) input.removeAttribute("aria-activedescendant");
  };

  const mark = (picker, option) => {
    const { input, list } = parts(picker);
    for (const each of options(list)) each.setAttribute("aria-selected", String(each === option));
    if (!option) return;
    option.id ||= `${list.id}-${options(list).indexOf(option)}`;
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  const choose = (picker, option) => {
    const { value, input } = parts(picker);
    value.value = option.dataset.value;
    input.value = option.dataset.label;
    input.dataset.chosen = option.dataset.label;
    input.setCustomValidity("");
    show(picker, false);
    value.dispatchEvent(new Event("change", { bubbles: true }));
    if (picker.hasAttribute("data-picker-submits")) value.form.requestSubmit();
  };

  const open = (picker) => {
    const { input } = parts(picker);
    input.dataset.chosen ??= input.value;
    input.select();
    htmx.trigger(input, "picker:open");
  };

  document.addEventListener("focusin", (event) => {
    const picker = event.target.closest?.("[data-picker]");
    if (picker && event.target.matches("[role=combobox]")) open(picker);
  });

  document.addEventListener("focusout", (event) => {
    const picker = event.target.closest?.("[data-picker]");
    if (!picker || picker.contains(event.relatedTarget)) return;
    const { value, input } = parts(picker);
    // Text that was not chosen means nothing: an empty field takes the choice away.
    if (input.value.trim() === "") {
      const had = value.value !== "";
      value.value = "";
      input.dataset.chosen = "";
      if (had && picker.hasAttribute("data-picker-submits")) value.form.requestSubmit();
    } else {
      input.value = input.dataset.chosen ?? "";
    }
    show(picker, false);
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const picker = event.target.closest?.("[data-picker]");
    if (!picker || document.activeElement !== parts(picker).input) return;
    show(picker, true);
    mark(picker, options(parts(picker).list)[0]);
  });

  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest?.("[data-picker] [role=option]");
    if (!option) return;
    event.preventDefault(); // The field keeps the focus.
    choose(option.closest("[data-picker]"), option);
  });

  document.addEventListener("keydown", (event) => {
    const picker = event.target.closest?.("[data-picker]");
    if (!picker || !event.target.matches("[role=combobox]")) return;
    const { list } = parts(picker);
    const all = options(list);
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return open(picker);
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark(picker, all[(at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && !list.hidden && all[at]) {
      event.preventDefault();
      choose(picker, all[at]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      show(picker, false);
    }
  });

  /* -- Rows that can be selected ---------------------------------------------------------------- */

  const refresh = (form) => {
    const boxes = [...form.querySelectorAll("[data-select-row]")];
    const chosen = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-select-all]");
    if (all) {
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    const matching = form.querySelector("[data-select-matching]");
    if (matching && chosen < boxes.length) matching.checked = false;
    const bar = form.querySelector("[data-select-bar]");
    if (bar) bar.hidden = chosen === 0;
    const offer = form.querySelector("[data-select-offer]");
    if (offer) offer.hidden = chosen < boxes.length;
    for (const count of form.querySelectorAll("[data-select-count]")) count.textContent = chosen;
  };

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form?.matches("[data-selects]")) return;
    if (event.target.matches("[data-select-all]")) {
      for (const box of form.querySelectorAll("[data-select-row]")) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-ticks]")) {
      for (const box of form.querySelectorAll(`[name="${event.target.dataset.ticks}"]`)) box.checked = event.target.checked;
    }
    if (event.target.matches("[data-select-act]")) {
      for (const more of form.querySelectorAll("[data-for-act]")) {
        more.hidden = !more.dataset.forAct.split(" ").includes(event.target.value);
      }
      return;
    }
    refresh(form);
  });

  // An act that needs a place says so here, where the selection is still there.
  document.addEventListener("submit", (event) => {
    const needed = event.target.matches?.("[data-selects]")
      && event.target.querySelector("[data-for-act]:not([hidden]) [data-picker]");
    if (!needed) return;
    const { value, input } = parts(needed);
    input.setCustomValidity(value.value ? "" : needed.closest("[data-for-act]").dataset.needs);
    if (input.reportValidity()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-picker] [role=combobox]")) event.target.setCustomValidity("");
  });

  // The browser's back button brings the ticks back before any event.
  const refreshAll = () => document.querySelectorAll("form[data-selects]").forEach(refresh);
  window.addEventListener("pageshow", refreshAll);
  document.addEventListener("htmx:afterSettle", refreshAll);
})();
