"""Output guardrails over a stream: what leaves is checked, however it was cut into chunks."""

from typing import Any

from core.gateway.texts import Texts
from core.guardrails.engine import GuardrailPool
from core.guardrails.verdicts import BoundGuardrail, Verdict
from core.guardrails.window import OutputTally, TextWindow

_TEXTS = ("content", "reasoning_content", "refusal")


class OutputGuard:
    """Takes the choices of chunk after chunk and returns what of them may go on."""

    def __init__(self, guardrails: tuple[BoundGuardrail, ...], pool: GuardrailPool) -> None:
        self._tally = OutputTally(guardrails)
        self._pool = pool
        self._choices: dict[int, _GuardedChoice] = {}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the guardrails have decided so far."""
        return self._tally.verdicts()

    async def pass_on(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the choices as they may go on; texts that are held back come later.

        Raises:
            Blocked: a blocking guardrail found something.
            GuardrailUnavailable: a mandatory guardrail could not run.
        """
        if not self._tally.guardrails:
            return choices
        passed: list[dict[str, Any]] = []
        for choice in choices:
            guarded = self._choices.setdefault(
                choice["index"], _GuardedChoice(self._tally, self._pool)
            )
            passed += await guarded.pass_on(choice)
        return passed

    async def end(self) -> list[dict[str, Any]]:
        """Return what is still held back, once the stream has ended."""
        return [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            for index, guarded in self._choices.items()
            if (delta := await guarded.flush())
        ]


class _GuardedChoice:
    """The running texts of one choice."""

    def __init__(self, tally: OutputTally, pool: GuardrailPool) -> None:
        self._pool = pool
        self._tally = tally
        self._windows = {name: TextWindow(tally, pool.find) for name in _TEXTS}
        self._tools: dict[int, dict[str, Any]] = {}
        # Their arguments in pieces: adding each to a text would copy all that came before.
        self._arguments: dict[int, list[str]] = {}

    async def pass_on(self, choice: dict[str, Any]) -> list[dict[str, Any]]:
        delta = choice["delta"]
        passed: dict[str, Any] = {"role": delta["role"]} if "role" in delta else {}
        for name in _TEXTS:
            if name in delta and (text := await self._windows[name].push(delta[name])):
                passed[name] = text
        for call in delta.get("tool_calls", ()):
            self._hold(call)
        is_last = choice["finish_reason"] is not None
        rest = await self.flush() if is_last else {}
        # Log probabilities spell out the very tokens that a mask takes away.
        chunks = [
            {**choice, "delta": part, "logprobs": None, "finish_reason": None}
            for part in (passed, rest)
            if part
        ]
        if is_last:
            chunks.append({**choice, "delta": {}, "logprobs": None})
        return chunks

    async def flush(self) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        for name, window in self._windows.items():
            if text := await window.push("", is_last=True):
                rest[name] = text
        if self._tools:
            rest["tool_calls"] = await self._checked_tools()
        return rest

    def _hold(self, call: dict[str, Any]) -> None:
        """Keep a tool call until it is whole: nobody can use half of one, nor mask it."""
        held = self._tools.setdefault(call["index"], {**call, "function": {}})
        held |= {key: call[key] for key in ("id", "type") if key in call}
        function = held["function"]
        bits = self._arguments.setdefault(call["index"], [])
        bits.append(call["function"].get("arguments", ""))
        if "name" in call["function"]:
            function["name"] = call["function"]["name"]

    async def _checked_tools(self) -> list[dict[str, Any]]:
        calls = [self._tools[index] for index in sorted(self._tools)]
        for call in calls:
            call["function"]["arguments"] = "".join(self._arguments[call["index"]])
        self._tools.clear()
        self._arguments.clear()
        texts = Texts()
        for call in calls:
            texts.add_name(call["function"])
            texts.add_json(call["function"], "arguments")
        checked = await self._pool.check(texts.values, self._tally.guardrails, stage="output")
        self._tally.add(checked.verdicts)
        texts.replace(checked.texts)
        return calls
