"""A decision with its reasons: the verdict, each step, and the smallest change that flips it."""

from dataclasses import dataclass
from typing import Literal

from core.access.rules.paths import PathNode

# `plan`: the super admin's ceiling. `account`: the account admin's switch. The rest is the rule of
# a node. Of grants: open or closed to everyone, granted, denied, ended; the same of what covers.
Rule = Literal[
    "plan", "account", "inherit", "only", "add", "block", "lock", "on", "off", "default",
    "open", "closed", "granted", "denied", "ended", "covered", "denied_above",
]  # fmt: skip
ChangeKind = Literal[
    "offer", "switch_on", "unblock", "add", "include", "block", "set_on", "set_off",
    "grant", "deny", "lift", "lift_above",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trace. `node` is None for the account as a whole.

    `is_allowed` is how things stand after the step; `is_decisive` marks the step that settled it.
    `about` is the key of a feature, where the step is about one that the thing takes.
    """

    rule: Rule
    node: PathNode | None
    is_allowed: bool
    is_decisive: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One edit that, with the others of its decision, would flip the verdict.

    `about` is the key of a feature, where it is one that has to change.
    """

    kind: ChangeKind
    node: PathNode | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a path may use something, why, and what would flip that."""

    is_allowed: bool
    trace: tuple[Step, ...]
    flip: tuple[Change, ...]

    @property
    def reason(self) -> Step:
        """The step that settled it."""
        return next(step for step in reversed(self.trace) if step.is_decisive)
