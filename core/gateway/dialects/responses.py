"""OpenAI's responses: items in and out, with typed events. Nothing is kept between calls."""

from typing import Any

from core.gateway import bodies, fields
from core.gateway.bodies import Body
from core.gateway.dialects.response_events import ResponseEvents
from core.gateway.errors import InvalidBody
from core.gateway.fields import Reader, wrong

MOST_ITEMS = 4096
_ROLES = ("user", "assistant", "system", "developer")


def read_response(raw: bytes) -> Body:
    """Read the body of `/v1/responses`.

    Raises:
        InvalidBody: a field is missing or wrong, or would need what is kept nowhere.
    """
    body = bodies.parse(raw)
    if body.get("previous_response_id") or body.get("conversation"):
        raise InvalidBody(
            "Answers are not kept here; send the whole conversation as `input`.",
            param="previous_response_id",
        )
    if body.get("background"):
        raise InvalidBody("Calls do not run in the background here.", param="background")
    given = fields.only(body, _READERS)
    if "input" not in given:
        raise wrong("input", "a string or a list of items")
    messages = given.pop("input")
    if instructions := given.pop("instructions", None):
        messages = [{"role": "system", "content": instructions}, *messages]
    chat: dict[str, Any] = {"model": body.get("model"), "messages": messages}
    for name, value in given.items():
        chat |= _RENAMED[name](value) if name in _RENAMED else {name: value}
    dropped = bodies.dropped(body, {**_READERS, **_SILENT})
    return bodies.chat_of(
        chat, raw, dialect=ResponseEvents, kind="response", dropped=dropped, wants_usage=True
    )


def _input(value: Any, param: str) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": "user", "content": fields.text(value, param, least=1)}]
    messages: list[dict[str, Any]] = []
    for index, each in enumerate(fields.items(value, param, most=MOST_ITEMS)):
        at = f"{param}[{index}]"
        item = fields.mapping(each, at)
        kind = fields.one_of(*_ITEMS)(item.get("type") or "message", f"{at}.type")
        _ITEMS[kind](messages, item, at)
    return messages


def _add_message(messages: list[dict[str, Any]], item: dict[str, Any], at: str) -> None:
    role = fields.one_of(*_ROLES)(item.get("role"), f"{at}.role")
    content = item.get("content")
    if isinstance(content, list):
        content = [_part(part, f"{at}.content[{n}]") for n, part in enumerate(content)]
    messages.append({"role": role, "content": content})


def _part(value: Any, at: str) -> dict[str, Any]:
    part = fields.mapping(value, at)
    kinds = ("input_text", "output_text", "input_image", "refusal")
    kind = fields.one_of(*kinds)(part.get("type"), f"{at}.type")
    if kind == "input_image":
        image: dict[str, Any] = {"url": part.get("image_url")}
        if part.get("detail"):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part.get("refusal")}
    return {"type": "text", "text": part.get("text")}


def _add_call(messages: list[dict[str, Any]], item: dict[str, Any], at: str) -> None:
    call = {
        "id": fields.text(item.get("call_id"), f"{at}.call_id", least=1, most=256),
        "type": "function",
        "function": {"name": item.get("name"), "arguments": item.get("arguments") or ""},
    }
    last = messages[-1] if messages else {}
    # Calls made at once stand in one message.
    if last.get("role") == "assistant" and last.get("tool_calls"):
        last["tool_calls"].append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _add_output(messages: list[dict[str, Any]], item: dict[str, Any], at: str) -> None:
    output = item.get("output")
    if isinstance(output, list):
        output = [_part(part, f"{at}.output[{n}]") for n, part in enumerate(output)]
    call_id = fields.text(item.get("call_id"), f"{at}.call_id", least=1, most=256)
    messages.append({"role": "tool", "tool_call_id": call_id, "content": output})


def _skip(messages: list[dict[str, Any]], item: dict[str, Any], at: str) -> None:
    """Leave out what one provider has thought for itself; another cannot read it."""


_ITEMS = {
    "message": _add_message,
    "function_call": _add_call,
    "function_call_output": _add_output,
    "reasoning": _skip,
}


def _tools(value: Any, param: str) -> list[dict[str, Any]]:
    found = []
    for index, each in enumerate(fields.items(value, param, most=bodies.MOST_TOOLS, least=0)):
        tool = fields.mapping(each, f"{param}[{index}]")
        # The others would run at the provider, past guardrails and prices.
        fields.one_of("function")(tool.get("type"), f"{param}[{index}].type")
        names = ("name", "description", "parameters", "strict")
        function = {name: tool[name] for name in names if tool.get(name) is not None}
        found.append({"type": "function", "function": function})
    return found


def _tool_choice(value: Any, param: str) -> Any:
    if isinstance(value, str):
        return value
    choice = fields.mapping(value, param)
    return {"type": choice.get("type"), "function": {"name": choice.get("name")}}


def _format(value: dict[str, Any]) -> dict[str, Any]:
    wanted = value.get("format")
    read: dict[str, Any] = {}
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        names = ("name", "description", "schema", "strict")
        schema = {name: wanted[name] for name in names if name in wanted}
        read["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif wanted is not None:
        read["response_format"] = wanted
    return read | ({"verbosity": value["verbosity"]} if value.get("verbosity") else {})


def _effort(value: dict[str, Any]) -> dict[str, Any]:
    return {"reasoning_effort": value["effort"]} if value.get("effort") else {}


_RENAMED = {
    "max_output_tokens": lambda value: {"max_tokens": value},
    "text": _format,
    "reasoning": _effort,
}
_READERS: dict[str, Reader] = {
    "input": _input,
    "instructions": fields.text,
    "stream": fields.flag,
    "max_output_tokens": fields.a_whole_number(1, bodies.MOST_TOKENS),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "text": fields.mapping,
    "reasoning": fields.mapping,
    **{name: bodies.CHAT[name] for name in ("temperature", "top_p", "parallel_tool_calls", "user")},
}
# What changes nothing here needs no word about having been left out.
_SILENT: dict[str, Reader] = dict.fromkeys(
    ("model", "store", "metadata", "include", "truncation", "stream_options"), fields.text
)
