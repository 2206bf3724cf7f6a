"""What the demo provider says: believable, the same for the same prompt, and labelled."""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from core.gateway.demo.directives import Directives, read_directives
from core.gateway.demo.schemas import Example

LABEL = "Demo answer"

_WORD = re.compile(r"[^\W\d_]{4,}")
_COMMON = frozenset(
    [
        "about",
        "after",
        "also",
        "because",
        "been",
        "before",
        "between",
        "could",
        "does",
        "each",
        "from",
        "have",
        "here",
        "into",
        "just",
        "like",
        "list",
        "make",
        "more",
        "most",
        "much",
        "need",
        "only",
        "other",
        "over",
        "please",
        "same",
        "should",
        "some",
        "such",
        "tell",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "under",
        "very",
        "want",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "write",
        "your",
        "explain",
        "give",
        "help",
    ]
)

_OPENINGS = (
    "here is a short take on {topic}.",
    "three points stand out about {topic}.",
    "the way most teams approach {topic} comes down to a few habits.",
    "let us look at {topic} step by step.",
)
_POINTS = (
    "Start small: pick one part of {topic}, measure it, and only then widen the scope.",
    "Write down who owns {other}, since unclear ownership costs more than any tool.",
    "Keep {topic} and {other} apart; they change for different reasons and at different times.",
    "Agree on one figure for {topic} that everybody can read, and look at it each week.",
    "Prefer a plain process for {other} over a clever one that nobody can repeat.",
    "Ask the people closest to {topic} what slows them down; the answer is often cheap to fix.",
    "Plan for the day when {other} fails, and rehearse it once before it matters.",
    "Review {topic} after a month with fresh eyes, and drop what did not help.",
)
_CLOSINGS = (
    "If you tell me more about your situation, I can be more specific.",
    "With that in place, the rest of {topic} usually follows.",
    "Shall I turn this into a checklist?",
)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the demo provider wants to make."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a text or tool calls, and how it is to be delivered."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    directives: Directives

    def pieces(self) -> list[str]:
        """Return the text in the chunks that a provider would send: a few words each."""
        words = re.findall(r"\S+\s*|\s+", self.text)
        return ["".join(words[index : index + 3]) for index in range(0, len(words), 3)]


def answer_to(
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    *,
    model: str,
    most_words: int | None,
    choice: int = 0,
) -> Answer:
    """Return what the demo LLM answers to a conversation."""
    asked, prompt = read_directives(_text_of(_last(messages, "user")))
    # The directive of an earlier turn would break the answer to a tool's result again.
    directives = asked if messages[-1].get("role") == "user" else Directives()
    chance = random.Random(  # noqa: S311  the same prompt has the same answer
        hashlib.sha256(f"{prompt}|{len(messages)}|{choice}".encode()).digest()
    )
    calls = _tool_calls(messages, options, prompt, chance)
    if calls:
        return Answer("", calls, "tool_calls", directives)
    text = directives.say
    if text is None:
        text = _text(messages, options, prompt, model, directives.words, chance)
    words = re.findall(r"\S+\s*|\s+", text)
    if most_words is not None and len(words) > most_words:
        return Answer("".join(words[:most_words]).rstrip(), (), "length", directives)
    return Answer(text, (), "stop", directives)


def _text(  # noqa: PLR0917  one caller
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    prompt: str,
    model: str,
    words: int | None,
    chance: random.Random,
) -> str:
    wanted = options.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return orjson.dumps({"demo": True, "answer": f"About {_topics(prompt)[0]}"}).decode()
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        return orjson.dumps(Example(prompt, chance).of(schema)).decode()
    if messages[-1].get("role") == "tool":
        result = _text_of(messages[-1])[:600]
        return (
            f"{LABEL} ({model}): the tool returned {result} In short, that answers your question."
        )
    return _prose(prompt, model, words, chance)


def _prose(prompt: str, model: str, words: int | None, chance: random.Random) -> str:
    topic, other = _topics(prompt)
    label = f"{LABEL} ({model}): "
    body = chance.choice(_OPENINGS).format(topic=topic)
    points = chance.sample(_POINTS, k=len(_POINTS))
    lines = [f"{label}{body}", ""]
    count, index = len(body.split()), 0
    while index < 3 if words is None else count < words:
        point = points[index % len(points)].format(topic=topic, other=other)
        lines.append(f"{index + 1}. {point}")
        count += len(point.split()) + 1
        index += 1
    lines += ["", chance.choice(_CLOSINGS).format(topic=topic)]
    text = "\n".join(lines)
    if words is None:
        return text
    return "".join(re.findall(r"\S+\s*|\s+", text)[:words]).rstrip()


def _tool_calls(
    messages: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    prompt: str,
    chance: random.Random,
) -> tuple[ToolCall, ...]:
    tools = [tool["function"] for tool in options.get("tools") or ()]
    choice = options.get("tool_choice", "auto")
    if not tools or choice == "none" or messages[-1].get("role") == "tool":
        return ()
    if isinstance(choice, dict):
        chosen = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    else:
        chosen = [tool for tool in tools if _is_asked_for(tool["name"], prompt)]
    if not chosen and choice == "required":
        chosen = tools[:1]
    if options.get("parallel_tool_calls") is False:
        chosen = chosen[:1]
    return tuple(
        ToolCall(
            id=f"call_{chance.getrandbits(96):024x}",
            name=tool["name"],
            arguments=orjson.dumps(
                Example(prompt, chance).of(tool.get("parameters") or {"type": "object"})
            ).decode(),
        )
        for tool in chosen[:4]
    )


def _is_asked_for(name: str, prompt: str) -> bool:
    """Whether a prompt names a tool, or the telling words of its name ("weather")."""
    lowered = prompt.lower()
    if name.lower() in lowered:
        return True
    parts = re.findall(r"[a-z]{4,}", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    telling = [part for part in parts if part not in {"fetch", "find", "search", "list", "call"}]
    return bool(telling) and all(part in lowered for part in telling)


def _topics(prompt: str) -> tuple[str, str]:
    words = [word for word in _WORD.findall(prompt) if word.lower() not in _COMMON]
    words = list(dict.fromkeys(word if word[0].isupper() else word.lower() for word in words))
    topic = words[0] if words else "your question"
    return topic, words[1] if len(words) > 1 else "the details"


def _last(messages: Sequence[Mapping[str, Any]], role: str) -> Mapping[str, Any]:
    return next((each for each in reversed(messages) if each.get("role") == role), {})


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)
