"""Anthropic's messages: content in blocks, named events, errors of its own."""

from typing import Any

import orjson

from core.gateway import bodies, fields
from core.gateway.bodies import Body
from core.gateway.dialects.base import Call, event, first_choice, text_of
from core.gateway.errors import InvalidBody
from core.gateway.fields import Reader, wrong
from core.kit.problems import Problem

MOST_BLOCKS = 512
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def read_messages(raw: bytes) -> Body:
    """Read the body of `/v1/messages`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    return _read(bodies.parse(raw), raw)


def read_count(raw: bytes) -> Body:
    """Read the body of `/v1/messages/count_tokens`: a message that is not sent.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    return _read({"max_tokens": 1, **bodies.parse(raw)}, raw)


def _read(body: dict[str, Any], raw: bytes) -> Body:
    given = fields.only(body, _READERS)
    for name in ("messages", "max_tokens"):
        if name not in given:
            raise wrong(name, "there")
    messages = given.pop("messages")
    if system := given.pop("system", None):
        messages = [{"role": "system", "content": system}, *messages]
    chat: dict[str, Any] = {"model": body.get("model"), "messages": messages}
    for name, value in given.items():
        chat |= _RENAMED[name](value) if name in _RENAMED else {name: value}
    dropped = bodies.dropped(body, {**_READERS, "model": fields.text})
    return bodies.chat_of(
        chat, raw, dialect=Messages, kind="messages", dropped=dropped, wants_usage=True
    )


def error_body(problem: Problem) -> dict[str, Any]:
    """Return a problem in Anthropic's shape; what helps a person stands under `details`."""
    kind = _ERRORS.get(problem.status)
    kind = kind or ("invalid_request_error" if problem.status < 500 else "api_error")
    error: dict[str, Any] = {"type": kind, "message": problem.detail, "code": problem.code}
    if problem.extensions:
        error["details"] = problem.extensions
    return {"type": "error", "error": error}


def _system(value: Any, param: str) -> str:
    if isinstance(value, str):
        return fields.text(value, param)
    blocks = fields.items(value, param, most=MOST_BLOCKS, least=0)
    return "\n\n".join(_text(block, f"{param}[{n}]") for n, block in enumerate(blocks))


def _text(value: Any, at: str) -> str:
    block = fields.mapping(value, at)
    fields.one_of("text")(block.get("type"), f"{at}.type")
    return fields.text(block.get("text"), f"{at}.text")


def _messages(value: Any, param: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index, each in enumerate(fields.items(value, param, most=4096)):
        at = f"{param}[{index}]"
        message = fields.mapping(each, at)
        role = fields.one_of("user", "assistant", "system")(message.get("role"), f"{at}.role")
        content = message.get("content")
        if isinstance(content, str):
            found.append({"role": role, "content": content})
            continue
        blocks = fields.items(content, f"{at}.content", most=MOST_BLOCKS)
        found += (_of_assistant if role == "assistant" else _of_user)(blocks, f"{at}.content", role)
    return found


def _of_user(blocks: list[Any], at: str, role: str) -> list[dict[str, Any]]:
    """Return a message as OpenAI has it: what tools answered first, each by itself."""
    results: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for index, each in enumerate(blocks):
        where = f"{at}[{index}]"
        block = fields.mapping(each, where)
        kind = fields.one_of("text", "image", "tool_result")(block.get("type"), f"{where}.type")
        if kind == "tool_result":
            results.append(_result(block, where))
        else:
            parts.append(_part(block, where))
    return [*results, *([{"role": role, "content": parts}] if parts else [])]


def _of_assistant(blocks: list[Any], at: str, role: str) -> list[dict[str, Any]]:
    said: list[str] = []
    calls: list[dict[str, Any]] = []
    kinds = ("text", "tool_use", "thinking", "redacted_thinking")
    for index, each in enumerate(blocks):
        where = f"{at}[{index}]"
        block = fields.mapping(each, where)
        kind = fields.one_of(*kinds)(block.get("type"), f"{where}.type")
        if kind == "text":
            said.append(fields.text(block.get("text"), f"{where}.text"))
        elif kind == "tool_use":
            arguments = orjson.dumps(fields.tree(block.get("input"), f"{where}.input"))
            function = {"name": block.get("name"), "arguments": arguments.decode()}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
    message: dict[str, Any] = {"role": role, "content": "".join(said) or None}
    if calls:
        message["tool_calls"] = calls
    # A turn of thoughts alone says nothing that another provider could read.
    return [message] if said or calls else []


def _result(block: dict[str, Any], at: str) -> dict[str, Any]:
    content = block.get("content") or ""
    if isinstance(content, list):
        content = [
            _part(fields.mapping(each, f"{at}.content[{n}]"), f"{at}.content[{n}]")
            for n, each in enumerate(content)
        ]
    return {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": content}


def _part(block: dict[str, Any], at: str) -> dict[str, Any]:
    kind = fields.one_of("text", "image")(block.get("type"), f"{at}.type")
    if kind == "text":
        return {"type": "text", "text": fields.text(block.get("text"), f"{at}.text")}
    source = fields.mapping(block.get("source"), f"{at}.source")
    if fields.one_of("base64", "url")(source.get("type"), f"{at}.source.type") == "url":
        return {"type": "image_url", "image_url": {"url": source.get("url")}}
    url = f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _tools(value: Any, param: str) -> list[dict[str, Any]]:
    found = []
    for index, each in enumerate(fields.items(value, param, most=bodies.MOST_TOOLS, least=0)):
        tool = fields.mapping(each, f"{param}[{index}]")
        # Those of Anthropic's own would run there, past guardrails and prices.
        if tool.get("type") not in {None, "custom"}:
            raise InvalidBody("Only tools of your own are passed on.", param=f"{param}[{index}]")
        function: dict[str, Any] = {
            "name": tool.get("name"),
            "parameters": tool.get("input_schema") or {},
        }
        if tool.get("description"):
            function["description"] = tool["description"]
        found.append({"type": "function", "function": function})
    return found


def _tool_choice(value: dict[str, Any]) -> dict[str, Any]:
    kind = fields.one_of("auto", "any", "none", "tool")(value.get("type"), "tool_choice.type")
    words = {"auto": "auto", "any": "required", "none": "none"}
    named = {"type": "function", "function": {"name": value.get("name")}}
    read: dict[str, Any] = {"tool_choice": words.get(kind, named)}
    if value.get("disable_parallel_tool_use"):
        read["parallel_tool_calls"] = False
    return read


def _user(value: dict[str, Any]) -> dict[str, Any]:
    return {"user": value["user_id"]} if value.get("user_id") else {}


_RENAMED = {
    "stop_sequences": lambda value: {"stop": value} if value else {},
    "tool_choice": _tool_choice,
    "metadata": _user,
}
_READERS: dict[str, Reader] = {
    "messages": _messages,
    "system": _system,
    "tools": _tools,
    "tool_choice": fields.mapping,
    "metadata": fields.mapping,
    "stop_sequences": bodies.CHAT["stop"],
    **{name: bodies.CHAT[name] for name in ("max_tokens", "stream", "temperature", "top_p")},
}


class Messages:
    """One message; `frames` keeps track of the block that is being written."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._has_begun = False
        self._blocks = 0
        # What is open: "" nothing, "text", or the index of a tool call.
        self._open: str | int = ""
        self._reason = "end_turn"
        self._usage: dict[str, Any] | None = None

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a whole answer."""
        choice = first_choice(body)
        message = choice["message"]
        content: list[dict[str, Any]] = []
        if said := text_of(message):
            content.append({"type": "text", "text": said})
        content += [
            _tool_use(call, _input_of(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        ]
        return {
            **self._message(_usage(body["usage"])),
            "content": content,
            "stop_reason": _STOP_REASONS.get(choice["finish_reason"], "end_turn"),
        }

    def frames(self, chunk: dict[str, Any]) -> bytes:
        """Return the events of a chunk."""
        out = self._begin()
        for choice in chunk["choices"]:
            if said := text_of(choice["delta"]):
                out += self._opened("text", {"type": "text", "text": ""})
                out += self._delta({"type": "text_delta", "text": said})
            for call in choice["delta"].get("tool_calls") or ():
                out += self._call_tool(call)
            if choice["finish_reason"]:
                self._reason = _STOP_REASONS.get(choice["finish_reason"], "end_turn")
        self._usage = chunk.get("usage") or self._usage
        return out

    def ended(self, comment: bytes) -> bytes:
        """Return the end of a stream."""
        out = self._begin() + self._close()
        usage = _usage(self._usage) if self._usage else {"output_tokens": 0}
        delta = {"stop_reason": self._reason, "stop_sequence": None}
        body = {"type": "message_delta", "delta": delta, "usage": usage}
        return out + event(body, "message_delta") + comment + event(
            {"type": "message_stop"}, "message_stop"
        )  # fmt: skip

    def broken(self, problem: Problem) -> bytes:
        """Return the end of a stream that broke."""
        return event(error_body(problem), "error")

    def _begin(self) -> bytes:
        if self._has_begun:
            return b""
        self._has_begun = True
        usage = {"input_tokens": self._call.input_tokens, "output_tokens": 0}
        message = {**self._message(usage), "content": [], "stop_reason": None}
        return event({"type": "message_start", "message": message}, "message_start")

    def _call_tool(self, call: dict[str, Any]) -> bytes:
        out = self._opened(call["index"], _tool_use(call, {}))
        bit = call["function"].get("arguments")
        return out + self._delta({"type": "input_json_delta", "partial_json": bit}) if bit else out

    def _opened(self, what: str | int, block: dict[str, Any]) -> bytes:
        if self._open == what:
            return b""
        out = self._close()
        self._open = what
        body = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        return out + event(body, "content_block_start")

    def _delta(self, delta: dict[str, Any]) -> bytes:
        body = {"type": "content_block_delta", "index": self._blocks, "delta": delta}
        return event(body, "content_block_delta")

    def _close(self) -> bytes:
        if self._open == "":
            return b""
        body = {"type": "content_block_stop", "index": self._blocks}
        self._open, self._blocks = "", self._blocks + 1
        return event(body, "content_block_stop")

    def _message(self, usage: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"msg_{self._call.id}",
            "type": "message",
            "role": "assistant",
            "model": self._call.model,
            "stop_sequence": None,
            "usage": usage,
        }


def _tool_use(call: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    name = call["function"].get("name")
    return {"type": "tool_use", "id": call.get("id"), "name": name, "input": given}


def _input_of(arguments: str) -> dict[str, Any]:
    try:
        given = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        # Models write broken JSON now and then; the client sees it as it is.
        return {"_raw": arguments}
    if not isinstance(given, dict) or fields.is_deep(given):
        return {"_raw": arguments}
    return given


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    # Anthropic counts what came from the cache beside the input, not in it.
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return {
        "input_tokens": usage["prompt_tokens"] - cached,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage["completion_tokens"],
    }
