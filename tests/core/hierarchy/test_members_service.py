"""Writing members and their places, in both products."""

from typing import Any

import pytest

from core.access.permissions import permissions_of
from core.access.scopes import EVERYTHING
from core.audit.models import AuditEntry
from core.hierarchy import selectors
from core.hierarchy.errors import AlreadyThere, GlobalIsFixed, IsArchived
from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships
from core.identity import services as identity
from core.identity.models import Invitation, User
from core.kit.problems import InvalidInput, NotFound
from tests.cast import TESTS
from tests.core.ui.people import add_teams, member_of, organization_of, team_of
from tests.factories.identity import UserFactory

pytestmark = pytest.mark.usefixtures("in_acme")


def place(product: Product, member: Any, team: Any = None) -> Any:
    return memberships.place_member(
        product=product,
        member=member,
        organization=organization_of(product),
        team=team,
        actor=TESTS,
    )


def primary_of(member: Any) -> Any:
    return member.memberships.get(is_primary=True, archived_at=None)


def test_a_new_member_is_in_global_and_may_use_the_product(product: Product) -> None:
    user = UserFactory()

    member = members.create_member(product=product, user=user, actor=TESTS)

    assert primary_of(member).organization.is_global
    assert f"{product.slug}.use" in permissions_of(User.objects.get(pk=user.pk))


def test_the_first_place_becomes_the_primary_one(product: Product) -> None:
    member = members.create_member(product=product, user=UserFactory(), actor=TESTS)

    first = place(product, member, team_of(product))
    second = place(product, member)

    assert primary_of(member) == first
    assert not second.is_primary


def test_nobody_is_in_the_same_place_twice(product: Product, mia: User) -> None:
    with pytest.raises(AlreadyThere):
        place(product, member_of(product, mia), team_of(product))


def test_who_left_a_place_may_come_back(product: Product, mia: User) -> None:
    member = member_of(product, mia)
    memberships.remove_membership(product=product, membership=primary_of(member), actor=TESTS)

    place(product, member, team_of(product))

    assert primary_of(member).team == team_of(product)


def test_another_place_inherits_being_primary(product: Product, mia: User) -> None:
    add_teams(product, 1)
    member = member_of(product, mia)
    squad = place(product, member, team_of(product, "Squad 0"))

    memberships.remove_membership(product=product, membership=primary_of(member), actor=TESTS)

    assert primary_of(member) == squad
    entry = AuditEntry.objects.filter(verb="membership.archived").latest("id")
    assert entry.sentence == "The tests removed Mia Member from Content"


def test_the_place_in_global_is_as_lasting_as_the_seat(product: Product, mia: User) -> None:
    everyone = member_of(product, mia).memberships.get(organization__is_global=True)

    with pytest.raises(GlobalIsFixed):
        memberships.remove_membership(product=product, membership=everyone, actor=TESTS)


def test_an_archived_member_is_put_nowhere(product: Product, mia: User) -> None:
    member = member_of(product, mia)
    members.archive_member(product=product, member=member, actor=TESTS)

    with pytest.raises(IsArchived):
        place(product, member)


def test_a_seat_that_is_taken_away_takes_its_rights_along(product: Product, mia: User) -> None:
    member = member_of(product, mia)

    members.archive_member(product=product, member=member, actor=TESTS)
    without = permissions_of(User.objects.get(pk=mia.pk))
    members.restore_member(product=product, member=member, actor=TESTS)
    again = permissions_of(User.objects.get(pk=mia.pk))

    assert f"{product.slug}.use" not in without
    assert f"{product.slug}.use" in again
    assert primary_of(member).team == team_of(product)


def test_somebody_new_gets_a_login_an_invitation_and_a_place(product: Product) -> None:
    seat = members.invite_member(
        product=product,
        email=" Nora@Acme.Example",
        name="Nora",
        organization=organization_of(product),
        team=team_of(product),
        actor=TESTS,
    )

    assert seat.link is not None
    assert seat.member.user.email == "nora@acme.example"
    assert not seat.member.user.is_active
    assert not seat.member.user.has_joined
    assert primary_of(seat.member).team == team_of(product)


def test_who_waits_for_the_first_product_is_invited_afresh_for_the_second(
    product: Product,
) -> None:
    from core.hierarchy.product import products

    links = [
        members.invite_member(product=each, email="new@acme.example", actor=TESTS).link
        for each in products()
    ]

    assert all(links)
    assert Invitation.objects.filter(accepted_at=None, revoked_at=None).count() == 1


def test_who_was_deactivated_is_not_let_in_by_an_invitation(product: Product) -> None:
    user = UserFactory()
    identity.deactivate_user(user=user, actor=TESTS)

    seat = members.invite_member(product=product, email=user.email, actor=TESTS)

    assert seat.link is None


def test_an_invitation_without_an_address_leaves_nothing_behind(product: Product) -> None:
    before = product.member._default_manager.count()

    with pytest.raises(InvalidInput):
        members.invite_member(product=product, email="nobody", actor=TESTS)

    assert product.member._default_manager.count() == before


def test_a_seat_is_given_once_and_restored_later(product: Product, mia: User) -> None:
    with pytest.raises(AlreadyThere):
        members.invite_member(product=product, email=mia.email, actor=TESTS)

    members.archive_member(product=product, member=member_of(product, mia), actor=TESTS)

    with pytest.raises(IsArchived):
        members.invite_member(product=product, email=mia.email, actor=TESTS)


def test_the_acting_place_is_the_primary_one_or_the_team_that_is_named(
    product: Product, mia: User
) -> None:
    add_teams(product, 1)
    member, squad = member_of(product, mia), team_of(product, "Squad 0")
    named = place(product, member, squad)

    assert str(selectors.acting_membership(product, member)) == "Content"
    assert selectors.acting_membership(product, member, team_id=squad.pk) == named
    memberships.make_primary(product=product, membership=named, actor=TESTS)
    assert selectors.acting_membership(product, member) == named
    with pytest.raises(NotFound):
        selectors.acting_membership(product, member, team_id=organization_of(product).pk)


def test_places_come_primary_first_and_global_last(product: Product, mia: User) -> None:
    add_teams(product, 2)
    member = member_of(product, mia)
    for name in ("Squad 0", "Squad 1"):
        place(product, member, team_of(product, name))

    assert [str(found) for found in selectors.places_of(product, member)] == [
        "Content",
        "Squad 0",
        "Squad 1",
        "global",
    ]


def test_people_outside_are_those_who_could_come_in(
    product: Product, mia: User, olga: User
) -> None:
    team, organization = team_of(product), organization_of(product)

    assert [str(row) for row in selectors.candidates_for(product, EVERYTHING, team, term="")] == [
        str(olga)
    ]
    # Mia is in a team of the organization, and could be put into it directly as well.
    assert str(mia) in [
        str(row)
        for row in selectors.candidates_for(product, EVERYTHING, organization, term="mia acme")
    ]
    assert not selectors.candidates_for(product, EVERYTHING, team, term="mia").exists()
    assert [str(row) for row in selectors.members_in(product, team)] == [
        "Mia Member",
        "Theo Teamlead",
    ]


def test_a_user_s_seat_counts_only_until_it_is_archived(product: Product, mia: User) -> None:
    member = member_of(product, mia)
    assert selectors.member_of_user(product, mia) == member

    members.archive_member(product=product, member=member, actor=TESTS)

    assert selectors.member_of_user(product, mia) is None
