/*
 * The tree of credits: lazy branches, and amounts that are typed in their rows. Works without it
 * too: a toggle is a link, an amount is a form.
 */
(() => {
  "use strict";

  const tree = () => document.querySelector("[data-credit-tree]");
  const below = (wallet) =>
    [...document.querySelectorAll("[data-credit-tree] tr[data-path]")].filter((row) =>
      row.dataset.path.split(" ").includes(wallet),
    );
  const isOpen = (toggle) => toggle.getAttribute("aria-expanded") === "true";

  const mark = (toggle, open) => {
    toggle.setAttribute("aria-expanded", String(open));
    toggle.querySelector("[data-chevron]").textContent = open ? "expand_more" : "chevron_right";
  };

  const close = (toggle) => {
    for (const row of below(toggle.dataset.toggle)) row.remove();
    mark(toggle, false);
  };

  const open = (toggle) => {
    // What is there already, of a page that came with a branch open, would come twice.
    for (const row of below(toggle.dataset.toggle)) row.remove();
    mark(toggle, true);
    window.htmx.trigger(toggle, "open");
  };

  document.addEventListener("click", (event) => {
    const toggle = event.target instanceof Element ? event.target.closest("[data-toggle]") : null;
    if (!toggle || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (isOpen(toggle)) close(toggle);
    else open(toggle);
  });

  const step = (selector, from, by) => {
    const all = [...tree().querySelectorAll(selector)];
    const next = all[all.indexOf(from) + by];
    if (next) next.focus();
    if (next instanceof HTMLInputElement) next.select();
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (!(target instanceof HTMLElement) || !tree()?.contains(target)) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (target.matches("[data-amount]")) {
      if (by) {
        event.preventDefault();
        step("[data-amount]", target, by);
      } else if (event.key === "Escape") {
        target.value = target.defaultValue;
        target.blur();
      }
    } else if (target.matches("[data-toggle]")) {
      if (by) step("[data-toggle]", target, by);
      else if (event.key === "ArrowRight" && !isOpen(target)) open(target);
      else if (event.key === "ArrowLeft" && isOpen(target)) close(target);
      else return;
      event.preventDefault();
    }
  });

  // The row came anew; whoever typed in it goes on from there.
  document.addEventListener("htmx:afterSwap", (event) => {
    const row = event.detail.elt;
    if (!(row instanceof HTMLTableRowElement) || !row.closest("[data-credit-tree]")) return;
    if (!event.detail.requestConfig?.elt?.matches?.(".ck-amount")) return;
    const field = row.querySelector("[data-amount]");
    if (field) field.focus();
  });

  // An amount that was not changed is not sent.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (!(form instanceof HTMLFormElement) || !form.matches(".ck-amount")) return;
    const field = form.querySelector("[data-amount]");
    if (field.value === field.defaultValue) event.preventDefault();
  });
})();
