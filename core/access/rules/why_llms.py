"""Why a path may or may not use an LLM, and the smallest change that would flip that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from uuid import UUID

from core.access.rules.decisions import Change, Decision, Rule, Step
from core.access.rules.llms import LlmPolicy, Policies, usable_llms, walk
from core.access.rules.paths import Path, PathNode


@dataclass(frozen=True, slots=True)
class Case:
    """All that decides about one LLM for one path."""

    llm: UUID
    is_offered: bool
    is_on: bool
    path: Path
    policies: Policies

    @property
    def ceiling(self) -> frozenset[UUID]:
        """The LLM, if it is within the account's ceiling; others do not matter here."""
        return frozenset({self.llm}) if self.is_offered and self.is_on else frozenset()

    @property
    def is_allowed(self) -> bool:
        """What the gateway enforces."""
        return self.llm in usable_llms(self.ceiling, self.path, self.policies)


def decide_llm(case: Case) -> Decision:
    """Return the decision about an LLM, by the same walk that enforces it."""
    steps = _marked(list(_steps(case)))
    return Decision(case.is_allowed, steps, _flip(case))


def apply_change(case: Case, change: Change) -> Case:
    """Return the case as it is after one change."""
    if change.kind == "offer":
        return replace(case, is_offered=True)
    if change.kind == "switch_on":
        return replace(case, is_on=True)
    assert change.node is not None
    policy = case.policies.get(change.node.id, LlmPolicy())
    return replace(
        case,
        policies={**case.policies, change.node.id: _edited(policy, change.kind, case.llm)},
    )


def _edited(policy: LlmPolicy, kind: str, llm: UUID) -> LlmPolicy:
    one = frozenset({llm})
    match kind:
        case "unblock":
            return replace(policy, block=policy.block - one)
        case "add":
            return replace(policy, add=policy.add | one)
        case "include":
            return replace(policy, only=(policy.only or frozenset()) | one)
        case "block":
            return replace(policy, block=policy.block | one)
    raise AssertionError(kind)


def _steps(case: Case) -> Iterator[Step]:
    yield Step("plan", None, case.is_offered)
    if not case.is_offered:
        return
    yield Step("account", None, case.is_on)
    if not case.is_on:
        return
    is_locked = False
    for node, at in walk(case.ceiling, case.path, case.policies):
        policy = case.policies.get(node.id, LlmPolicy())
        yield Step(_rule(policy, case.llm, is_locked=is_locked), node, case.llm in at.usable)
        is_locked = at.lock is not None


def _rule(policy: LlmPolicy, llm: UUID, *, is_locked: bool) -> Rule:
    """Name what a node does to an LLM: the last of its rules that had a say."""
    if llm in policy.block:
        return "block"
    if llm in policy.add:
        return "lock" if is_locked else "add"
    if policy.only is not None:
        return "lock" if is_locked and llm in policy.only else "only"
    return "inherit"


def _marked(steps: list[Step]) -> tuple[Step, ...]:
    """Mark the step that settled the verdict.

    A refusal is settled by the first step after which nothing brought the LLM back; a permission by
    the last node that says something, for it could have said otherwise.
    """
    verdict = steps[-1].is_allowed
    settled = len(steps) - 1
    while settled > 0 and steps[settled - 1].is_allowed == verdict:
        settled -= 1
    if verdict:
        settled = max(at for at, step in enumerate(steps) if at >= settled and _speaks(step))
    steps[settled] = replace(steps[settled], is_decisive=True)
    return tuple(steps)


def _speaks(step: Step) -> bool:
    return step.is_allowed and step.rule not in {"inherit", "lock"}


def _flip(case: Case) -> tuple[Change, ...]:
    if case.is_allowed:
        return (Change("block", case.path[-1]),)
    forced = [*_ceiling_changes(case), *_unblockings(case)]
    after = _applied(case, forced)
    if after.is_allowed:
        return tuple(forced)
    # The innermost node first: a change there touches the fewest people.
    widenings = [
        change
        for node in reversed(case.path)
        for change in _widenings(node, case.policies.get(node.id, LlmPolicy()), case.llm)
    ]
    for size in range(1, len(widenings) + 1):
        for chosen in combinations(widenings, size):
            if _applied(after, chosen).is_allowed:
                return (*forced, *chosen)
    raise AssertionError("adding to every node always allows")


def _ceiling_changes(case: Case) -> Iterator[Change]:
    if not case.is_offered:
        yield Change("offer")
    if not case.is_on:
        yield Change("switch_on")


def _unblockings(case: Case) -> Iterator[Change]:
    for node in case.path:
        if case.llm in case.policies.get(node.id, LlmPolicy()).block:
            yield Change("unblock", node)


def _widenings(node: PathNode, policy: LlmPolicy, llm: UUID) -> Iterator[Change]:
    if policy.only is not None and llm not in policy.only:
        yield Change("include", node)
    if llm not in policy.add:
        yield Change("add", node)


def _applied(case: Case, changes: Sequence[Change]) -> Case:
    for change in changes:
        case = apply_change(case, change)
    return case
