"""Whether a feature is on for a path.

The nearest explicit on or off wins; a lock above beats everything below; the default comes from
the registry. The account's ceiling stands above all of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from uuid import UUID

from core.access.rules.decisions import Change, ChangeKind, Decision, Step
from core.access.rules.paths import Path


@dataclass(frozen=True, slots=True)
class Switch:
    """What one node says about a feature; a node without one inherits."""

    is_on: bool
    is_locked: bool = False


# By node, for one feature.
Switches = Mapping[UUID, Switch]


@dataclass(frozen=True, slots=True)
class FeatureCase:
    """All that decides about one feature for one path."""

    is_in_plan: bool
    is_on_by_default: bool
    path: Path
    switches: Switches


def is_on(case: FeatureCase) -> bool:
    """Return whether the end of the path has the feature."""
    if not case.is_in_plan:
        return False
    value = case.is_on_by_default
    for node in case.path:
        switch = case.switches.get(node.id)
        if switch is not None:
            value = switch.is_on
            if switch.is_locked:
                break
    return value


def decide_feature(case: FeatureCase) -> Decision:
    """Return the decision about a feature, with its trace and the smallest change to flip it."""
    steps = list(_steps(case))
    verdict = steps[-1].is_allowed
    # Unlike a list, a switch decides even where it says what stood before: it is the nearest.
    decisive = max(
        place
        for place, step in enumerate(steps)
        if step.rule in {"on", "off", "default", "plan"} and step.is_allowed == verdict
    )
    steps[decisive] = replace(steps[decisive], is_decisive=True)
    return Decision(verdict, tuple(steps), _flip(case))


def apply_change(case: FeatureCase, change: Change) -> FeatureCase:
    """Return the case as it is after one change."""
    if change.kind == "offer":
        return replace(case, is_in_plan=True)
    assert change.node is not None
    node = change.node.id
    now = case.switches.get(node)
    # A lock stays: switching the locked node itself is the smaller change than unlocking it.
    after = Switch(change.kind == "set_on", now is not None and now.is_locked)
    return replace(case, switches={**case.switches, node: after})


def _steps(case: FeatureCase) -> Iterator[Step]:
    yield Step("plan", None, case.is_in_plan)
    if not case.is_in_plan:
        return
    value, is_locked = case.is_on_by_default, False
    yield Step("default", None, value)
    for node in case.path:
        switch = case.switches.get(node.id)
        if switch is None:
            yield Step("inherit", node, value)
        elif is_locked:
            yield Step("lock", node, value)
        else:
            value, is_locked = switch.is_on, switch.is_locked
            yield Step("on" if value else "off", node, value)


def _flip(case: FeatureCase) -> tuple[Change, ...]:
    wanted = not is_on(case)
    forced = [] if case.is_in_plan else [Change("offer")]
    for change in forced:
        case = apply_change(case, change)
    if is_on(case) == wanted:
        return tuple(forced)
    kind: ChangeKind = "set_on" if wanted else "set_off"
    # The innermost node first: a change there touches the fewest people.
    changes = [Change(kind, node) for node in reversed(case.path)]
    for size in range(1, len(changes) + 1):
        for chosen in combinations(changes, size):
            after = case
            for change in chosen:
                after = apply_change(after, change)
            if is_on(after) == wanted:
                return (*forced, *chosen)
    raise AssertionError("a switch on every node decides")
