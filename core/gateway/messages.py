"""The messages of a chat: roles, parts and tool calls, as OpenAI documents them."""

import re
from typing import Any

from core.gateway import fields
from core.gateway.fields import Reader, wrong

MOST_MESSAGES = 4096
MOST_PARTS = 512
MOST_CALLS = 128

_INLINE_IMAGE = re.compile(r"data:image/(?:png|jpeg|jpg|webp|gif);base64,[A-Za-z0-9+/=\s]+")
# An inline image may be as large as a body.
_IMAGE_CHARACTERS = 40_000_000


def read_messages(value: Any, param: str) -> list[dict[str, Any]]:
    """Read `messages`.

    Raises:
        InvalidBody: naming the first field that is wrong.
    """
    return [
        _message(each, f"{param}[{index}]")
        for index, each in enumerate(fields.items(value, param, most=MOST_MESSAGES))
    ]


def _message(value: Any, param: str) -> dict[str, Any]:
    message = fields.mapping(value, param)
    role = fields.one_of(*_ROLES)(message.get("role"), f"{param}.role")
    read = fields.only(message, _ROLES[role], prefix=f"{param}.")
    if role == "tool" and "tool_call_id" not in read:
        raise wrong(f"{param}.tool_call_id", "the id of a tool call")
    if "content" not in read and not read.get("tool_calls"):
        raise wrong(f"{param}.content", "a string or a list of parts")
    # Some providers insist on the field.
    return {"role": role, "content": None, **read}


def _content(value: Any, param: str) -> Any:
    if isinstance(value, str):
        return fields.text(value, param, most=20_000_000)
    if not isinstance(value, list):
        raise wrong(param, "a string or a list of parts")
    return [
        _part(each, f"{param}[{index}]")
        for index, each in enumerate(fields.items(value, param, most=MOST_PARTS))
    ]


def _part(value: Any, param: str) -> dict[str, Any]:
    part = fields.mapping(value, param)
    kind = fields.one_of("text", "image_url", "refusal")(part.get("type"), f"{param}.type")
    if kind != "image_url":
        return {"type": kind, kind: fields.text(part.get(kind), f"{param}.{kind}")}
    return {"type": kind, kind: _image(part.get(kind), f"{param}.{kind}")}


def _image(value: Any, param: str) -> dict[str, Any]:
    image = fields.mapping(value, param)
    url = fields.text(image.get("url"), f"{param}.url", least=1, most=_IMAGE_CHARACTERS)
    is_inline = url.startswith("data:")
    if is_inline and not _INLINE_IMAGE.fullmatch(url):
        raise wrong(f"{param}.url", "a PNG, JPEG, WebP or GIF as a base64 data URL")
    if not is_inline and not (url.startswith("https://") and len(url) <= 2048):
        raise wrong(f"{param}.url", "an https address or a data URL")
    read: dict[str, Any] = {"url": url}
    if image.get("detail") is not None:
        read["detail"] = fields.one_of("auto", "low", "high")(image["detail"], f"{param}.detail")
    return read


def _tool_calls(value: Any, param: str) -> list[dict[str, Any]]:
    return [
        _tool_call(each, f"{param}[{index}]")
        for index, each in enumerate(fields.items(value, param, most=MOST_CALLS))
    ]


def _tool_call(value: Any, param: str) -> dict[str, Any]:
    call = fields.mapping(value, param)
    fields.one_of("function")(call.get("type", "function"), f"{param}.type")
    function = fields.mapping(call.get("function"), f"{param}.function")
    return {
        "id": _id(call.get("id"), f"{param}.id"),
        "type": "function",
        "function": {
            "name": fields.text(function.get("name"), f"{param}.function.name", least=1, most=64),
            "arguments": fields.text(function.get("arguments", ""), f"{param}.function.arguments"),
        },
    }


def _id(value: Any, param: str) -> str:
    return fields.text(value, param, least=1, most=256)


def _name(value: Any, param: str) -> str:
    return fields.text(value, param, least=1, most=64)


_SPOKEN: dict[str, Reader] = {"content": _content, "name": _name}
_ROLES: dict[str, dict[str, Reader]] = {
    "system": _SPOKEN,
    "developer": _SPOKEN,
    "user": _SPOKEN,
    "assistant": {**_SPOKEN, "refusal": fields.text, "tool_calls": _tool_calls},
    "tool": {**_SPOKEN, "tool_call_id": _id},
}
