/*
 * The shell's own behaviour: the palette, the keyboard, where the focus goes after a swap. Works on
 * what the server sends; cockpit.js has the rest.
 */
(() => {
  "use strict";

  const byId = (id) => document.getElementById(id);

  /* -- The palette: a combobox over links, see unfold/helpers/command.html ----------------------- */

  const palette = () => byId("palette");
  const options = () => [...document.querySelectorAll("#palette-results [role=option]")];
  const chosen = () => document.querySelector("#palette-results [aria-selected=true]");

  const openPalette = () => {
    const dialog = palette();
    if (!dialog || dialog.open) return;
    for (const open of document.querySelectorAll("dialog[open]")) open.close();
    dialog.showModal();
    const input = byId("palette-input");
    input.focus();
    input.select();
    // What can be done from here stands there before anything is typed.
    input.dispatchEvent(new CustomEvent("palette:open"));
  };

  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    byId("palette-input").setAttribute("aria-activedescendant", option?.id ?? "");
  };

  const step = (by) => {
    const all = options();
    if (!all.length) return;
    const at = all.indexOf(chosen());
    choose(all[(at + by + all.length) % all.length]);
  };

  const STEPS = { ArrowDown: 1, ArrowUp: -1 };

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "palette-input") return;
    if (event.key in STEPS) {
      event.preventDefault();
      step(STEPS[event.key]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const link = chosen() ?? options()[0];
      if (link && (event.ctrlKey || event.metaKey)) window.open(link.href, "_blank", "noopener");
      else if (link) follow(link);
    }
  });

  // A link to a dialog of the page in view would only change the address.
  const follow = (link) => {
    palette().close();
    link.click();
  };

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "palette-results") return;
    const all = options();
    choose(all[0]);
    announce(all.length === 1 ? "1 result" : `${all.length} results`);
  });

  document.addEventListener("mousemove", (event) => {
    const option = event.target.closest?.("#palette-results [role=option]");
    if (option && option !== chosen()) choose(option);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-palette]")) openPalette();
    if (event.target.closest?.("#palette-results a")) palette().close();
  });

  /* -- Keys ------------------------------------------------------------------------------------ */

  const KEYS_OFF = "cockpit-single-keys-off";
  const kept = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // No storage: nothing is kept, and nothing breaks.
    }
  };

  const isTyping = (target) =>
    target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);

  let waitsForPage = 0;

  document.addEventListener("keydown", (event) => {
    if (event.key?.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || kept(KEYS_OFF) || document.querySelector("dialog[open]")) return;
    if (waitsForPage && Date.now() - waitsForPage < 1500) {
      waitsForPage = 0;
      const link = document.querySelector(`#keyboard [data-key="${CSS.escape(event.key)}"]`);
      if (!link) return;
      event.preventDefault();
      link.click();
    } else if (event.key === "g") {
      waitsForPage = Date.now();
    } else if (event.key === "/") {
      event.preventDefault();
      openPalette();
    } else if (event.key === "?") {
      event.preventDefault();
      byId("keyboard")?.showModal();
    }
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-single-keys]")) return;
    try {
      if (event.target.checked) localStorage.removeItem(KEYS_OFF);
      else localStorage.setItem(KEYS_OFF, "1");
    } catch {
      // As above.
    }
  });

  /* -- Tabs: see components/tabs.html. The choice of a language is kept ------------------------ */

  const pick = (tab, focus) => {
    for (const other of tab.parentElement.children) {
      const isIt = other === tab;
      other.setAttribute("aria-selected", String(isIt));
      other.tabIndex = isIt ? 0 : -1;
      byId(other.getAttribute("aria-controls")).hidden = !isIt;
    }
    if (focus) tab.focus();
    try {
      localStorage.setItem(`cockpit-tab-${tab.closest("[data-tabs]").dataset.tabs}`, tab.id);
    } catch {
      // As above.
    }
  };

  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.("[data-tabs] [role=tab]");
    if (tab) pick(tab, false);
  });

  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[data-tabs] [role=tab]");
    if (!tab || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
    event.preventDefault();
    const all = [...tab.parentElement.children];
    const at = all.indexOf(tab);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
    pick(all.at(to % all.length), true);
  });

  const showTabs = (area) => {
    for (const tabs of area.querySelectorAll?.("[data-tabs]") ?? []) {
      const last = byId(kept(`cockpit-tab-${tabs.dataset.tabs}`) ?? "");
      if (last && tabs.contains(last)) pick(last, false);
    }
  };

  document.addEventListener("htmx:load", (event) => {
    if (event.target !== document.body) showTabs(event.target);
  });

  /* -- Focus: what had it may be gone after a swap, and then it must not fall to the top --------- */

  let lost = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const focused = document.activeElement;
    lost = focused && focused !== document.body && event.detail.target?.contains(focused)
      ? { name: focused.getAttribute("aria-label") || focused.textContent.trim(), tag: focused.tagName }
      : null;
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const area = event.target;
    const wrong = area.querySelector?.("[aria-invalid=true]");
    if (wrong) {
      wrong.focus();
      return;
    }
    if (!lost || document.activeElement !== document.body || area.id === "palette-results") return;
    const heir = [...area.querySelectorAll(lost.tag)].find(
      (element) => (element.getAttribute("aria-label") || element.textContent.trim()) === lost.name,
    );
    lost = null;
    const target = heir || area;
    if (!heir && !area.hasAttribute("tabindex")) area.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
  });

  const announce = (text) => {
    const place = byId("announcer");
    if (!place) return;
    place.textContent = "";
    window.setTimeout(() => { place.textContent = text; }, 40);
  };

  /* -- Start ----------------------------------------------------------------------------------- */

  // An address such as /console/keys/#new-key opens that dialog of the page.
  const openNamed = () => {
    const named = location.hash.length > 1 ? byId(decodeURIComponent(location.hash.slice(1))) : null;
    if (named instanceof HTMLDialogElement && !named.open) {
      named.showModal();
      named.querySelector("input:not([type=hidden]), select, textarea")?.focus();
      history.replaceState(null, "", location.pathname + location.search);
    }
  };

  const ready = () => {
    const box = document.querySelector("[data-single-keys]");
    if (box) box.checked = !kept(KEYS_OFF);
    showTabs(document);
    openNamed();
    window.addEventListener("hashchange", openNamed);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
