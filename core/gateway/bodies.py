"""What each path takes: an allow-list of fields, each checked, before anything else looks at them.

A field that is not listed never reaches LiteLLM, which would take `api_base`, `api_key`,
`fallbacks`, `mock_response` and dozens more from a caller. Dropped fields are named in a response
header, so that nobody wonders.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.gateway import fields
from core.gateway.dialects.base import DialectOf
from core.gateway.dialects.chat import OpenAiChat
from core.gateway.errors import InvalidBody
from core.gateway.fields import Reader, wrong
from core.gateway.messages import read_messages
from core.gateway.ports import LlmKind
from core.gateway.texts import Texts, texts_of_chat, texts_of_input

_MODEL_NAME = re.compile(r"[\w][\w.:/@ -]{0,199}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Every choice costs the allowed output once more.
MOST_CHOICES = 8
MOST_IMAGES = 10
MOST_TOOLS = 128
MOST_INPUTS = 2048
# Nobody's context window is larger; what an LLM allows is checked later.
MOST_TOKENS = 10_000_000


@dataclass(slots=True)
class Body:
    """A checked request: what goes upstream, and what only we read."""

    kind: LlmKind
    model: str
    upstream: dict[str, Any]
    is_stream: bool = False
    wants_usage: bool = False
    # None: the caller sets no limit, so we may.
    max_output_tokens: int | None = None
    choices: int = 1
    images: int = 0
    encoding_format: str = "float"
    dropped: tuple[str, ...] = ()
    # Tells a repeated call from another one under the same idempotency key.
    fingerprint: str = ""
    has_remote_images: bool = False
    # How the client speaks, and so how it is answered.
    dialect: DialectOf = OpenAiChat
    # Where what is sent is no text: seconds of sound, or characters to be spoken.
    counted_input: int | None = None
    # And what is charged where nobody reports it, if that count is the most it can be.
    estimated_input: int | None = None
    # How the client wants a transcription: as JSON, or as the bare text.
    wants_text: bool = False
    _texts: Texts | None = field(default=None, repr=False)

    def texts(self) -> Texts:
        """Return the texts that input guardrails look at."""
        if self._texts is None:
            read = texts_of_chat if self.kind == "chat" else texts_of_input
            self._texts = read(self.upstream)
        return self._texts


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        InvalidBody: it is not JSON, or not an object.
    """
    try:
        body = orjson.loads(raw)
    except (orjson.JSONDecodeError, RecursionError):
        raise InvalidBody("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise InvalidBody("The body must be a JSON object.")
    return body


def read_chat(raw: bytes) -> Body:
    """Read the body of `/v1/chat/completions`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = parse(raw)
    return chat_of(body, raw, dropped=dropped(body, {**CHAT, "model": fields.text}))


def chat_of(
    body: dict[str, Any],
    raw: bytes,
    *,
    dropped: tuple[str, ...],
    kind: str = "chat",
    dialect: DialectOf = OpenAiChat,
    wants_usage: bool = False,
) -> Body:
    """Read a chat, however the client has spoken; `raw` is what came, and tells calls apart.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    model = model_of(body)
    upstream = fields.only(body, CHAT)
    if "messages" not in upstream:
        raise wrong("messages", "a list of messages")
    is_stream = bool(upstream.pop("stream", False))
    options = upstream.pop("stream_options", {})
    limit = upstream.pop("max_completion_tokens", None) or upstream.pop("max_tokens", None)
    upstream.pop("max_tokens", None)
    return Body(
        kind="chat",
        model=model,
        fingerprint=fingerprint(kind, raw),
        dialect=dialect,
        upstream=upstream,
        is_stream=is_stream,
        wants_usage=is_stream and (wants_usage or bool(options.get("include_usage"))),
        max_output_tokens=limit,
        choices=upstream.get("n", 1),
        dropped=dropped,
        has_remote_images=_has_remote_images(upstream["messages"]),
    )


def read_embedding(raw: bytes) -> Body:
    """Read the body of `/v1/embeddings`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = parse(raw)
    model = model_of(body)
    upstream = fields.only(body, _EMBEDDING)
    if "input" not in upstream:
        raise wrong("input", "a string or a list of strings")
    encoding = upstream.pop("encoding_format", "float")
    return Body(
        kind="embedding",
        model=model,
        fingerprint=fingerprint("embedding", raw),
        upstream=upstream,
        max_output_tokens=0,
        encoding_format=encoding,
        dropped=dropped(body, {**_EMBEDDING, "model": fields.text}),
    )


def read_image(raw: bytes) -> Body:
    """Read the body of `/v1/images/generations`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = parse(raw)
    model = model_of(body)
    upstream = fields.only(body, _IMAGE)
    if "prompt" not in upstream:
        raise wrong("prompt", "a string")
    return Body(
        kind="image",
        model=model,
        fingerprint=fingerprint("image", raw),
        upstream=upstream,
        images=upstream.get("n", 1),
        choices=upstream.get("n", 1),
        dropped=dropped(body, {**_IMAGE, "model": fields.text}),
    )


def fingerprint(kind: str, raw: bytes) -> str:
    """Return what tells a repeated call from another one."""
    return hashlib.sha256(kind.encode() + b"|" + raw).hexdigest()


def model_of(body: dict[str, Any]) -> str:
    """Return the name of the LLM that a body asks for."""
    name = fields.text(body.get("model"), "model", least=1, most=200)
    if not _MODEL_NAME.fullmatch(name):
        raise wrong("model", "the name of an LLM")
    return name


def dropped(body: dict[str, Any], readers: dict[str, Reader]) -> tuple[str, ...]:
    """Return the fields that are not taken, for a header that says so."""
    names = sorted(key for key in body if key not in readers)
    # The names come from the caller and go into a header.
    return tuple(name for name in names if _TOOL_NAME.fullmatch(name))[:20]


def _has_remote_images(messages: list[dict[str, Any]]) -> bool:
    return any(
        not part["image_url"]["url"].startswith("data:")
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
        if "image_url" in part
    )


def _stop(value: Any, param: str) -> Any:
    if isinstance(value, str):
        return fields.text(value, param, most=1000)
    return [fields.text(each, param, most=1000) for each in fields.items(value, param, most=16)]


def _stream_options(value: Any, param: str) -> dict[str, Any]:
    return fields.only(
        fields.mapping(value, param), {"include_usage": fields.flag}, prefix=f"{param}."
    )


def _logit_bias(value: Any, param: str) -> dict[str, Any]:
    bias = fields.mapping(value, param)
    if len(bias) > 1024:
        raise wrong(param, "an object of at most 1024 entries")
    read = fields.a_number(-100, 100)
    return {str(key): read(each, f"{param}.{key}"[:80]) for key, each in bias.items()}


def _response_format(value: Any, param: str) -> dict[str, Any]:
    wanted = fields.mapping(value, param)
    kind = fields.one_of("text", "json_object", "json_schema")(wanted.get("type"), f"{param}.type")
    if kind != "json_schema":
        return {"type": kind}
    schema = fields.tree(wanted.get("json_schema"), f"{param}.json_schema")
    fields.text(schema.get("name"), f"{param}.json_schema.name", least=1, most=200)
    return {"type": kind, "json_schema": schema}


def _tools(value: Any, param: str) -> list[dict[str, Any]]:
    return [
        _tool(each, f"{param}[{index}]")
        for index, each in enumerate(fields.items(value, param, most=MOST_TOOLS, least=0))
    ]


def _tool(value: Any, param: str) -> dict[str, Any]:
    tool = fields.mapping(value, param)
    # Other kinds would run at the provider or inside LiteLLM, past our guard and our ledger.
    fields.one_of("function")(tool.get("type"), f"{param}.type")
    function = fields.mapping(tool.get("function"), f"{param}.function")
    _tool_name(function.get("name"), f"{param}.function.name")
    readers: dict[str, Reader] = {
        "name": fields.text,
        "description": fields.text,
        "parameters": fields.tree,
        "strict": fields.flag,
    }
    return {
        "type": "function",
        "function": fields.only(function, readers, prefix=f"{param}.function."),
    }


def _tool_name(value: Any, param: str) -> str:
    name = fields.text(value, param)
    if not _TOOL_NAME.fullmatch(name):
        raise wrong(param, "1 to 64 letters, digits, dashes or underscores")
    return name


def _tool_choice(value: Any, param: str) -> Any:
    if isinstance(value, str):
        return fields.one_of("none", "auto", "required")(value, param)
    choice = fields.mapping(value, param)
    fields.one_of("function")(choice.get("type"), f"{param}.type")
    function = fields.mapping(choice.get("function"), f"{param}.function")
    name = _tool_name(function.get("name"), f"{param}.function.name")
    return {"type": "function", "function": {"name": name}}


def read_input(value: Any, param: str) -> Any:
    """Read a text or a list of texts."""
    if isinstance(value, str):
        return fields.text(value, param, least=1)
    inputs = fields.items(value, param, most=MOST_INPUTS)
    # Tokens instead of text cannot be guarded, and mean something else for each LLM.
    return [fields.text(each, f"{param}[{index}]", least=1) for index, each in enumerate(inputs)]


def _prompt(value: Any, param: str) -> str:
    return fields.text(value, param, least=1, most=32_000)


def _user(value: Any, param: str) -> str:
    return fields.text(value, param, most=512)


CHAT: dict[str, Reader] = {
    "messages": read_messages,
    "stream": fields.flag,
    "stream_options": _stream_options,
    "max_tokens": fields.a_whole_number(1, MOST_TOKENS),
    "max_completion_tokens": fields.a_whole_number(1, MOST_TOKENS),
    "temperature": fields.a_number(0, 2),
    "top_p": fields.a_number(0, 1),
    "n": fields.a_whole_number(1, MOST_CHOICES),
    "stop": _stop,
    "presence_penalty": fields.a_number(-2, 2),
    "frequency_penalty": fields.a_number(-2, 2),
    "logit_bias": _logit_bias,
    "logprobs": fields.flag,
    "top_logprobs": fields.a_whole_number(0, 20),
    "seed": fields.a_whole_number(-(2**63), 2**63 - 1),
    "response_format": _response_format,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": fields.flag,
    "reasoning_effort": fields.one_of("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": fields.one_of("low", "medium", "high"),
    "prompt_cache_key": _user,
    "user": _user,
}
_EMBEDDING: dict[str, Reader] = {
    "input": read_input,
    "dimensions": fields.a_whole_number(1, 65_536),
    "encoding_format": fields.one_of("float", "base64"),
    "user": _user,
}
_IMAGE: dict[str, Reader] = {
    "prompt": _prompt,
    "n": fields.a_whole_number(1, MOST_IMAGES),
    "size": fields.one_of(
        "auto",
        "256x256",
        "512x512",
        "1024x1024",
        "1536x1024",
        "1024x1536",
        "1792x1024",
        "1024x1792",
    ),
    "quality": fields.one_of("auto", "low", "medium", "high", "standard", "hd"),
    "response_format": fields.one_of("url", "b64_json"),
    "background": fields.one_of("auto", "transparent", "opaque"),
    "output_format": fields.one_of("png", "jpeg", "webp"),
    "style": fields.one_of("vivid", "natural"),
    "user": _user,
}
