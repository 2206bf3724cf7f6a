"""Whether a path may use something that is granted: an agent, a connection, a tool, a client app.

Allowed if some node on the path allows and none denies; expired grants do not count. A connection
grant covers its switched-on tools; a tool grant alone suffices for that tool; a tool deny wins.
What is open to everyone counts as allowed above all nodes; a denial still holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from core.access.rules.decisions import Change, Decision, Step
from core.access.rules.paths import Path, PathNode


@dataclass(frozen=True, slots=True)
class Grant:
    """What one node says about one thing: it allows, or it denies, until a moment or for good.

    `carries_llm`: who runs the agent by this grant may use the agent's LLM without having it.
    """

    is_denial: bool = False
    ends_at: datetime | None = None
    carries_llm: bool = False

    def counts(self, at: datetime) -> bool:
        """Whether it still holds."""
        return self.ends_at is None or self.ends_at > at


# By node, for one thing.
Grants = Mapping[UUID, Grant]


@dataclass(frozen=True, slots=True)
class GrantCase:
    """All that decides about one thing for one path at one moment.

    `covering` are the grants of what the thing is a part of: a tool's connection.
    """

    path: Path
    at: datetime
    grants: Grants
    covering: Grants = field(default_factory=dict)
    is_open: bool = False
    is_on: bool = True

    def said(self, grants: Grants, node: PathNode) -> Grant | None:
        """Return what a node says now; what has ended says nothing."""
        grant = grants.get(node.id)
        return grant if grant is not None and grant.counts(self.at) else None


def may_use(case: GrantCase) -> bool:
    """Return whether the end of the path may use the thing."""
    if not case.is_on:
        return False
    is_allowed = case.is_open
    for node in case.path:
        for grants in (case.grants, case.covering):
            said = case.said(grants, node)
            if said is None:
                continue
            if said.is_denial:
                return False
            is_allowed = True
    return is_allowed


def carries_llm(case: GrantCase) -> bool:
    """Return whether a grant that lets the path use the thing brings the thing's LLM along."""
    said = (case.said(case.grants, node) for node in case.path)
    return may_use(case) and any(grant is not None and grant.carries_llm for grant in said)


def decide_grant(case: GrantCase) -> Decision:
    """Return the decision with its trace and the smallest change that would flip it."""
    steps = list(_steps(case))
    verdict = may_use(case)
    steps[_decisive(steps)] = replace(steps[_decisive(steps)], is_decisive=True)
    return Decision(verdict, tuple(steps), _flip(case))


def apply_change(case: GrantCase, change: Change) -> GrantCase:
    """Return the case as it is after one change."""
    if change.kind == "switch_on":
        return replace(case, is_on=True)
    assert change.node is not None
    node = change.node.id
    match change.kind:
        case "grant":
            return replace(case, grants={**case.grants, node: Grant()})
        case "deny":
            return replace(case, grants={**case.grants, node: Grant(is_denial=True)})
        case "lift":
            return replace(case, grants=_without(case.grants, node))
        case "lift_above":
            return replace(case, covering=_without(case.covering, node))
    raise AssertionError(change.kind)


def _steps(case: GrantCase) -> Iterator[Step]:
    if not case.is_on:
        yield Step("account", None, is_allowed=False)
        return
    is_allowed, is_denied = case.is_open, False
    yield Step("open" if case.is_open else "closed", None, is_allowed)
    for node in case.path:
        is_silent = True
        for grants, allow, deny in (
            (case.covering, "covered", "denied_above"),
            (case.grants, "granted", "denied"),
        ):
            grant = grants.get(node.id)
            if grant is None:
                continue
            is_silent = False
            if not grant.counts(case.at):
                yield Step("ended", node, is_allowed and not is_denied)
                continue
            is_allowed, is_denied = is_allowed or not grant.is_denial, is_denied or grant.is_denial
            yield Step(deny if grant.is_denial else allow, node, is_allowed and not is_denied)  # type: ignore[arg-type]  # rules by name
        if is_silent:
            yield Step("inherit", node, is_allowed and not is_denied)


def _decisive(steps: list[Step]) -> int:
    """Return the place of the step that settled it: the first denial, else the first permission."""
    denials = [at for at, step in enumerate(steps) if step.rule in {"denied", "denied_above"}]
    allowing = [at for at, step in enumerate(steps) if step.rule in {"open", "granted", "covered"}]
    return (denials or allowing or [0])[0]


def _flip(case: GrantCase) -> tuple[Change, ...]:
    if may_use(case):
        return (Change("deny", case.path[-1]),)
    changes = [] if case.is_on else [Change("switch_on")]
    for node in case.path:
        for grants, kind in ((case.grants, "lift"), (case.covering, "lift_above")):
            said = case.said(grants, node)
            if said is not None and said.is_denial:
                changes.append(Change(kind, node))  # type: ignore[arg-type]  # one of two
    after = case
    for change in changes:
        after = apply_change(after, change)
    if may_use(after):
        return tuple(changes)
    # The innermost node: a grant there touches the fewest people, and replaces a denial of its own.
    innermost = case.path[-1]
    kept = [change for change in changes if change != Change("lift", innermost)]
    return (*kept, Change("grant", innermost))


def _without(grants: Grants, node: UUID) -> Grants:
    return {key: grant for key, grant in grants.items() if key != node}
