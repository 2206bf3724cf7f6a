/*
 * Playground: columns of LLMs that answer the same messages, streamed from the gateway with a
 * user token of five minutes that the page fetches for itself.
 */
(() => {
  "use strict";

  const MOST_COLUMNS = 4;
  const MOST_IMAGE_BYTES = 4 * 1024 * 1024;
  const SAMPLE_TOOLS = [
    {
      type: "function",
      function: {
        name: "weather",
        description: "The weather in a city",
        parameters: {
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
        },
      },
    },
  ];

  const by = (id) => document.getElementById(id);
  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  class Playground {
    constructor(root) {
      this.root = root;
      this.setup = JSON.parse(by(root.dataset.pg).textContent);
      this.panes = [];
      this.images = [];
      this.token = null;
      this.language = "curl";
      this.box = root.querySelector("[data-pg-panes]");
      this.listen();
      this.addPane(this.setup.chosen);
      if (this.setup.replay) this.replay(this.setup.replay);
    }

    listen() {
      const on = (selector, type, act) => {
        for (const each of document.querySelectorAll(selector)) each.addEventListener(type, act);
      };
      on("[data-pg-add]", "click", () => this.addPane());
      on("[data-pg-clear]", "click", () => this.clear());
      on("[data-pg-code]", "click", () => this.showCode());
      on("[data-pg-language]", "click", (event) => {
        this.language = event.currentTarget.dataset.pgLanguage;
        for (const tab of document.querySelectorAll("[data-pg-language]")) {
          tab.setAttribute("aria-selected", String(tab === event.currentTarget));
        }
        this.showCode();
      });
      on("[data-pg-stop]", "click", () => this.panes.forEach((pane) => pane.stop()));
      on("[data-pg-image]", "click", () => by("pg-image").click());
      on("[data-pg-sample]", "click", () => {
        by("pg-tools").value = JSON.stringify(SAMPLE_TOOLS, null, 2);
        this.readTools();
      });
      on("[data-pg-place]", "change", (event) => event.currentTarget.form.submit());
      by("pg-tools").addEventListener("change", () => this.readTools());
      by("pg-image").addEventListener("change", (event) => this.addImages(event.target));
      const composer = this.root.querySelector("[data-pg-composer]");
      composer.addEventListener("submit", (event) => {
        event.preventDefault();
        this.send();
      });
      by("pg-prompt").addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.send();
        }
      });
    }

    addPane(name) {
      if (this.panes.length >= MOST_COLUMNS) return;
      const used = this.panes.map((pane) => pane.llm);
      const other = this.setup.llms.find((llm) => !used.includes(llm.name)) || this.setup.llms[0];
      const pane = new window.CockpitPlayground.Pane(this, name || other.name);
      this.panes.push(pane);
      this.box.append(pane.element);
      this.count();
    }

    removePane(pane) {
      pane.stop();
      this.panes = this.panes.filter((each) => each !== pane);
      pane.element.remove();
      this.count();
    }

    count() {
      for (const pane of this.panes) pane.closer.hidden = this.panes.length === 1;
      const add = document.querySelector("[data-pg-add]");
      if (add) add.disabled = this.panes.length >= MOST_COLUMNS;
    }

    clear() {
      for (const pane of this.panes) pane.clear();
      by("pg-prompt").focus();
    }

    running() {
      const isRunning = this.panes.some((pane) => pane.isRunning);
      this.root.querySelector("[data-pg-stop]").hidden = !isRunning;
      this.root.querySelector("[data-pg-send]").disabled = isRunning;
    }

    send() {
      if (this.panes.some((pane) => pane.isRunning)) return;
      const text = by("pg-prompt").value.trim();
      if (!text && !this.images.length) return;
      const tools = this.readTools();
      if (tools === null) return;
      const content = this.images.length
        ? [
            ...(text ? [{ type: "text", text }] : []),
            ...this.images.map((url) => ({ type: "image_url", image_url: { url } })),
          ]
        : text;
      for (const pane of this.panes) pane.ask({ role: "user", content });
      by("pg-prompt").value = "";
      this.images = [];
      this.showThumbs();
    }

    /* What every column sends, besides its LLM and its messages. */
    options() {
      const number = (id) => {
        const value = by(id).value;
        return value === "" ? undefined : Number(value);
      };
      const tools = this.readTools();
      return {
        temperature: number("pg-temperature"),
        top_p: number("pg-top-p"),
        max_tokens: number("pg-max"),
        tools: tools && tools.length ? tools : undefined,
      };
    }

    body(pane) {
      const system = by("pg-system").value.trim();
      const messages = system ? [{ role: "system", content: system }] : [];
      return { model: pane.llm, messages: [...messages, ...pane.messages], ...this.options() };
    }

    /* Returns the tools, or null where what stands there is no list of tools. */
    readTools() {
      const text = by("pg-tools").value.trim();
      const error = by("pg-tools-error");
      error.hidden = true;
      by("pg-tools").removeAttribute("aria-invalid");
      if (!text) return [];
      try {
        const tools = JSON.parse(text);
        if (!Array.isArray(tools)) throw new Error("Tools are a list, in square brackets.");
        return tools;
      } catch (problem) {
        error.textContent = `This is no list of tools: ${problem.message}`;
        error.hidden = false;
        by("pg-tools").setAttribute("aria-invalid", "true");
        by("pg-tools-box").open = true;
        return null;
      }
    }

    addImages(input) {
      for (const file of input.files) {
        if (file.size > MOST_IMAGE_BYTES) {
          this.panes[0]?.say(`${file.name} is larger than 4 MB and was left out.`);
          continue;
        }
        const reader = new FileReader();
        reader.addEventListener("load", () => {
          this.images.push(reader.result);
          this.showThumbs();
        });
        reader.readAsDataURL(file);
      }
      input.value = "";
    }

    showThumbs() {
      const thumbs = this.root.querySelector("[data-pg-thumbs]");
      thumbs.replaceChildren();
      this.images.forEach((url, place) => {
        const button = element("button", "ck-icon-button");
        button.type = "button";
        button.setAttribute("aria-label", "Remove the image");
        const image = element("img");
        image.src = url;
        image.alt = "";
        button.append(image);
        button.addEventListener("click", () => {
          this.images.splice(place, 1);
          this.showThumbs();
        });
        thumbs.append(button);
      });
    }

    /* A token that is good for the next half minute at least. */
    async freshToken() {
      if (this.token && this.token.until > Date.now() + 30_000) return this.token;
      const team = this.setup.team;
      const answer = await fetch(this.setup.token_url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
        body: JSON.stringify(team ? { team } : {}),
      });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.detail || "You cannot call the gateway from here.");
      this.token = {
        value: body.access_token,
        url: body.gateway_url,
        until: Date.now() + body.expires_in * 1000,
      };
      return this.token;
    }

    replay(request) {
      const messages = [...(request.messages || [])];
      if (messages[0]?.role === "system" && typeof messages[0].content === "string") {
        by("pg-system").value = messages.shift().content;
      }
      const put = (id, value) => {
        if (value !== undefined && value !== null) by(id).value = value;
      };
      put("pg-temperature", request.temperature);
      put("pg-top-p", request.top_p);
      put("pg-max", request.max_tokens);
      if (request.tools) {
        by("pg-tools").value = JSON.stringify(request.tools, null, 2);
        by("pg-tools-box").open = true;
      }
      const last = messages.at(-1);
      if (last?.role === "user" && typeof last.content === "string") {
        by("pg-prompt").value = messages.pop().content;
      }
      this.panes[0].take(messages);
      by("pg-prompt").focus();
    }

    showCode() {
      const pane = this.panes[0];
      const body = this.body(pane);
      const typed = by("pg-prompt").value.trim();
      // An answer that nobody has replied to is not sent again.
      if (!typed && body.messages.at(-1)?.role === "assistant") body.messages.pop();
      if (typed) body.messages.push({ role: "user", content: typed });
      if (!body.messages.length) body.messages.push({ role: "user", content: "Hello" });
      by("pg-snippet").textContent = window.CockpitPlayground.code(this.language, `${this.setup.gateway}/v1`, body);
    }
  }

  const csrf = () => {
    const field = document.querySelector("input[name=csrfmiddlewaretoken]");
    if (field) return field.value;
    return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] || "";
  };

  const start = () => {
    const root = document.querySelector("[data-pg]");
    if (root) new Playground(root);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
