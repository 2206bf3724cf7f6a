"""Appointing and removing who administers an organization or a team, in both products."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.access import object_permissions
from core.access.permissions import permissions_of
from core.access.scopes import EVERYTHING, NOTHING, Scope, scope_of
from core.audit.models import AuditEntry
from core.hierarchy.administration import (
    administrators_for,
    administrators_of,
    disagreements,
    has_whole_seat,
)
from core.hierarchy.errors import Deactivated, GlobalIsFixed, IsArchived
from core.hierarchy.product import Product, products
from core.hierarchy.services import members, memberships, nodes
from core.hierarchy.services.administrators import appoint_administrator, remove_administrator
from core.identity import services as identity
from core.identity.models import Role, RoleAssignment, User
from core.kit.problems import InvalidInput, NotAllowed
from core.notifications.models import Notification
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.people import member_of, organization_of, team_of
from tests.factories.identity import UserFactory
from tests.threads import run_together

pytestmark = pytest.mark.usefixtures("in_acme")


def fresh(user: User) -> User:
    """The same person, as of the next request."""
    return User.objects.get(pk=user.pk)


def scope(user: User, product: Product) -> Scope:
    return scope_of(fresh(user), product.slug)


def appoint(product: Product, node: Any, user: User, by: Scope = EVERYTHING) -> None:
    appoint_administrator(product=product, node=node, email=user.email, scope=by, actor=TESTS)


def appointment(user: User, node: Any) -> RoleAssignment:
    return RoleAssignment.objects.get(user=user, node_id=node.pk)


def sales(product: Product) -> tuple[Any, Any]:
    """Another organization with a team."""
    organization = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    team = nodes.create_team(product=product, organization=organization, name="Field", actor=TESTS)
    return organization, team


def test_an_appointed_person_administers_the_node_and_only_that(
    product: Product, mia: User
) -> None:
    organization, _team = sales(product)
    other = next(found for found in products() if found != product)

    appoint(product, organization, mia)
    appoint(product, team_of(product), mia)

    assert scope(mia, product) == Scope(
        organizations=frozenset({organization.pk}), teams=frozenset({team_of(product).pk})
    )
    assert scope(mia, other) == NOTHING
    assert f"{product.slug}.manage_teams" in permissions_of(fresh(mia))
    assert f"{other.slug}.view_hierarchy" not in permissions_of(fresh(mia))


def test_an_appointment_is_one_entry_and_changes_the_policy(product: Product, mia: User) -> None:
    team, before = team_of(product), policy_version()

    appoint(product, team, mia)

    entry = AuditEntry.objects.first()
    assert entry is not None
    assert str(entry) == "The tests made Mia Member Team admin of Content"
    assert entry.nodes == [team.pk]
    assert policy_version() > before
    assert Notification.objects.filter(user=mia, kind="role.given").count() == 1


def test_appointing_twice_changes_nothing(product: Product, mia: User) -> None:
    appoint(product, team_of(product), mia)
    entries = AuditEntry.objects.count()

    appoint(product, team_of(product), mia)

    assert AuditEntry.objects.count() == entries
    assert administrators_of(product, team_of(product)).filter(user=mia).count() == 1


def test_a_removed_person_administers_nothing(product: Product, theo: User) -> None:
    team = team_of(product)

    remove_administrator(
        product=product,
        assignment=appointment(theo, team),
        reason="On leave",
        scope=EVERYTHING,
        actor=TESTS,
    )

    assert scope(theo, product) == NOTHING
    assert f"{product.slug}.view_hierarchy" not in permissions_of(fresh(theo))
    assert f"{product.slug}.use" in permissions_of(fresh(theo))
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert str(entry) == "The tests took the role Team admin of Content from Theo Teamlead"
    assert (entry.reason, entry.nodes) == ("On leave", [team.pk])


def test_somebody_new_is_invited(product: Product) -> None:
    made = appoint_administrator(
        product=product,
        node=team_of(product),
        email="new@acme.example",
        name="Nora New",
        scope=EVERYTHING,
        actor=TESTS,
    )

    assert made.link is not None
    assert scope(made.user, product) == NOTHING
    identity.accept_invitation(token=made.link.token, name="Nora", password="long enough 4 all")
    assert scope(made.user, product).teams == {team_of(product).pk}


def test_nobody_gives_what_they_do_not_have(product: Product, olga: User, theo: User) -> None:
    organization, team = sales(product)
    own_team = team_of(product)
    person = UserFactory()

    for giver, node in (
        (olga, organization),
        (olga, team),
        (theo, organization_of(product)),
        (theo, team),
        (person, own_team),
    ):
        with pytest.raises(NotAllowed):
            appoint(product, node, person, by=scope(giver, product))
    for giver, node in ((olga, organization_of(product)), (olga, own_team), (theo, own_team)):
        appoint(product, node, person, by=scope(giver, product))


def test_nobody_removes_who_administers_more(product: Product, olga: User, theo: User) -> None:
    with pytest.raises(NotAllowed):
        remove_administrator(
            product=product,
            assignment=appointment(olga, organization_of(product)),
            scope=scope(theo, product),
            actor=TESTS,
        )

    assert scope(olga, product)


def test_global_an_archived_node_and_a_deactivated_person_are_refused(
    product: Product, mia: User
) -> None:
    everyone = product.organization._default_manager.get(is_global=True)
    _organization, team = sales(product)
    nodes.archive_node(product=product, node=team, actor=TESTS)
    gone = UserFactory()
    identity.deactivate_user(user=gone, actor=TESTS)

    with pytest.raises(GlobalIsFixed):
        appoint(product, everyone, mia)
    with pytest.raises(IsArchived):
        appoint(product, team, mia)
    with pytest.raises(Deactivated):
        appoint(product, team_of(product), gone)
    with pytest.raises(InvalidInput):
        appoint_administrator(
            product=product,
            node=team_of(product),
            email="nobody",
            scope=EVERYTHING,
            actor=TESTS,
        )


def test_archiving_a_node_suspends_and_restoring_brings_back(product: Product, mia: User) -> None:
    organization, team = sales(product)
    appoint(product, team, mia)
    appoint(product, organization, mia)

    for node in (team, organization):
        nodes.archive_node(product=product, node=node, actor=TESTS)
    suspended = scope(mia, product)
    shown = administrators_for(product, EVERYTHING).filter(user=mia).count()
    agreed = disagreements(product)
    for node in (organization, team):
        nodes.restore_node(product=product, node=node, actor=TESTS)

    assert (suspended, shown, agreed) == (NOTHING, 0, [])
    assert scope(mia, product).organizations == {organization.pk}
    assert scope(mia, product).teams == {team.pk}


def test_taking_the_seat_away_takes_what_was_administered(product: Product, theo: User) -> None:
    member = member_of(product, theo)

    members.archive_member(product=product, member=member, actor=TESTS)
    members.restore_member(product=product, member=member, actor=TESTS)

    assert scope(theo, product) == NOTHING
    assert f"{product.slug}.use" in permissions_of(fresh(theo))
    assert not RoleAssignment.objects.filter(
        user=theo, product=product.slug, node_id__isnull=False
    ).exists()
    assert disagreements(product) == []


def test_a_deactivated_login_administers_nothing_until_it_is_back(
    product: Product, theo: User
) -> None:
    before = scope(theo, product)

    identity.deactivate_user(user=fresh(theo), actor=TESTS)
    meanwhile = scope(theo, product)
    identity.reactivate_user(user=fresh(theo), actor=TESTS)

    assert (meanwhile, scope(theo, product)) == (NOTHING, before)
    assert before.teams == {team_of(product).pk}


def test_a_seat_is_whole_where_all_its_places_and_roles_are(
    product: Product, olga: User, theo: User, mia: User
) -> None:
    of_olga, of_theo = scope(olga, product), scope(theo, product)
    alone = members.create_member(product=product, user=UserFactory(), actor=TESTS)

    def whole(by: Scope, person: User) -> bool:
        return has_whole_seat(product, by, member_of(product, person))

    assert (whole(of_olga, mia), whole(of_theo, mia), whole(of_olga, theo)) == (True, True, True)
    # Olga is not in his team, and administers more than he does.
    assert not whole(of_theo, olga)
    assert not has_whole_seat(product, of_olga, alone)
    assert has_whole_seat(product, EVERYTHING, alone)

    organization, team = sales(product)
    memberships.place_member(
        product=product,
        member=member_of(product, mia),
        organization=organization,
        team=team,
        actor=TESTS,
    )
    appoint(product, organization, theo)

    assert not whole(of_olga, mia)
    assert not whole(of_olga, theo)


def test_appointments_and_object_permissions_agree(product: Product, mia: User) -> None:
    organization, team = sales(product)
    for node in (organization, team):
        appoint(product, node, mia)
    agreed = disagreements(product)

    object_permissions.give(mia, team_of(product))
    object_permissions.take((mia,), team)

    assert agreed == []
    assert sorted(disagreements(product)) == sorted(
        [
            f"{mia.pk} administers {team_of(product).pk} without appointment",
            f"{mia.pk} is appointed to {team.pk} without effect",
        ]
    )


def test_only_the_object_permission_decides(product: Product, mia: User) -> None:
    role = Role.TEAM_ADMIN
    RoleAssignment.objects.create(
        user=mia, role=role, product=product.slug, node_id=team_of(product).pk
    )

    assert scope(mia, product) == NOTHING
    assert f"{product.slug}.view_hierarchy" not in permissions_of(fresh(mia))


def test_scopes_and_codenames_take_two_queries(
    olga: User, ada: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    for user, queries in ((fresh(olga), 2), (fresh(ada), 1)):
        with django_assert_num_queries(queries):
            permissions_of(user)
            for product in products():
                scope_of(user, product.slug)


@pytest.mark.slow
def test_threads_of_two_accounts_do_not_mix_their_content_types(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    """Content types have other ids in Globex; each thread works in another account by turns."""

    def administer(account: Account, name: str) -> bool:
        with in_account(account):
            product = products()[0]
            team: Any = team_of(product)
            user = User.objects.get(email=f"{name}@{account.slug}.example")
            agrees = True
            for _turn in range(5):
                appoint(product, team, user)
                has_it = team.pk in scope(user, product).teams
                remove_administrator(
                    product=product,
                    assignment=appointment(user, team),
                    scope=EVERYTHING,
                    actor=TESTS,
                )
                agrees = agrees and has_it and not scope(user, product)
            return agrees

    cast = [(acme, "mia"), (globex, "max"), (acme, "olga2"), (globex, "eve2")]
    for account, name in cast[2:]:
        with in_account(account):
            UserFactory(email=f"{name}@{account.slug}.example")
    done = run_together([lambda one=one: administer(*one) for one in cast])  # type: ignore[misc]

    assert done == [True] * 4
    for account in (acme, globex):
        with in_account(account):
            assert disagreements(products()[0]) == []


def test_the_command_says_what_disagrees(acme: Account, globex: Account, mia: User) -> None:
    silent = StringIO()
    call_command("verify_access", stdout=silent)
    product = products()[0]
    object_permissions.give(mia, team_of(product))

    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_access", account="acme", stdout=said)

    assert silent.getvalue() == ""
    assert said.getvalue() == (
        f"acme, {product.title}: {mia.pk} administers {team_of(product).pk} without appointment\n"
    )
    call_command("verify_access", account="globex", stdout=silent)
    assert silent.getvalue() == ""
    with pytest.raises(CommandError):
        call_command("verify_access", account="nowhere")
