"""Guardrails over a running text: nothing is released that text still to come could make a finding.

A check of each chunk by itself is dodged by an address that is cut in two. So the window keeps
the end of what came in, as much as a preset asks for, and shows each check what stood before.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from core.guardrails import engine
from core.guardrails.presets import preset_for
from core.guardrails.verdicts import BoundGuardrail, Finding, Verdict

# What a check sees of the text that has gone already: look-behinds and words of context.
CONTEXT_CHARACTERS = 64
# A check of a few words costs as much as one of a line: wait for a line's worth.
BATCH_CHARACTERS = 48

Find = Callable[[str, BoundGuardrail], Awaitable[list[Finding]]]


class Blocked(Exception):
    """A blocking guardrail found something; the text from there on was never released."""


class OutputTally:
    """What the output guardrails of one call found so far, over all its running texts."""

    def __init__(self, guardrails: Iterable[BoundGuardrail]) -> None:
        self.guardrails = engine.for_stage(guardrails, "output")
        self._found: dict[int, Counter[str]] = {}
        self._failures: dict[int, Verdict] = {}

    def active(self) -> list[tuple[int, BoundGuardrail]]:
        """Return the guardrails that still run; one that failed does not fail twice."""
        return [
            (index, bound)
            for index, bound in enumerate(self.guardrails)
            if index not in self._failures
        ]

    def count(self, index: int, findings: Sequence[Finding]) -> None:
        """Add what one guardrail found."""
        self._found.setdefault(index, Counter()).update(finding.label for finding in findings)

    def fail(self, index: int, error: Exception) -> None:
        """Note that a guardrail could not run.

        Raises:
            GuardrailUnavailable: it is mandatory.
        """
        self._failures[index] = engine.failure_of(self.guardrails[index], "output", error)

    def add(self, verdicts: Iterable[Verdict]) -> None:
        """Take over the verdicts of a check of its own, such as one of tool calls.

        Raises:
            Blocked: one of them blocks.
        """
        places = {bound.id: index for index, bound in enumerate(self.guardrails)}
        for verdict in verdicts:
            index = places[verdict.guardrail_id]
            if verdict.outcome == "failed":
                self._failures[index] = verdict
            else:
                self._found.setdefault(index, Counter()).update(verdict.found)
            if verdict.outcome == "blocked":
                raise Blocked

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return one verdict for each guardrail."""
        return tuple(
            self._failures.get(index) or Verdict.of(bound, "output", self._found.get(index, {}))
            for index, bound in enumerate(self.guardrails)
        )


class TextWindow:
    """One running text, such as the answer of one choice."""

    def __init__(self, tally: OutputTally, find: Find) -> None:
        self._tally = tally
        self._find = find
        self._context = ""
        self._held = ""

    async def push(self, text: str, *, is_last: bool = False) -> str:
        """Take the next piece and return what may go on, masked where need be.

        Raises:
            Blocked: a blocking guardrail found something.
            GuardrailUnavailable: a mandatory guardrail could not run.
        """
        self._held += text
        active = self._tally.active()
        seen = self._context + self._held
        border = len(self._context)
        cut = len(seen) if is_last else self._cut(seen, active)
        if cut <= border:
            return ""
        if not engine.may_match((seen[:cut],), (bound for _, bound in active)):
            return self._release(seen, cut, ())
        if not is_last and cut - border < BATCH_CHARACTERS:
            return ""
        return await self._checked(seen, border, cut, active)

    def _cut(self, seen: str, active: list[tuple[int, BoundGuardrail]]) -> int:
        cuts = [preset_for(bound.preset).hold_from(seen) for _, bound in active]
        return min(cuts, default=len(seen))

    async def _checked(
        self, seen: str, border: int, cut: int, active: list[tuple[int, BoundGuardrail]]
    ) -> str:
        found: list[tuple[int, BoundGuardrail, list[Finding]]] = []
        for index, bound in active:
            try:
                found.append((index, bound, await self._find(seen, bound)))
            # As in the engine: a check that breaks is a decision to take, not a crash.
            except Exception as error:  # noqa: BLE001
                self._tally.fail(index, error)
        # A finding that the cut would divide may still grow, so it waits as a whole.
        while divided := [
            each for _, _, some in found for each in some if each.start < cut < each.end
        ]:
            cut = min(each.start for each in divided)
        if cut <= border:
            return ""
        masks: list[Finding] = []
        for index, bound, findings in found:
            settled = [each for each in findings if border < each.end <= cut]
            self._tally.count(index, settled)
            if settled and bound.action == "block":
                raise Blocked
            if bound.action == "mask":
                masks += settled
        return self._release(seen, cut, masks)

    def _release(self, seen: str, cut: int, masks: Sequence[Finding]) -> str:
        border = len(self._context)
        self._held = seen[cut:]
        self._context = seen[max(cut - CONTEXT_CHARACTERS, 0) : cut]
        inside = [
            Finding(max(each.start, border) - border, each.end - border, each.label)
            for each in masks
        ]
        return engine.mask(seen[border:cut], inside)
