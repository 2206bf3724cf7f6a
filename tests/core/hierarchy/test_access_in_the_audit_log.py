"""What is said of a member's access stands in the audit log of who administers their places."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from core.access.granting import end_grants, set_grants
from core.access.models import Grant as GrantRow
from core.access.resources import Resource
from core.access.rules.grants import Grant
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.switches import Switch
from core.access.scopes import scope_of
from core.access.services import set_feature, set_llm_policies
from core.audit.selectors import entries
from core.hierarchy.administration import nodes_in
from core.hierarchy.product import Product
from core.hierarchy.services import memberships, nodes
from core.hierarchy.sharing import CLIENT_APP
from core.identity.models import User
from core.kit.clock import now
from core.kit.ids import uuid7
from tenants.models import Account
from tests.cast import TEAM, TESTS

ALL = {"llm.policy_set", "feature.set", "grant.set", "grant.ended"}
APP = Resource(CLIENT_APP, uuid7(), "alchemi-web")


@pytest.fixture
def people(in_acme: Account, product: Product) -> Callable[[User], PathNode]:
    def of(user: User) -> PathNode:
        member = product.member._default_manager.get(user=user)
        return PathNode("member", member.pk, str(member))

    return of


def said(product: Product, *nodes: PathNode) -> None:
    """Say each kind of thing of some nodes."""
    block = LlmPolicy(block=frozenset({uuid7()}))
    set_llm_policies(
        product=product.slug, policies=dict.fromkeys(nodes, block), names={}, actor=TESTS
    )
    for node in nodes:
        set_feature(
            product=product.slug,
            node=node,
            feature="image_generation",
            switch=Switch(is_on=False),
            actor=TESTS,
        )
    ends = Grant(is_denial=True, ends_at=now() + timedelta(hours=1))
    set_grants(product=product.slug, resource=APP, grants=dict.fromkeys(nodes, ends), actor=TESTS)
    GrantRow.objects.update(ends_at=now() - timedelta(seconds=1))
    assert end_grants() == len(nodes)


def read(product: Product, reader: User, about: PathNode) -> set[str]:
    within = nodes_in(product, scope_of(reader, product.slug))
    found = entries(product=product.slug, about=about.id, within=within, only="product")
    assert {entry.target_label for entry in found} <= {about.label}
    # The cast has been placed and named before.
    return ALL & {entry.verb for entry in found}


def test_branch_admins_read_what_is_said_of_their_members(
    people: Callable[[User], PathNode],
    product: Product,
    ada: User,
    olga: User,
    theo: User,
    mia: User,
) -> None:
    node = people(mia)

    said(product, node)

    for reader in (ada, olga, theo):
        assert read(product, reader, node) == ALL
    assert read(product, mia, node) == set()


def test_what_is_said_of_somebody_in_two_branches_is_read_by_who_has_both(
    people: Callable[[User], PathNode],
    product: Product,
    ada: User,
    olga: User,
    theo: User,
    mia: User,
) -> None:
    node = people(mia)
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    memberships.place_member(
        product=product,
        member=product.member._default_manager.get(pk=node.id),
        organization=sales,
        actor=TESTS,
    )

    said(product, node, people(theo))

    assert read(product, ada, node) == ALL
    assert read(product, olga, node) == read(product, theo, node) == set()
    # Many changes of one act are told apart.
    assert read(product, olga, people(theo)) == ALL


def test_of_a_team_that_is_its_own_admins(
    in_acme: Account, product: Product, olga: User, theo: User
) -> None:
    team = product.team._default_manager.get(name=TEAM)
    node = PathNode("team", team.pk, team.name)

    said(product, node)

    assert read(product, olga, node) == read(product, theo, node) == ALL
