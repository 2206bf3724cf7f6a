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
      const pane = new Pane(this, name || other.name);
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
      by("pg-snippet").textContent = code(this.language, `${this.setup.gateway}/v1`, body);
    }
  }

  class Pane {
    constructor(playground, name) {
      this.playground = playground;
      this.messages = [];
      this.isRunning = false;
      const template = playground.root.querySelector("template[data-pg-pane]");
      this.element = template.content.firstElementChild.cloneNode(true);
      this.talk = this.element.querySelector("[data-pg-talk]");
      this.figures = this.element.querySelector("[data-pg-figures]");
      this.closer = this.element.querySelector("[data-pg-close]");
      this.select = this.element.querySelector("[data-pg-llm]");
      this.hint = this.talk.innerHTML;
      this.select.id = `pg-llm-${crypto.randomUUID()}`;
      this.element.querySelector("[data-pg-label]").htmlFor = this.select.id;
      for (const llm of playground.setup.llms) {
        this.select.append(new Option(llm.title, llm.name, false, llm.name === name));
      }
      this.closer.addEventListener("click", () => playground.removePane(this));
    }

    get llm() {
      return this.select.value;
    }

    clear() {
      this.stop();
      this.messages = [];
      this.talk.innerHTML = this.hint;
      this.figures.replaceChildren();
    }

    stop() {
      this.abort?.abort();
    }

    ask(message) {
      this.messages.push(message);
      this.show(message);
      return this.run();
    }

    take(messages) {
      for (const message of messages) {
        this.messages.push(message);
        this.show(message);
      }
    }

    say(text) {
      this.add(element("p", "ck-pg__turn ck-pg__turn--assistant ck-pg__turn--bad", text));
    }

    add(node) {
      this.talk.querySelector(".ck-pg__hint")?.remove();
      const isAtEnd = this.isAtEnd();
      this.talk.append(node);
      if (isAtEnd) this.talk.scrollTop = this.talk.scrollHeight;
      return node;
    }

    isAtEnd() {
      return this.talk.scrollHeight - this.talk.scrollTop - this.talk.clientHeight < 60;
    }

    show(message) {
      const side = message.role === "user" ? "user" : "assistant";
      const turn = element("div", `ck-pg__turn ck-pg__turn--${side}`);
      const parts = Array.isArray(message.content)
        ? message.content
        : [{ type: "text", text: message.content || "" }];
      for (const part of parts) {
        if (part.type === "image_url") {
          const image = element("img");
          const url = part.image_url.url;
          // A log keeps no image, only that there was one.
          if (!url.startsWith("data:")) {
            turn.append(url);
            continue;
          }
          image.src = url;
          image.alt = "What was sent";
          turn.append(image);
        } else if (part.text) {
          turn.append(message.role === "tool" ? `↳ ${part.text}` : part.text);
        }
      }
      for (const call of message.tool_calls || []) {
        turn.append(`${call.function.name}(${call.function.arguments})`);
      }
      this.add(turn);
    }

    async run() {
      const turn = this.add(
        element("div", "ck-pg__turn ck-pg__turn--assistant ck-pg__turn--running"),
      );
      this.isRunning = true;
      this.abort = new AbortController();
      this.playground.running();
      const answer = new Answer(this, turn);
      try {
        await answer.fetch(this.playground.body(this), this.abort.signal);
        this.messages.push(answer.message());
        if (answer.tools.length) this.askForResults(answer.tools);
      } catch (problem) {
        if (problem.name === "AbortError") {
          if (answer.text) this.messages.push(answer.message());
          answer.note("stopped");
        } else {
          turn.classList.add("ck-pg__turn--bad");
          turn.textContent = `${answer.text}${answer.text ? "\n\n" : ""}${problem.message}`;
          // Asked again it must not come twice.
          if (!answer.text && this.messages.at(-1)?.role === "user") this.messages.pop();
        }
      } finally {
        turn.classList.remove("ck-pg__turn--running");
        this.isRunning = false;
        this.playground.running();
        answer.showFigures();
      }
    }

    askForResults(tools) {
      const form = element("form", "ck-pg__tool");
      const fields = tools.map((call) => {
        const label = element("label");
        label.append(element("code", "ck-mono", `${call.function.name}(${call.function.arguments})`));
        const area = element("textarea", "ck-input ck-mono");
        area.rows = 2;
        area.placeholder = "What the tool returns";
        label.append(area);
        form.append(label);
        return { call, area };
      });
      const button = element("button", "ck-button ck-button--small", "Send what it returns");
      button.type = "submit";
      form.append(button);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        form.remove();
        this.take(
          fields.map(({ call, area }) => ({
            role: "tool", tool_call_id: call.id, content: area.value || "{}",
          })),
        );
        this.run();
      });
      this.add(form);
    }
  }

  /* One answer as it comes in, with what it cost and how long it took. */
  class Answer {
    constructor(pane, turn) {
      this.pane = pane;
      this.turn = turn;
      this.text = "";
      this.tools = [];
      this.notes = [];
      this.began = performance.now();
      this.first = null;
    }

    async fetch(body, signal) {
      const token = await this.pane.playground.freshToken();
      this.began = performance.now();
      const response = await fetch(`${token.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token.value}` },
        body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
        signal,
      }).catch((problem) => {
        throw problem.name === "AbortError"
          ? problem
          : new Error("The gateway cannot be reached. Try again in a moment.");
      });
      this.headers = response.headers;
      if (!response.ok) {
        const problem = await response.json().catch(() => null);
        throw new Error(problem?.error?.message || `The gateway answered ${response.status}.`);
      }
      await this.read(response.body);
    }

    async read(stream) {
      const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) this.take(event);
      }
      if (rest.trim()) this.take(rest);
      this.total = performance.now() - this.began;
    }

    take(event) {
      if (event.startsWith(": credits-charged ")) this.credits = event.slice(18).trim();
      if (!event.startsWith("data: ") || event === "data: [DONE]") return;
      const chunk = JSON.parse(event.slice(6));
      if (chunk.error) throw new Error(chunk.error.message);
      if (chunk.usage) this.usage = chunk.usage;
      for (const choice of chunk.choices || []) this.takeChoice(choice);
      this.showFigures();
    }

    takeChoice(choice) {
      const { content, tool_calls: calls } = choice.delta || {};
      if (this.first === null && (content || calls)) this.first = performance.now() - this.began;
      if (content) {
        const isAtEnd = this.pane.isAtEnd();
        this.text += content;
        this.turn.append(content);
        if (isAtEnd) this.pane.talk.scrollTop = this.pane.talk.scrollHeight;
      }
      for (const call of calls || []) {
        const held = (this.tools[call.index] ??= {
          id: "", type: "function", function: { name: "", arguments: "" },
        });
        held.id = call.id || held.id;
        held.function.name = call.function?.name || held.function.name;
        held.function.arguments += call.function?.arguments || "";
      }
      if (choice.finish_reason && !this.text && this.tools.length) {
        this.turn.textContent = this.tools
          .map((call) => `${call.function.name}(${call.function.arguments})`)
          .join("\n");
      }
      if (choice.finish_reason === "length") this.note("cut at the token limit");
    }

    message() {
      const message = { role: "assistant", content: this.text || null };
      return this.tools.length ? { ...message, tool_calls: this.tools } : message;
    }

    note(text) {
      this.notes.push(text);
      this.showFigures();
    }

    showFigures() {
      const figures = [];
      if (this.first !== null) figures.push(`first token ${Math.round(this.first)} ms`);
      if (this.total) figures.push(`${Math.round(this.total)} ms in all`);
      if (this.usage) {
        figures.push(`${this.usage.prompt_tokens} → ${this.usage.completion_tokens} tokens`);
      }
      if (this.credits) figures.push(`${this.credits} credits`);
      for (const verdict of verdicts(this.headers?.get("x-cockpit-guardrails"))) figures.push(verdict);
      const nodes = [...figures, ...this.notes].map((text) => element("span", "", text));
      const id = this.headers?.get("x-request-id");
      if (id && this.total) {
        const link = element("a", "ck-link", "log");
        link.href = `${this.pane.playground.setup.logs_url}${id}/`;
        nodes.push(link);
      }
      this.pane.figures.replaceChildren(...nodes);
    }
  }

  /* "pii;stage=input;outcome=masked;found=EMAIL:2" in words; what found nothing says nothing. */
  const verdicts = (header) =>
    (header || "")
      .split(", ")
      .filter(Boolean)
      .map((receipt) => {
        const [name, ...parts] = receipt.split(";");
        const said = Object.fromEntries(parts.map((part) => part.split("=")));
        return said.outcome === "passed" ? `${name}: passed` : `${name}: ${said.outcome} ${said.found || ""}`.trim();
      });

  const csrf = () => {
    const field = document.querySelector("input[name=csrfmiddlewaretoken]");
    if (field) return field.value;
    return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] || "";
  };

  /* -- View as code ---------------------------------------------------------------------------- */

  const code = (language, url, body) => {
    const json = JSON.stringify(body, null, 2);
    if (language === "curl") {
      return [
        `curl ${url}/chat/completions \\`,
        '  -H "Authorization: Bearer YOUR_KEY" \\',
        '  -H "Content-Type: application/json" \\',
        `  -d '${json.replaceAll("'", "'\\''")}'`,
      ].join("\n");
    }
    if (language === "python") {
      const lines = Object.entries(body)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `    ${name}=${python(value, 1)},`);
      return [
        "# pip install openai",
        "from openai import OpenAI",
        "",
        `client = OpenAI(base_url="${url}", api_key="YOUR_KEY")`,
        "answer = client.chat.completions.create(",
        ...lines,
        ")",
        "print(answer.choices[0].message.content)",
      ].join("\n");
    }
    return [
      "// npm install openai",
      'import OpenAI from "openai";',
      "",
      `const client = new OpenAI({ baseURL: "${url}", apiKey: "YOUR_KEY" });`,
      `const answer = await client.chat.completions.create(${json});`,
      "console.log(answer.choices[0].message.content);",
    ].join("\n");
  };

  const python = (value, depth) => {
    const pad = "    ".repeat(depth + 1);
    const end = "    ".repeat(depth);
    if (value === null || value === undefined) return "None";
    if (value === true) return "True";
    if (value === false) return "False";
    if (Array.isArray(value)) {
      if (!value.length) return "[]";
      return `[\n${value.map((each) => `${pad}${python(each, depth + 1)},`).join("\n")}\n${end}]`;
    }
    if (typeof value === "object") {
      const lines = Object.entries(value).map(
        ([name, each]) => `${pad}${JSON.stringify(name)}: ${python(each, depth + 1)},`,
      );
      return lines.length ? `{\n${lines.join("\n")}\n${end}}` : "{}";
    }
    return JSON.stringify(value);
  };

  const start = () => {
    const root = document.querySelector("[data-pg]");
    if (root) new Playground(root);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
