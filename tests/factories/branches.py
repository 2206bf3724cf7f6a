"""Another branch of Acme, beside the one of the cast, under names that nobody can mistake."""

from typing import Any

from core.access.scopes import EVERYTHING
from core.hierarchy.product import Product, products
from core.hierarchy.services import administrators, members, memberships, nodes
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account, Llm
from tests.cast import TESTS
from tests.factories.identity import UserFactory
from tests.factories.things import Things, things_of_branch

MARK = "zirkon"
SALES, FIELD = "Zirkon Sales", "Zirkon Field"


def another_branch(account: Account, llm: Llm) -> Things:
    """Found Sales with the team Field and two people in both products; return what is in it."""
    with in_account(account):
        admin, agent = _person("admin"), _person("agent")
        for product in products():
            _found(product, admin, agent)
    return things_of_branch(account, llm, organization=SALES, team=FIELD, mark=MARK)


def place_in_field(product: Product, user: User) -> Any:
    """Give somebody of elsewhere a second place, in Field."""
    member = product.member._default_manager.get(user=user)
    model: Any = product.team
    team = model._default_manager.select_related("organization").get(name=FIELD)
    return memberships.place_member(
        product=product, member=member, organization=team.organization, team=team, actor=TESTS
    )


def _found(product: Product, admin: User, agent: User) -> None:
    sales = nodes.create_organization(product=product, name=SALES, actor=TESTS)
    field = nodes.create_team(product=product, organization=sales, name=FIELD, actor=TESTS)
    gone = nodes.create_team(product=product, organization=sales, name="Zirkon Gone", actor=TESTS)
    nodes.archive_node(product=product, node=gone, reason="Zirkon is smaller.", actor=TESTS)
    for user in (admin, agent):
        member = members.create_member(product=product, user=user, actor=TESTS)
        memberships.place_member(
            product=product, member=member, organization=sales, team=field, actor=TESTS
        )
    for node in (sales, field):
        administrators.appoint_administrator(
            product=product, node=node, email=admin.email, scope=EVERYTHING, actor=TESTS
        )


def _person(what: str) -> User:
    person: User = UserFactory(email=f"{what}@zirkon.example", name=f"Zirkon {what}")
    return person
