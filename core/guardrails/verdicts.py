"""Plain values of the engine: what is bound, what was found, what was decided. No Django models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Literal, Self
from uuid import UUID

Stage = Literal["input", "output"]
Action = Literal["block", "mask", "flag"]
Outcome = Literal["passed", "flagged", "masked", "blocked", "failed"]

STAGES: tuple[Stage, ...] = ("input", "output")
# From the strictest to the mildest.
ACTIONS: tuple[Action, ...] = ("block", "mask", "flag")

_OUTCOME_OF: dict[Action, Outcome] = {"block": "blocked", "mask": "masked", "flag": "flagged"}


class Joined(str):
    """Texts that follow one another and are read as one, such as the parts of a message.

    What a check finds in the whole counts, and what it finds in one of them alone.
    """

    seams: tuple[int, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Return several texts as one."""
        joined = cls("".join(texts))
        joined.seams = (0, *accumulate(map(len, texts)))
        return joined


def pieces_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield what a check looks at, and where in the text it begins."""
    yield 0, text
    if isinstance(text, Joined):
        for start, end in pairwise(text.seams):
            yield start, text[start:end]


@dataclass(frozen=True, slots=True)
class BoundGuardrail:
    """A guardrail as it applies to a call: which preset, where, and how strictly."""

    id: UUID
    name: str
    preset: str
    action: Action
    stages: frozenset[Stage]
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_mandatory: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place in a text that a preset objects to; `label` says what it is, such as EMAIL."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guardrail decided about one stage of one call. It never holds the text itself."""

    guardrail_id: UUID
    name: str
    preset: str
    stage: Stage
    outcome: Outcome
    found: Mapping[str, int] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def of(cls, bound: BoundGuardrail, stage: Stage, found: Mapping[str, int]) -> "Verdict":
        """Return the verdict that a guardrail's action gives to what it found."""
        outcome = _OUTCOME_OF[bound.action] if found else "passed"
        return cls(bound.id, bound.name, bound.preset, stage, outcome, dict(found))

    @classmethod
    def of_failure(cls, bound: BoundGuardrail, stage: Stage, error: str) -> "Verdict":
        """Return the verdict of a guardrail that could not run."""
        return cls(bound.id, bound.name, bound.preset, stage, "failed", {}, error)

    def as_record(self) -> dict[str, Any]:
        """Return the verdict as it stands in a usage event."""
        record: dict[str, Any] = {
            "guardrail": str(self.guardrail_id),
            "name": self.name,
            "preset": self.preset,
            "stage": self.stage,
            "outcome": self.outcome,
        }
        if self.found:
            record["found"] = dict(self.found)
        if self.error:
            record["error"] = self.error
        return record


@dataclass(frozen=True, slots=True)
class Checked:
    """The texts as they may go on, and each guardrail's verdict."""

    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def blocked_by(self) -> Verdict | None:
        """The verdict that ends the call, if any."""
        return next((verdict for verdict in self.verdicts if verdict.outcome == "blocked"), None)
