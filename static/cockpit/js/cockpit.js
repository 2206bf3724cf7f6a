/*
 * Cockpit's own behaviour: copying, dialogs, messages, charts. No framework; works on what the
 * server sends, also when HTMX swaps it in later. htmx and Chart.js come with unfold.
 */
(() => {
  "use strict";

  /* -- Theme: on the page before it is painted, then Alpine's, which unfold switches it by ------- */

  const root = document.documentElement;
  const wanted = () => {
    try {
      return JSON.parse(localStorage.getItem("adminTheme"));
    } catch {
      return null; // No storage, or nothing readable in it.
    }
  };
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.classList.toggle("dark", wanted() === "dark" || (wanted() !== "light" && prefersDark));
  // Alpine takes away only the classes that it has set itself.
  document.addEventListener("alpine:init", () => root.classList.remove("dark"));

  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) act(target, event);
    });

  // unfold writes the name of a chosen file into a text field beside it. Ours show it themselves,
  // have no such field, and would raise an error: they count as taken care of.
  Object.defineProperty(HTMLInputElement.prototype, "hasChangeListener", { value: true });

  /* -- HTMX: a form that was refused comes back as the same fragment, with 422 ---------------- */

  if (window.htmx) {
    htmx.config.responseHandling = [
      { code: "204", swap: false },
      { code: "[23]..", swap: true },
      { code: "422", swap: true },
      { code: "[45]..", swap: false, error: true },
    ];
  }

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    toast(
      status === 403
        ? "You may not do this. Reload the page to see what you may."
        : status === 404
          ? "This is no longer there. Reload the page."
          : "That did not work. Nothing was changed; try again in a moment.",
      "error",
    );
  });

  document.addEventListener("htmx:sendError", () => {
    toast("No connection to the server. Nothing was changed.", "error");
  });

  /* -- Copy ------------------------------------------------------------------------------------ */

  on("click", "[data-copy]", async (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    const text = source.value ?? source.textContent;
    const copied = await copy(text);
    const label = button.querySelector("[data-copy-label]");
    const icon = button.querySelector(".material-symbols-outlined");
    const before = [label && label.textContent, icon && icon.textContent];
    if (label) label.textContent = copied ? "Copied" : "Press Ctrl+C";
    if (icon) icon.textContent = copied ? "check" : "error";
    announce(copied ? "Copied." : "Copying is not possible here; the text is selected.");
    if (!copied) select(source);
    window.setTimeout(() => {
      if (label) label.textContent = before[0];
      if (icon) icon.textContent = before[1];
    }, 1800);
  });

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Without https the clipboard is closed to pages; the old way still works.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "ck-hidden";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };

  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  /* -- Dialogs: <button data-open="id">, and <dialog id data-shown> shows itself ---------------- */

  on("click", "[data-open]", (button, event) => {
    const dialog = document.getElementById(button.dataset.open);
    if (!dialog) return;
    event.preventDefault();
    show(dialog);
  });

  // The first thing to fill in, or what was wrong with it, and not the button that closes.
  const show = (dialog) => {
    dialog.showModal();
    const fields = "input:not([type=hidden]), select, textarea";
    (dialog.querySelector("[aria-invalid=true]") || dialog.querySelector(fields))?.focus();
  };

  on("click", "[data-close]", (button, event) => {
    const dialog = button.closest("dialog");
    if (!dialog) return;
    event.preventDefault();
    dialog.close();
  });

  // A click on the backdrop hits the dialog itself; its content is a child.
  document.addEventListener("mousedown", (event) => {
    if (event.target instanceof HTMLDialogElement && event.target.open) {
      const box = event.target.getBoundingClientRect();
      const inside =
        event.clientX >= box.left && event.clientX <= box.right &&
        event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) event.target.close();
    }
  });

  const showDialogs = (area) => {
    for (const dialog of all(area, "dialog[data-shown]")) {
      if (!dialog.open) show(dialog);
    }
  };

  /* -- Menus: <details data-menu> closes when something else is meant --------------------------- */

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  /* -- Forms ----------------------------------------------------------------------------------- */

  on("change", "[data-submit]", (field) => field.form && field.form.requestSubmit());

  // <form data-confirm="Revoke it? What happens then."> asks first. Listens before all others.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    confirm(form, event.submitter);
  }, true);

  const confirm = (form, submitter) => {
    const [, question, text] = /^([^?]*\??)\s*(.*)$/s.exec(form.dataset.confirm);
    const dialog = create("dialog", "ck-dialog");
    const title = create("h2", "ck-dialog__title", question);
    title.id = "confirm-title";
    dialog.setAttribute("aria-labelledby", title.id);
    const head = create("div", "ck-dialog__head");
    head.append(title);
    const cancel = create("button", "ck-button", "Cancel");
    cancel.type = "button";
    cancel.dataset.close = "";
    const isDanger = submitter?.classList.contains("ck-button--danger");
    const label = form.dataset.confirmLabel || submitter?.textContent.trim() || "Continue";
    const go = create("button", `ck-button ck-button--${isDanger ? "danger-solid" : "primary"}`, label);
    go.type = "button";
    go.addEventListener("click", () => {
      dialog.close();
      form.dataset.confirmed = "1";
      form.requestSubmit(submitter);
      // A page that stays, by HTMX, asks again the next time.
      delete form.dataset.confirmed;
    });
    const foot = create("div", "ck-form__foot");
    foot.append(cancel, go);
    const body = create("div", "ck-dialog__body");
    body.append(foot);
    dialog.append(head, create("p", "ck-dialog__text", text), body);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };

  const create = (tag, name, text = "") => {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  };

  // The same form sent twice by an impatient double click would ask for the same thing twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
    if (form.hasAttribute("hx-post") || form.closest("[hx-boost]")) return;
    window.setTimeout(() => {
      for (const button of form.querySelectorAll("button[type=submit], button:not([type])")) {
        button.disabled = true;
      }
    });
  });

  // Coming back by the browser's button must not find them disabled.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("form button[disabled]")) button.disabled = false;
  });

  /* -- Messages -------------------------------------------------------------------------------- */

  const STAY = { success: 6000, info: 8000, warning: 12000 };
  const ICONS = { success: "check_circle", info: "info", warning: "warning", error: "error" };

  const toast = (text, level) => {
    const place = document.getElementById("toasts");
    if (!place) return;
    const element = document.createElement("div");
    element.className = `ck-toast ck-toast--${level}`;
    element.dataset.toast = level;
    const icon = document.createElement("span");
    icon.className = "material-symbols-outlined ck-icon";
    icon.setAttribute("aria-hidden", "true");
    icon.textContent = ICONS[level];
    const body = document.createElement("span");
    body.className = "ck-toast__text";
    body.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "ck-toast__close material-symbols-outlined ck-icon";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "close";
    element.append(icon, body, close);
    place.append(element);
    startToasts(place);
  };

  // Errors stay until they are dismissed; the rest goes by itself, unless the pointer rests on it.
  const startToasts = (area) => {
    for (const element of all(area, "[data-toast]")) {
      const stay = STAY[element.dataset.toast];
      if (!stay || element.dataset.started) continue;
      element.dataset.started = "1";
      let timer = 0;
      const start = () => { timer = window.setTimeout(() => dismiss(element), stay); };
      element.addEventListener("mouseenter", () => window.clearTimeout(timer));
      element.addEventListener("mouseleave", start);
      element.addEventListener("focusin", () => window.clearTimeout(timer));
      start();
    }
  };

  const dismiss = (element) => {
    element.classList.add("ck-toast--leaving");
    window.setTimeout(() => element.remove(), 220);
  };

  on("click", "[data-dismiss]", (button) => dismiss(button.closest("[data-toast]")));

  const announce = (text) => {
    const place = document.getElementById("announcer");
    if (!place) return;
    place.textContent = "";
    window.setTimeout(() => { place.textContent = text; }, 40);
  };

  /* -- Charts: <div data-chart="id of a JSON script"><canvas></div> ----------------------------- */

  const charts = new Map();

  const drawCharts = (area) => {
    for (const box of all(area, "[data-chart]")) {
      const source = document.getElementById(box.dataset.chart);
      const canvas = box.querySelector("canvas");
      if (!source || !canvas || !window.Chart) continue;
      charts.get(box)?.destroy();
      charts.set(box, new Chart(canvas, configure(JSON.parse(source.textContent))));
    }
  };

  const forgetCharts = (area) => {
    for (const [box, chart] of charts) {
      if (area.contains(box) || !box.isConnected) {
        chart.destroy();
        charts.delete(box);
      }
    }
  };

  const configure = (data) => {
    const text = colour("--ck-subtle");
    const line = colour("--ck-line");
    const font = { family: "Inter, sans-serif", size: 12 };
    const hasLine = data.series.some((series) => series.kind === "line");
    // There is no half of a call.
    const isWhole = data.series.every((series) => series.values.every((value) => value === null || Number.isInteger(value)));
    const precision = isWhole ? 0 : undefined;
    return {
      type: hasLine && data.series.every((series) => series.kind === "line") ? "line" : "bar",
      data: {
        labels: data.labels,
        datasets: data.series.map((series, index) => dataset(series, index, data)),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        layout: { padding: { top: 4 } },
        scales: {
          x: {
            stacked: data.stacked,
            grid: { display: false },
            border: { color: line },
            ticks: { color: text, font, maxRotation: 0, autoSkipPadding: 16 },
          },
          y: {
            stacked: data.stacked,
            beginAtZero: true,
            grace: "6%",
            grid: { color: line, drawTicks: false },
            border: { display: false },
            title: { display: Boolean(data.unit), text: data.unit, color: text, font },
            ticks: { color: text, font, padding: 8, maxTicksLimit: 6, precision, callback: (value) => short(value) },
          },
        },
        plugins: {
          legend: {
            display: data.series.length > 1,
            align: "start",
            labels: { color: text, font, usePointStyle: true, pointStyle: "rectRounded", boxWidth: 8, boxHeight: 8 },
          },
          tooltip: {
            backgroundColor: colour("--ck-strong"),
            titleColor: colour("--ck-page"),
            bodyColor: colour("--ck-page"),
            footerColor: colour("--ck-page"),
            titleFont: { ...font, weight: 600 },
            bodyFont: font,
            padding: 10,
            cornerRadius: 6,
            usePointStyle: true,
            boxPadding: 4,
            callbacks: {
              label: (item) => ` ${item.dataset.label}: ${long(item.raw)} ${item.dataset.unit}`.trimEnd(),
            },
          },
        },
      },
    };
  };

  // A line needs two ends; what has no neighbour is a dot.
  const isAlone = (values, at) =>
    (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;

  const dataset = (series, index, data) => {
    const tone = colour(series.tone === "bad" ? "--ck-series-bad" : `--ck-series-${(series.tone || index + 1)}`);
    const common = { label: series.name, data: series.values, unit: series.unit || data.unit };
    if (series.kind === "line") {
      return {
        ...common, type: "line", borderColor: tone, backgroundColor: tone, borderWidth: 2,
        pointRadius: (point) => (isAlone(series.values, point.dataIndex) ? 3 : 0), pointHoverRadius: 4, pointHitRadius: 12, tension: .25,
      };
    }
    return {
      ...common, backgroundColor: tone, hoverBackgroundColor: tone,
      borderRadius: 3, maxBarThickness: 28, categoryPercentage: .8, barPercentage: .86,
    };
  };

  const long = (value) =>
    value === null ? "–" : new Intl.NumberFormat("en", { maximumFractionDigits: Math.abs(value) < 1 ? 6 : 2 }).format(value);
  const short = (value) =>
    new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: Math.abs(value) < 1 ? 4 : 1 }).format(value);

  // Chart.js cannot mix oklch colours, so each is painted once and read back as RGB.
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = value;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
  };

  /* -- Start ----------------------------------------------------------------------------------- */

  const all = (area, selector) => {
    const found = [...area.querySelectorAll(selector)];
    return area instanceof Element && area.matches(selector) ? [area, ...found] : found;
  };

  const start = (area) => {
    startToasts(area);
    showDialogs(area);
    drawCharts(area);
  };

  const ready = () => {
    start(document);
    // unfold says by colour alone which page is in view.
    for (const link of document.querySelectorAll("#nav-sidebar-apps a.active")) {
      link.setAttribute("aria-current", "page");
    }
    document.addEventListener("htmx:load", (event) => {
      if (event.target !== document.body) start(event.target);
    });
    document.addEventListener("htmx:beforeCleanupElement", (event) => forgetCharts(event.target));
    // A canvas keeps the font that was there when it was drawn.
    document.fonts?.load("12px Inter").then(() => drawCharts(document));
    let wasDark = root.classList.contains("dark");
    new MutationObserver(() => {
      const isDark = root.classList.contains("dark");
      if (isDark === wasDark) return;
      wasDark = isDark;
      drawCharts(document);
    }).observe(root, { attributes: true, attributeFilter: ["class"] });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
