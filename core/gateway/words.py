"""What was said in an answer, put together again from its pieces, for logs that may keep it."""

from typing import Any

_TEXTS = ("content", "reasoning_content", "refusal")


class Words:
    """The choices of one answer, as the client got them.

    Pieces are joined at the end: adding each to a text would copy all that came before.
    """

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._tools: dict[int, dict[int, tuple[dict[str, Any], list[str]]]] = {}

    def receive(self, choices: list[dict[str, Any]], *, key: str) -> None:
        """Take a whole answer's choices (`message`), or some of a stream's (`delta`)."""
        for choice in choices:
            part, index = choice[key], choice["index"]
            message = self._choices.setdefault(index, {"role": "assistant"})
            for name in _TEXTS:
                if text := part.get(name):
                    self._pieces.setdefault((index, name), []).append(text)
            for call in part.get("tool_calls") or ():
                self._add_tool(index, call)
            if reason := choice.get("finish_reason"):
                message["finish_reason"] = reason

    def said(self) -> list[dict[str, Any]]:
        """Return the choices in order."""
        found = []
        for index, message in sorted(self._choices.items()):
            texts = {
                name: "".join(self._pieces[index, name])
                for name in _TEXTS
                if (index, name) in self._pieces
            }
            tools = [
                {**call, "arguments": "".join(bits)}
                for _, (call, bits) in sorted(self._tools.get(index, {}).items())
            ]
            found.append({**message, **texts, **({"tool_calls": tools} if tools else {})})
        return found

    def _add_tool(self, index: int, call: dict[str, Any]) -> None:
        tools = self._tools.setdefault(index, {})
        place = call.get("index", len(tools))
        held, bits = tools.setdefault(place, ({"name": ""}, []))
        function = call.get("function") or {}
        held["name"] = function.get("name") or held["name"]
        bits.append(function.get("arguments") or "")
