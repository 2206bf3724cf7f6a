"""Answers of OpenAI's responses: a body of items, or the events that build it up."""

from typing import Any

from core.gateway.dialects.base import Call, event, first_choice, text_of
from core.gateway.errors import error_body
from core.kit.problems import Problem

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponseEvents:
    """One response; `frames` keeps track of the item that is being written."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._open_call: int | None = None
        # What has come of it; adding each piece to a text would copy all that came before.
        self._bits: list[str] = []
        self._reason = ""
        self._usage: dict[str, Any] | None = None

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a whole answer."""
        choice = first_choice(body)
        message = choice["message"]
        if said := text_of(message):
            self._output.append(self._message(said))
        for call in message.get("tool_calls") or ():
            self._output.append(self._function_call(call, status="completed"))
        self._reason, self._usage = choice["finish_reason"], body["usage"]
        return self._response(self._status())

    def frames(self, chunk: dict[str, Any]) -> bytes:
        """Return the events of a chunk."""
        out = b"" if self._number else self._begin()
        for choice in chunk["choices"]:
            if said := text_of(choice["delta"]):
                out += self._say(said)
            for call in choice["delta"].get("tool_calls") or ():
                out += self._call_tool(call)
            self._reason = choice["finish_reason"] or self._reason
        self._usage = chunk.get("usage") or self._usage
        return out

    def ended(self, comment: bytes) -> bytes:
        """Return the end of a stream."""
        out = (b"" if self._number else self._begin()) + self._close()
        status = self._status()
        return out + comment + self._event(f"response.{status}", response=self._response(status))

    def broken(self, problem: Problem) -> bytes:
        """Return the end of a stream that broke."""
        error = error_body(problem)["error"]
        failed = {**self._response("failed"), "error": {"code": error["code"],
                                                        "message": error["message"]}}  # fmt: skip
        return self._event("response.failed", response=failed)

    # -- events ------------------------------------------------------------------------------------

    def _event(self, kind: str, **body: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return event({"type": kind, "sequence_number": number, **body}, kind)

    def _begin(self) -> bytes:
        at_first = self._response("in_progress")
        return self._event("response.created", response=at_first) + self._event(
            "response.in_progress", response=at_first
        )

    def _say(self, said: str) -> bytes:
        out = b""
        if self._open is None or self._open["type"] != "message":
            out = self._close() + self._open_item(self._message(""))
            out += self._event(
                "response.content_part.added", **self._at(), content_index=0, part=_text("")
            )
        assert self._open is not None
        self._bits.append(said)
        return out + self._event(
            "response.output_text.delta", **self._at(), content_index=0, delta=said, logprobs=[]
        )

    def _call_tool(self, call: dict[str, Any]) -> bytes:
        out, function = b"", call["function"]
        if self._open_call != call["index"] or self._open is None:
            out = self._close()
            named = {"id": call.get("id"), "function": {**function, "arguments": ""}}
            out += self._open_item(self._function_call(named, status="in_progress"))
            self._open_call = call["index"]
        assert self._open is not None
        bit = function.get("arguments") or ""
        if not bit:
            return out
        self._bits.append(bit)
        return out + self._event("response.function_call_arguments.delta", **self._at(), delta=bit)

    def _open_item(self, item: dict[str, Any]) -> bytes:
        self._open, self._bits = {**item, "status": "in_progress"}, []
        self._output.append(self._open)
        shown = {**self._open, "content": []} if item["type"] == "message" else self._open
        index = len(self._output) - 1
        return self._event("response.output_item.added", output_index=index, item=shown)

    def _fill(self) -> None:
        """Put what has come into the item that is being written."""
        if self._open is None:
            return
        came = "".join(self._bits)
        if self._open["type"] == "message":
            self._open["content"][0]["text"] = came
        else:
            self._open["arguments"] = came

    def _close(self) -> bytes:
        item = self._open
        if item is None:
            return b""
        self._fill()
        out = b""
        if item["type"] == "message":
            text = item["content"][0]["text"]
            out += self._event(
                "response.output_text.done", **self._at(), content_index=0, text=text, logprobs=[]
            )
            out += self._event(
                "response.content_part.done", **self._at(), content_index=0, part=_text(text)
            )
        else:
            out += self._event(
                "response.function_call_arguments.done",
                **self._at(), name=item["name"], arguments=item["arguments"],
            )  # fmt: skip
        item["status"] = "completed"
        out += self._event(
            "response.output_item.done", output_index=len(self._output) - 1, item=item
        )
        self._open = self._open_call = None
        return out

    def _at(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._output) - 1}

    # -- bodies ------------------------------------------------------------------------------------

    def _status(self) -> str:
        return "incomplete" if self._reason in _INCOMPLETE else "completed"

    def _message(self, said: str) -> dict[str, Any]:
        return {
            "type": "message",
            "id": f"msg_{self._call.id}_{len(self._output)}",
            "status": "completed",
            "role": "assistant",
            "content": [_text(said)],
        }

    def _function_call(self, call: dict[str, Any], *, status: str) -> dict[str, Any]:
        return {
            "type": "function_call",
            "id": f"fc_{self._call.id}_{len(self._output)}",
            "status": status,
            "call_id": call["id"],
            "name": call["function"].get("name"),
            "arguments": call["function"].get("arguments") or "",
        }

    def _response(self, status: str) -> dict[str, Any]:
        reason = _INCOMPLETE.get(self._reason) if status == "incomplete" else None
        self._fill()
        return {
            "id": f"resp_{self._call.id}",
            "object": "response",
            "created_at": self._call.created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": None,
            "max_output_tokens": None,
            "metadata": {},
            "model": self._call.model,
            "output": list(self._output),
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "store": False,
            "temperature": None,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "truncation": "disabled",
            "usage": _usage(self._usage),
        }


def _text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


def _usage(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": usage["prompt_tokens_details"]["cached_tokens"]},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {
            "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]
        },
        "total_tokens": usage["total_tokens"],
    }
