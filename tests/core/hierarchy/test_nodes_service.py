"""Writing organizations and teams, in both products."""

from typing import Any

import pytest

from core.access.scopes import EVERYTHING
from core.audit.models import AuditEntry
from core.credits.models import WalletKind
from core.hierarchy import selectors
from core.hierarchy.errors import GlobalIsFixed, IsArchived, NameTaken, StillInUse
from core.hierarchy.product import Product
from core.hierarchy.services import members, nodes
from core.identity.models import User
from core.kit.problems import InvalidInput, NotFound
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.people import member_of, organization_of, team_of

pytestmark = pytest.mark.usefixtures("in_acme")


def an_organization(product: Product, name: str = "Sales") -> Any:
    return nodes.create_organization(product=product, name=name, actor=TESTS)


def a_team(product: Product, organization: Any, name: str = "Europe") -> Any:
    return nodes.create_team(product=product, organization=organization, name=name, actor=TESTS)


def test_a_team_s_wallet_hangs_under_its_organization_s(product: Product) -> None:
    organization = an_organization(product)
    team = a_team(product, organization)

    assert organization.wallet.kind == WalletKind.ORGANIZATION
    assert team.wallet.parent == organization.wallet
    assert organization.wallet.book.product == product.slug


def test_creating_writes_one_entry_and_moves_the_policy_version(product: Product) -> None:
    before = policy_version()

    organization = an_organization(product)

    entry = AuditEntry.objects.get(target_id=str(organization.pk))
    assert entry.verb == "organization.created"
    assert entry.sentence == "The tests created the organization Sales"
    assert entry.product == product.slug
    assert policy_version() == before + 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "new\x00line", "a\u202eb"])
def test_what_is_no_name_is_refused(product: Product, name: str) -> None:
    with pytest.raises(InvalidInput):
        an_organization(product, name)


def test_spaces_in_a_name_are_put_in_order(product: Product) -> None:
    assert an_organization(product, "  New \t  York ").name == "New York"


def test_siblings_have_different_names_whatever_the_case(product: Product) -> None:
    organization = an_organization(product)
    a_team(product, organization)

    with pytest.raises(NameTaken):
        an_organization(product, "SALES")
    with pytest.raises(NameTaken):
        a_team(product, organization, "EUROPE")


def test_an_archived_node_gives_its_name_free_and_may_not_find_it_again(product: Product) -> None:
    old = an_organization(product)
    nodes.archive_node(product=product, node=old, actor=TESTS)
    an_organization(product)

    with pytest.raises(NameTaken):
        nodes.restore_node(product=product, node=old, actor=TESTS)

    old.refresh_from_db()
    assert old.is_archived


def test_a_rename_says_before_and_after(product: Product) -> None:
    organization = an_organization(product)

    nodes.rename_node(product=product, node=organization, name="Trade", actor=TESTS)

    entry = AuditEntry.objects.get(verb="organization.renamed")
    assert (entry.before, entry.after) == ({"name": "Sales"}, {"name": "Trade"})


def test_a_rename_to_the_same_name_is_no_change(product: Product) -> None:
    organization = an_organization(product)

    nodes.rename_node(product=product, node=organization, name=" Sales ", actor=TESTS)

    assert not AuditEntry.objects.filter(verb="organization.renamed").exists()


def test_global_is_neither_renamed_nor_archived_and_has_no_teams(product: Product) -> None:
    everyone = organization_of(product, "global")

    with pytest.raises(GlobalIsFixed):
        nodes.rename_node(product=product, node=everyone, name="all", actor=TESTS)
    with pytest.raises(GlobalIsFixed):
        nodes.archive_node(product=product, node=everyone, actor=TESTS)
    with pytest.raises(GlobalIsFixed):
        a_team(product, everyone)


def test_what_is_in_use_is_not_archived(product: Product) -> None:
    with pytest.raises(StillInUse, match="teams"):
        nodes.archive_node(product=product, node=organization_of(product), actor=TESTS)
    with pytest.raises(StillInUse, match="members"):
        nodes.archive_node(product=product, node=team_of(product), actor=TESTS)


def test_nothing_is_archived_twice(product: Product) -> None:
    organization = an_organization(product)
    nodes.archive_node(product=product, node=organization, actor=TESTS)

    with pytest.raises(IsArchived):
        nodes.archive_node(product=product, node=organization, actor=TESTS)


def test_a_team_does_not_come_back_into_an_archived_organization(product: Product) -> None:
    organization = an_organization(product)
    team = a_team(product, organization)
    nodes.archive_node(product=product, node=team, actor=TESTS)
    nodes.archive_node(product=product, node=organization, actor=TESTS)

    with pytest.raises(IsArchived):
        nodes.restore_node(
            product=product, node=selectors.team_for(product, EVERYTHING, team.pk), actor=TESTS
        )
    with pytest.raises(IsArchived):
        a_team(product, organization, "Asia")


def test_counts_are_those_of_what_is_in_use(product: Product, mia: User) -> None:
    organization = organization_of(product)
    gone = a_team(product, organization, "Gone")
    nodes.archive_node(product=product, node=gone, actor=TESTS)
    members.archive_member(product=product, member=member_of(product, mia), actor=TESTS)

    found = selectors.organizations_for(product, EVERYTHING).get(pk=organization.pk)
    team = selectors.teams_for(product, EVERYTHING).get(pk=team_of(product).pk)

    assert (found.team_count, found.member_count, found.allocation) == (1, 2, None)
    assert team.member_count == 1


@pytest.mark.parametrize("row_id", ["not an id", "00000000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_not_found(product: Product, row_id: str) -> None:
    for named in (
        selectors.organization_for,
        selectors.team_for,
        selectors.member_for,
    ):
        with pytest.raises(NotFound):
            named(product, EVERYTHING, row_id)


def test_the_other_product_has_its_own(in_acme: Account, product: Product) -> None:
    from core.hierarchy.product import products

    other = next(found for found in products() if found != product)
    organization = an_organization(product)

    with pytest.raises(NotFound):
        selectors.organization_for(other, EVERYTHING, organization.pk)
