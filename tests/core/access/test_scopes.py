"""Who administers which part of a product."""

from core.access.scopes import EVERYTHING, NOTHING, Scope, scope_of
from core.hierarchy import selectors
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ORGANIZATION, TEAM, TESTS


def test_an_account_admin_administers_everything(acme: Account, ada: User) -> None:
    with in_account(acme):
        assert scope_of(ada, "copilot") == scope_of(ada, "console") == EVERYTHING


def test_a_member_administers_nothing(acme: Account, mia: User) -> None:
    with in_account(acme):
        assert scope_of(mia, "copilot") == NOTHING
        assert not scope_of(mia, "copilot")


def test_an_organization_admin_sees_the_organization_with_its_teams(
    in_acme: Account, olga: User, product: Product
) -> None:
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    nodes.create_team(product=product, organization=sales, name="Field", actor=TESTS)

    scope = scope_of(olga, product.slug)

    assert [o.name for o in selectors.organizations_for(product, scope)] == [ORGANIZATION]
    assert [t.name for t in selectors.teams_for(product, scope)] == [TEAM]
    names = {str(m) for m in selectors.members_for(product, scope)}
    assert names == {"Olga Organizer", "Theo Teamlead", "Mia Member"}


def test_a_team_admin_sees_the_team_and_not_its_organization(
    in_acme: Account, theo: User, product: Product
) -> None:
    scope = scope_of(theo, product.slug)

    assert scope == Scope(teams=frozenset({product.team._default_manager.get().pk}))
    assert list(selectors.organizations_for(product, scope)) == []
    assert {str(m) for m in selectors.members_for(product, scope)} == {
        "Theo Teamlead",
        "Mia Member",
    }
