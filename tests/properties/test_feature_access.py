"""The resolver of features against a second telling of the same rules."""

from collections.abc import Sequence
from functools import reduce
from uuid import UUID

from hypothesis import given, settings, strategies as st

from core.access.rules.decisions import Change
from core.access.rules.paths import KINDS, PathNode
from core.access.rules.switches import FeatureCase, Switch, apply_change, decide_feature, is_on

NODES = tuple(PathNode(kind, UUID(int=100 + place)) for place, kind in enumerate(KINDS))

cases = st.builds(
    FeatureCase,
    is_in_plan=st.booleans(),
    is_on_by_default=st.booleans(),
    path=st.sets(st.sampled_from([1, 2])).map(
        lambda inner: tuple(NODES[place] for place in sorted({0, 3} | inner))
    ),
    switches=st.dictionaries(
        st.sampled_from([node.id for node in NODES]),
        st.builds(Switch, is_on=st.booleans(), is_locked=st.booleans()),
    ),
)


@settings(max_examples=1000)
@given(case=cases)
def test_a_lock_above_wins_then_the_nearest_then_the_default(case: FeatureCase) -> None:
    said = [case.switches[node.id] for node in case.path if node.id in case.switches]
    locked = [switch for switch in said if switch.is_locked]
    chosen = [*locked[:1], *reversed(said)]
    expected = chosen[0].is_on if chosen else case.is_on_by_default

    assert is_on(case) == (case.is_in_plan and expected)


@settings(max_examples=1000)
@given(case=cases)
def test_the_suggested_change_flips_the_decision_and_nothing_less_does(case: FeatureCase) -> None:
    decision = decide_feature(case)

    assert decision.is_allowed == is_on(case)
    assert is_on(_after(case, decision.flip)) != is_on(case)
    for left_out in range(len(decision.flip)):
        fewer = decision.flip[:left_out] + decision.flip[left_out + 1 :]
        assert is_on(_after(case, fewer)) == is_on(case)


@given(case=cases)
def test_a_decision_names_the_step_that_settled_it(case: FeatureCase) -> None:
    decision = decide_feature(case)

    settled = decision.trace.index(decision.reason)
    assert all(step.is_allowed == decision.is_allowed for step in decision.trace[settled:])
    assert decision.reason.rule not in {"inherit", "lock"}


def _after(case: FeatureCase, changes: Sequence[Change]) -> FeatureCase:
    return reduce(apply_change, changes, case)
