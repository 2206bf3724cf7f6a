"""The resolver of grants against a second, slower telling of the same rules."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings, strategies as st

from core.access.rules.decisions import Change
from core.access.rules.grants import (
    Grant,
    GrantCase,
    apply_change,
    carries_llm,
    decide_grant,
    may_use,
)
from core.access.rules.keeping import decision_of, decision_values
from core.access.rules.paths import KINDS, PathNode

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NODES = tuple(PathNode(kind, UUID(int=100 + place)) for place, kind in enumerate(KINDS))
# A node that is on no path: what it says must not matter.
ELSEWHERE = UUID(int=999)

# Just now counts as ended.
ends = st.sampled_from(
    [None, NOW, NOW - timedelta(days=1), NOW + timedelta(microseconds=1), NOW + timedelta(days=1)]
)
grants = st.dictionaries(
    st.sampled_from([*(node.id for node in NODES), ELSEWHERE]),
    st.builds(Grant, is_denial=st.booleans(), ends_at=ends, carries_llm=st.booleans()),
)
paths = st.sets(st.sampled_from([1, 2])).map(
    lambda inner: tuple(NODES[place] for place in sorted({0, 3} | inner))
)
cases = st.builds(
    GrantCase,
    path=paths,
    at=st.just(NOW),
    grants=grants,
    covering=grants | st.just({}),
    is_open=st.booleans(),
    is_on=st.booleans(),
)


def told_slowly(case: GrantCase) -> bool:
    """Collect who says what, and then read the rule."""
    nodes = {node.id for node in case.path}
    said = [
        grant
        for grants in (case.grants, case.covering)
        for node, grant in grants.items()
        if node in nodes and (grant.ends_at is None or grant.ends_at > NOW)
    ]
    some_allow = case.is_open or any(not grant.is_denial for grant in said)
    none_denies = not any(grant.is_denial for grant in said)
    return case.is_on and some_allow and none_denies


@settings(max_examples=1000)
@given(case=cases)
def test_the_walk_agrees_with_the_slow_telling(case: GrantCase) -> None:
    decision = decide_grant(case)

    assert may_use(case) == told_slowly(case) == decision.is_allowed
    assert decision.trace[-1].is_allowed == decision.is_allowed
    assert sum(step.is_decisive for step in decision.trace) == 1
    assert decision_of(decision_values(decision)) == decision


@settings(max_examples=1000)
@given(case=cases)
def test_the_suggested_change_flips_the_decision_and_nothing_less_does(case: GrantCase) -> None:
    decision = decide_grant(case)

    assert may_use(_after(case, decision.flip)) != decision.is_allowed
    for left_out in range(len(decision.flip)):
        fewer = decision.flip[:left_out] + decision.flip[left_out + 1 :]
        assert may_use(_after(case, fewer)) == decision.is_allowed


@settings(max_examples=300)
@given(case=cases)
def test_an_llm_comes_along_only_with_a_grant_that_counts(case: GrantCase) -> None:
    carrying = [
        node
        for node in case.path
        if (grant := case.grants.get(node.id)) is not None
        and grant.carries_llm
        and (grant.ends_at is None or grant.ends_at > NOW)
    ]

    assert carries_llm(case) == (told_slowly(case) and bool(carrying))


def _after(case: GrantCase, changes: tuple[Change, ...]) -> GrantCase:
    for change in changes:
        case = apply_change(case, change)
    return case
