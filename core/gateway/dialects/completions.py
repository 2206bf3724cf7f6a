"""OpenAI's legacy completions: one prompt, one text."""

from typing import Any

from core.gateway import bodies, fields
from core.gateway.bodies import Body
from core.gateway.dialects.base import Call, event, text_of
from core.gateway.dialects.chat import OpenAiChat
from core.gateway.fields import Reader, wrong


def read_completion(raw: bytes) -> Body:
    """Read the body of `/v1/completions`.

    Raises:
        InvalidBody: a field is missing or wrong.
    """
    body = bodies.parse(raw)
    given = fields.only(body, _READERS)
    if "prompt" not in given:
        raise wrong("prompt", "a string")
    message = {"role": "user", "content": given.pop("prompt")}
    chat = {"model": body.get("model"), "messages": [message], **given}
    dropped = bodies.dropped(body, {**_READERS, "model": fields.text})
    return bodies.chat_of(chat, raw, dialect=Completion, kind="completion", dropped=dropped)


def _prompt(value: Any, param: str) -> str:
    # Several prompts would be several calls; tokens cannot be guarded.
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return fields.text(value, param, least=1)


_READERS: dict[str, Reader] = {
    "prompt": _prompt,
    **{
        name: bodies.CHAT[name]
        for name in (
            "stream", "stream_options", "max_tokens", "temperature", "top_p", "n", "stop",
            "presence_penalty", "frequency_penalty", "logit_bias", "seed", "user",
        )
    },
}  # fmt: skip


class Completion(OpenAiChat):
    """Writes a chat's answer as a text."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a whole answer."""
        choices = [_choice(choice, text_of(choice["message"])) for choice in body["choices"]]
        return {**self._head(body), "choices": choices, "usage": body["usage"]}

    def frames(self, chunk: dict[str, Any]) -> bytes:
        """Return a chunk as an event; what has no text is left out."""
        choices = [
            _choice(choice, text_of(choice["delta"]))
            for choice in chunk["choices"]
            if choice["finish_reason"] or text_of(choice["delta"])
        ]
        if not choices and not chunk.get("usage"):
            return b""
        usage = {"usage": chunk["usage"]} if "usage" in chunk else {}
        return event({**self._head(chunk), "choices": choices, **usage})

    def _head(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"cmpl-{self._call.id}",
            "object": "text_completion",
            "created": body["created"],
            "model": body["model"],
            "system_fingerprint": body["system_fingerprint"],
        }


def _choice(choice: dict[str, Any], text: str) -> dict[str, Any]:
    reason = choice["finish_reason"]
    return {"text": text, "index": choice["index"], "logprobs": None, "finish_reason": reason}
