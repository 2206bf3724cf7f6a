"""Whatever people do in whatever order: nobody gives or takes more than they have."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings, strategies as st

from core.access.scopes import scope_of
from core.hierarchy.administration import disagreements, includes
from core.hierarchy.product import product_named
from core.hierarchy.services import nodes
from core.hierarchy.services.administrators import appoint_administrator, remove_administrator
from core.identity.models import RoleAssignment, User
from core.kit.problems import NotAllowed
from tests.cast import TESTS
from tests.factories.identity import UserFactory

pytestmark = [pytest.mark.usefixtures("in_acme"), pytest.mark.slow]

PRODUCT = product_named("copilot")
# Two organizations, each with two teams: a node's number and that of what stands above it.
ABOVE = {0: None, 1: None, 2: 0, 3: 0, 4: 1, 5: 1}
PEOPLE = 4
STEP = st.tuples(
    st.booleans(),
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(sorted(ABOVE)),
)


def closure(held: set[int]) -> set[int]:
    """Return the nodes that come with some nodes."""
    return {node for node, above in ABOVE.items() if node in held or above in held}


@given(
    first=st.lists(st.sets(st.sampled_from(sorted(ABOVE))), min_size=PEOPLE, max_size=PEOPLE),
    steps=st.lists(STEP, max_size=12),
)
@example(first=[{0}, {2}, set(), {1}], steps=[(True, 1, 2, 0), (True, 0, 2, 0), (False, 2, 0, 0)])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_people_give_only_what_they_have(
    first: list[set[int]], steps: list[tuple[bool, int, int, int]]
) -> None:
    with transaction.atomic():
        _play(first, steps)
        transaction.set_rollback(True)


def _play(first: list[set[int]], steps: list[tuple[bool, int, int, int]]) -> None:
    tree, people = _tree(), [UserFactory() for _ in range(PEOPLE)]
    held = [set(nodes) for nodes in first]
    for person, numbers in zip(people, held, strict=True):
        for number in numbers:
            _appoint(tree[number], person, by=None)
    reach = set().union(*map(closure, held))

    for gives, giver, taker, number in steps:
        may = number in closure(held[giver])
        act = _appoint if gives else _remove
        if not gives and number not in held[taker]:
            continue
        if not may:
            with pytest.raises(NotAllowed):
                act(tree[number], people[taker], by=people[giver])
            continue
        act(tree[number], people[taker], by=people[giver])
        (held[taker].add if gives else held[taker].discard)(number)

    for person, numbers in zip(people, held, strict=True):
        scope = scope_of(User.objects.get(pk=person.pk), PRODUCT.slug)
        assert {n for n, node in tree.items() if includes(scope, node)} == closure(numbers)
    # Together they never come to more than they had in the beginning.
    assert set().union(*map(closure, held)) <= reach
    assert disagreements(PRODUCT) == []


def _tree() -> dict[int, Any]:
    tree: dict[int, Any] = {}
    for number, above in ABOVE.items():
        tree[number] = (
            nodes.create_organization(product=PRODUCT, name=f"Organization {number}", actor=TESTS)
            if above is None
            else nodes.create_team(
                product=PRODUCT, organization=tree[above], name=f"Team {number}", actor=TESTS
            )
        )
    return tree


def _scope(by: User | None) -> Any:
    from core.access.scopes import EVERYTHING

    return EVERYTHING if by is None else scope_of(User.objects.get(pk=by.pk), PRODUCT.slug)


def _appoint(node: Any, user: User, *, by: User | None) -> None:
    appoint_administrator(
        product=PRODUCT, node=node, email=user.email, scope=_scope(by), actor=TESTS
    )


def _remove(node: Any, user: User, *, by: User | None) -> None:
    remove_administrator(
        product=PRODUCT,
        assignment=RoleAssignment.objects.get(user=user, node_id=node.pk),
        scope=_scope(by),
        actor=TESTS,
    )
