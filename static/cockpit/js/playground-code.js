/* The playground's request as code that runs as pasted. */
(() => {
  "use strict";

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
      "// npm install openai; save this as call.mts; npx tsx call.mts",
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

  window.CockpitPlayground = { ...window.CockpitPlayground, code };
})();
