"""Code that makes a first call and runs as pasted, in curl, Python and TypeScript."""

from dataclasses import dataclass

NO_KEY = "YOUR_KEY"

_CURL = """curl {url}/chat/completions \\
  -H "Authorization: Bearer {token}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{llm}", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""

_PYTHON = """# pip install openai
from openai import OpenAI

client = OpenAI(base_url="{url}", api_key="{token}")
answer = client.chat.completions.create(
    model="{llm}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)"""

_TYPESCRIPT = """// npm install openai; save this as call.mts; npx tsx call.mts
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}", apiKey: "{token}" }});
const answer = await client.chat.completions.create({{
  model: "{llm}",
  messages: [{{ role: "user", content: "Hello" }}],
}});
console.log(answer.choices[0].message.content);"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One snippet with its language's name, and the id of its element."""

    id: str
    label: str
    code: str


def snippets(*, url: str, token: str, llm: str) -> list[Snippet]:
    """Return the first call in each language. `url` is the gateway's base URL, `llm` a name."""
    values = {"url": url, "token": token or NO_KEY, "llm": llm}
    return [
        Snippet("curl", "curl", _CURL.format(**values)),
        Snippet("python", "Python", _PYTHON.format(**values)),
        Snippet("typescript", "TypeScript", _TYPESCRIPT.format(**values)),
    ]
