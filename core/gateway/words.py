"""What was said in an answer, put together again from its pieces, for logs that may keep it."""

from typing import Any


class Words:
    """The choices of one answer, as the client got them."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._tools: dict[int, dict[int, dict[str, Any]]] = {}

    def receive(self, choices: list[dict[str, Any]], *, key: str) -> None:
        """Take a whole answer's choices (`message`), or some of a stream's (`delta`)."""
        for choice in choices:
            part, index = choice[key], choice["index"]
            message = self._choices.setdefault(index, {"role": "assistant"})
            for name in ("content", "reasoning_content", "refusal"):
                if text := part.get(name):
                    message[name] = message.get(name, "") + text
            for call in part.get("tool_calls") or ():
                self._add_tool(index, call)
            if reason := choice.get("finish_reason"):
                message["finish_reason"] = reason

    def said(self) -> list[dict[str, Any]]:
        """Return the choices in order."""
        found = []
        for index, message in sorted(self._choices.items()):
            tools = [call for _, call in sorted(self._tools.get(index, {}).items())]
            found.append({**message, **({"tool_calls": tools} if tools else {})})
        return found

    def _add_tool(self, index: int, call: dict[str, Any]) -> None:
        tools = self._tools.setdefault(index, {})
        place = call.get("index", len(tools))
        held = tools.setdefault(place, {"name": "", "arguments": ""})
        function = call.get("function") or {}
        held["name"] = function.get("name") or held["name"]
        held["arguments"] += function.get("arguments") or ""
