"""Builds the cast through the real services.

Both accounts look alike on purpose: same names of organizations and teams, other people, and
other ids of content types.
"""

from django.db import connection, transaction

from core.access.scopes import EVERYTHING
from core.hierarchy.models import AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product, products
from core.hierarchy.services import administrators, members, memberships, nodes
from core.identity import services as identity
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tenants.services.accounts import create_account
from tests.cast import (
    ADA,
    EVE,
    MAX,
    MIA,
    OLGA,
    ORGANIZATION,
    PASSWORD,
    SAM,
    TEAM,
    TESTS,
    THEO,
    Person,
)


def build() -> None:
    """Create Sam, Acme with Ada, Olga, Theo and Mia, and Globex with Eve and Max."""
    with in_public():
        _user(SAM)
        acme = _account("Acme", "acme", ADA)
        globex = _account("Globex", "globex", EVE)
    _shift_content_types(globex)
    with in_account(acme):
        olga, theo, mia = _user(OLGA), _user(THEO), _user(MIA)
        for product in products():
            organization, team = _nodes(product)
            for user in (olga, theo, mia):
                member = members.create_member(product=product, user=user, actor=TESTS)
                memberships.place_member(
                    product=product,
                    member=member,
                    organization=organization,
                    team=None if user is olga else team,
                    actor=TESTS,
                )
            for user, node in ((olga, organization), (theo, team)):
                administrators.appoint_administrator(
                    product=product, node=node, email=user.email, scope=EVERYTHING, actor=TESTS
                )
    with in_account(globex):
        somebody = _user(MAX)
        for product in products():
            organization, team = _nodes(product)
            member = members.create_member(product=product, user=somebody, actor=TESTS)
            memberships.place_member(
                product=product, member=member, organization=organization, team=team, actor=TESTS
            )


def _account(name: str, slug: str, admin: Person) -> Account:
    made = create_account(
        name=name, slug=slug, admin_email=admin.email, admin_name=admin.name, actor=TESTS
    )
    with in_account(made.account):
        identity.accept_invitation(token=made.link.token, name=admin.name, password=PASSWORD)
    return made.account


def _user(person: Person) -> User:
    return identity.create_user(
        email=person.email, name=person.name, password=PASSWORD, actor=TESTS
    )


def _nodes(product: Product) -> tuple[AbstractOrganization, AbstractTeam]:
    organization = nodes.create_organization(product=product, name=ORGANIZATION, actor=TESTS)
    team = nodes.create_team(product=product, organization=organization, name=TEAM, actor=TESTS)
    return organization, team


def _shift_content_types(account: Account) -> None:
    """Give an account other content-type ids, as accounts of different ages have."""
    with in_account(account), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("UPDATE django_content_type SET id = id + 1000")
        cursor.execute("UPDATE auth_permission SET content_type_id = content_type_id + 1000")
        cursor.execute("SELECT setval(pg_get_serial_sequence('django_content_type', 'id'), 2000)")
