/* One column of the playground: what was said in it, and the answer as it streams in. */
(() => {
  "use strict";

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

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
      if (id && this.total && this.pane.playground.setup.logs_url) {
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

  window.CockpitPlayground = { ...window.CockpitPlayground, Pane };
})();
