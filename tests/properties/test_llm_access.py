"""The resolver of LLM access against a second, slower telling of the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from uuid import UUID

from hypothesis import given, settings, strategies as st

from core.access.features import IMAGE_GENERATION
from core.access.rules.decisions import Change
from core.access.rules.llms import LlmPolicy, Policies, Walks, usable_llms
from core.access.rules.paths import KINDS, Path, PathNode
from core.access.rules.product import ProductAccess
from core.access.rules.switches import Switch
from core.access.rules.why_llms import Case, apply_change, decide_llm

LLMS = [UUID(int=number) for number in range(1, 6)]
NODES = tuple(PathNode(kind, UUID(int=100 + place)) for place, kind in enumerate(KINDS))

some_llms = st.frozensets(st.sampled_from(LLMS))
policies_of_a_node = st.builds(
    LlmPolicy,
    only=st.none() | some_llms,
    add=some_llms,
    block=some_llms,
    is_locked=st.booleans(),
)
policies = st.dictionaries(st.sampled_from([node.id for node in NODES]), policies_of_a_node)
# A caller always has `global` and itself; organization and team may be missing.
paths = st.sets(st.sampled_from([1, 2])).map(
    lambda inner: tuple(NODES[place] for place in sorted({0, 3} | inner))
)


def told_slowly(llm: UUID, ceiling: Sequence[UUID], path: Path, policies: Policies) -> bool:
    """One LLM at a time, from the member's end upwards, as a lawyer would read the rule."""
    rules = [policies.get(node.id, LlmPolicy()) for node in path]
    if llm not in ceiling or any(llm in rule.block for rule in rules):
        return False
    # Below the first lock, a node can only take away.
    locks = [place for place, rule in enumerate(rules) if rule.is_locked]
    free = rules[: locks[0] + 1] if locks else rules
    bound = rules[len(free) :]
    if any(rule.only is not None and llm not in rule.only for rule in bound):
        return False
    for rule in reversed(free):
        if llm in rule.add:
            return True
        if rule.only is not None:
            return llm in rule.only
    return True


@settings(max_examples=1000)
@given(ceiling=some_llms, path=paths, policies=policies)
def test_the_walk_agrees_with_the_slow_telling(
    ceiling: frozenset[UUID], path: Path, policies: Policies
) -> None:
    usable = usable_llms(ceiling, path, policies)

    assert usable == {llm for llm in LLMS if told_slowly(llm, list(ceiling), path, policies)}


TREE = [
    (NODES[0], organization, team, member)
    for organization in (NODES[1], PathNode("organization", UUID(int=201)))
    for team in (PathNode("team", UUID(int=organization.id.int + 1000)),)
    for member in (NODES[3], PathNode("member", UUID(int=301)))
]
# Places are counted by the paths of their teams and organizations, too.
MANY = list(dict.fromkeys(path[:end] for path in TREE for end in range(1, 5)))


@settings(max_examples=300)
@given(
    ceiling=some_llms,
    policies=st.dictionaries(
        st.sampled_from([node.id for path in TREE for node in path]), policies_of_a_node
    ),
    order=st.permutations(MANY),
)
def test_walks_of_many_paths_say_what_each_walk_says(
    ceiling: frozenset[UUID], policies: Policies, order: Sequence[Path]
) -> None:
    walks = Walks(ceiling, policies)

    for path in order:
        assert walks.usable(path) == usable_llms(ceiling, path, policies)


@settings(max_examples=1000)
@given(
    is_offered=st.booleans(),
    is_on=st.booleans(),
    path=paths,
    policies=policies,
)
def test_the_suggested_change_flips_the_decision_and_nothing_less_does(
    is_offered: bool, is_on: bool, path: Path, policies: Policies
) -> None:
    case = Case(LLMS[0], is_offered, is_on, path, policies)

    decision = decide_llm(case)

    assert decision.is_allowed == case.is_allowed == decision.trace[-1].is_allowed
    assert _after(case, decision.flip).is_allowed != case.is_allowed
    for left_out in range(len(decision.flip)):
        fewer = decision.flip[:left_out] + decision.flip[left_out + 1 :]
        assert _after(case, fewer).is_allowed == case.is_allowed


@settings(max_examples=300)
@given(path=paths, policies=policies)
def test_a_decision_names_the_step_that_settled_it(path: Path, policies: Policies) -> None:
    decision = decide_llm(Case(LLMS[0], True, True, path, policies))

    settled = decision.trace.index(decision.reason)
    assert all(step.is_allowed == decision.is_allowed for step in decision.trace[settled:])
    if decision.is_allowed:
        later = decision.trace[settled + 1 :]
        assert {step.rule for step in later} <= {"inherit", "lock"}
    else:
        assert settled == 0 or decision.trace[settled - 1].is_allowed


@given(path=paths, policies=policies)
def test_an_empty_list_means_none(path: Path, policies: Policies) -> None:
    member = path[-1]
    emptied = {**policies, member.id: LlmPolicy(only=frozenset())}

    assert usable_llms(frozenset(LLMS), path, emptied) == frozenset()


def _after(case: Case, changes: Sequence[Change]) -> Case:
    return reduce(apply_change, changes, case)


switches_of_a_node = st.builds(Switch, is_on=st.booleans(), is_locked=st.booleans())


def _changed(access: ProductAccess, llm: UUID, path: Path, change: Change) -> ProductAccess:
    """Return the account after one change of a policy, of the catalogue or of the feature."""
    if change.about:
        if change.kind == "offer":
            return replace(access, withheld=frozenset())
        assert change.node is not None
        switches = dict(access.switches.get(change.about, {}))
        was = switches.get(change.node.id)
        is_locked = was is not None and was.is_locked
        switches[change.node.id] = Switch(change.kind == "set_on", is_locked)
        return replace(access, switches={change.about: switches})
    case = Case(llm, llm in access.offered, llm in access.on, path, access.policies)
    after = apply_change(case, change)
    one = frozenset({llm})
    return replace(
        access,
        offered=access.offered | one if after.is_offered else access.offered,
        on=access.on | one if after.is_on else access.on,
        policies=after.policies,
    )


@settings(max_examples=500)
@given(
    offered=some_llms,
    on=some_llms,
    path=paths,
    policies=policies,
    switches=st.dictionaries(st.sampled_from([node.id for node in NODES]), switches_of_a_node),
    is_withheld=st.booleans(),
)
def test_an_llm_that_takes_a_feature_is_called_where_both_say_so(
    offered: frozenset[UUID],
    on: frozenset[UUID],
    path: Path,
    policies: Policies,
    switches: Mapping[UUID, Switch],
    is_withheld: bool,
) -> None:
    image, plain = LLMS[0], LLMS[1]
    access = ProductAccess(
        "copilot",
        offered,
        on,
        policies,
        {IMAGE_GENERATION: switches},
        frozenset({IMAGE_GENERATION}) if is_withheld else frozenset(),
        needs={image: IMAGE_GENERATION},
    )

    decision = access.why_call(image, path)

    has_feature = access.has(IMAGE_GENERATION, path)
    assert decision.is_allowed == (image in access.llms(path) and has_feature)
    assert decision.is_allowed == (image in access.callable_llms(path))
    assert sum(step.is_decisive for step in decision.trace) == 1
    assert decision.reason.is_allowed == decision.is_allowed
    assert access.why_call(plain, path) == access.why_llm(plain, path)
    for left_out in range(len(decision.flip) + 1):
        after = access
        for change in decision.flip[:left_out] + decision.flip[left_out + 1 :]:
            after = _changed(after, image, path, change)
        # All of it flips the verdict, and nothing less does.
        is_all = left_out == len(decision.flip)
        assert (image in after.callable_llms(path)) == (decision.is_allowed != is_all)
