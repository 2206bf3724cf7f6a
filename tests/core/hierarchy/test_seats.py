"""The place that a call acts from: the primary one, or the team that is named."""

from typing import Any
from uuid import UUID

import pytest

from core.hierarchy.product import Product
from core.hierarchy.seats import Seat, seat_of_email, seat_of_membership, seat_of_user
from core.hierarchy.services import members, memberships, nodes
from core.identity import services as identity
from core.identity.models import User
from core.kit.problems import NotAllowed
from tenants.models import Account
from tests.cast import ORGANIZATION, TEAM, TESTS


def organization_of(product: Product, name: str = ORGANIZATION) -> Any:
    return product.organization._default_manager.get(name=name)


def team_of(product: Product, name: str = TEAM) -> Any:
    return product.team._default_manager.get(name=name)


def member_of(product: Product, user: User) -> Any:
    return product.member._default_manager.get(user=user)


def primary_place_of(product: Product, user: User) -> Any:
    memberships: Any = product.membership._default_manager
    return memberships.get(member__user=user, is_primary=True)


def add_team(product: Product, user: User, name: str, *, organization: Any = None) -> Any:
    organization = organization or organization_of(product)
    team = nodes.create_team(product=product, organization=organization, name=name, actor=TESTS)
    memberships.place_member(
        product=product,
        member=member_of(product, user),
        organization=organization,
        team=team,
        actor=TESTS,
    )
    return team


def test_a_call_acts_from_the_primary_place(in_acme: Account, mia: User, product: Product) -> None:
    seat = seat_of_user(product, mia.pk)

    place = primary_place_of(product, mia)
    assert seat == Seat(
        product=product.slug,
        user_id=mia.pk,
        label="Mia Member",
        member_id=member_of(product, mia).pk,
        membership_id=place.pk,
        wallet_id=place.wallet_id,
        team_id=team_of(product).pk,
        organization_id=organization_of(product).pk,
        global_id=organization_of(product, "global").pk,
        names={
            member_of(product, mia).pk: "Mia Member",
            team_of(product).pk: team_of(product).name,
            organization_of(product).pk: organization_of(product).name,
        },
    )
    assert seat_of_email(product, "MIA@acme.example") == seat
    assert seat_of_membership(product, place.pk) == seat


def test_the_path_runs_from_the_membership_to_global(
    in_acme: Account, mia: User, olga: User, product: Product
) -> None:
    in_team = seat_of_user(product, mia.pk)
    in_organization = seat_of_user(product, olga.pk)

    assert in_team.path == (
        in_team.membership_id,
        in_team.member_id,
        team_of(product).pk,
        organization_of(product).pk,
        organization_of(product, "global").pk,
    )
    assert in_organization.path == (
        in_organization.membership_id,
        in_organization.member_id,
        organization_of(product).pk,
        organization_of(product, "global").pk,
    )


def test_global_stands_in_a_path_once(in_acme: Account, ada: User, product: Product) -> None:
    members.create_member(product=product, user=ada, actor=TESTS)

    seat = seat_of_user(product, ada.pk)

    assert seat.path == (seat.membership_id, seat.member_id, seat.global_id)


def test_another_team_is_named_by_id_or_exact_name(
    in_acme: Account, mia: User, product: Product
) -> None:
    video = add_team(product, mia, "Video")

    for name in ("Video", str(video.pk), str(video.pk).upper()):
        assert seat_of_user(product, mia.pk, team=name).team_id == video.pk
    assert seat_of_user(product, mia.pk).team_id == team_of(product).pk


@pytest.mark.parametrize("team", ["video", " Content", "", "Sales", str(UUID(int=0)), "x\x00", "%"])
def test_a_team_the_member_is_not_in_is_refused(
    in_acme: Account, mia: User, product: Product, team: str
) -> None:
    nodes.create_team(
        product=product, organization=organization_of(product), name="Sales", actor=TESTS
    )

    with pytest.raises(NotAllowed):
        seat_of_user(product, mia.pk, team=team)


def test_two_teams_of_one_name_are_told_apart_by_id(
    in_acme: Account, mia: User, product: Product
) -> None:
    other = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    twin = add_team(product, mia, TEAM, organization=other)

    with pytest.raises(NotAllowed, match="id"):
        seat_of_user(product, mia.pk, team=TEAM)
    assert seat_of_user(product, mia.pk, team=str(twin.pk)).team_id == twin.pk


def test_a_team_named_like_the_id_of_another_does_not_stand_in_for_it(
    in_acme: Account, mia: User, product: Product
) -> None:
    real = team_of(product)
    add_team(product, mia, str(real.pk))

    assert seat_of_user(product, mia.pk, team=str(real.pk)).team_id == real.pk


def test_archived_members_and_inactive_users_have_no_seat(
    in_acme: Account, mia: User, theo: User, product: Product
) -> None:
    place = seat_of_user(product, theo.pk).membership_id
    identity.deactivate_user(user=theo, actor=TESTS)
    members.archive_member(product=product, member=member_of(product, mia), actor=TESTS)

    for user_id in (mia.pk, theo.pk, UUID(int=0)):
        with pytest.raises(NotAllowed):
            seat_of_user(product, user_id)
    with pytest.raises(NotAllowed):
        seat_of_email(product, theo.email)
    with pytest.raises(NotAllowed):
        seat_of_membership(product, place)


def test_who_leaves_a_team_acts_from_the_next_place(
    in_acme: Account, mia: User, product: Product
) -> None:
    place = primary_place_of(product, mia)
    memberships.remove_membership(product=product, membership=place, actor=TESTS)

    seat = seat_of_user(product, mia.pk)

    assert (seat.team_id, seat.organization_id) == (None, seat.global_id)
    with pytest.raises(NotAllowed):
        seat_of_user(product, mia.pk, team=TEAM)
    with pytest.raises(NotAllowed):
        seat_of_membership(product, place.pk)


def test_a_direct_place_is_named_by_its_organization(
    in_acme: Account, mia: User, product: Product
) -> None:
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    memberships.place_member(
        product=product, member=member_of(product, mia), organization=legal, actor=TESTS
    )

    by_name = seat_of_user(product, mia.pk, team="Legal")
    by_id = seat_of_user(product, mia.pk, team=str(legal.pk))

    assert by_name == by_id
    assert (by_name.organization_id, by_name.team_id) == (legal.pk, None)
    assert seat_of_user(product, mia.pk).team_id == team_of(product).pk


@pytest.mark.parametrize("name", [ORGANIZATION, "global"])
def test_nobody_acts_past_the_policies_of_their_team(
    in_acme: Account, mia: User, product: Product, name: str
) -> None:
    # Everyone sits in `global`, and the organization is above Mia's team only.
    with pytest.raises(NotAllowed):
        seat_of_user(product, mia.pk, team=name)
    with pytest.raises(NotAllowed):
        seat_of_user(product, mia.pk, team=str(organization_of(product, name).pk))


def test_who_has_no_other_place_acts_from_global(in_acme: Account, product: Product) -> None:
    invited = members.invite_member(product=product, email="new@acme.example", actor=TESTS)
    user = User.objects.get(email="new@acme.example")
    User.objects.filter(pk=user.pk).update(is_active=True)

    for name in (None, "global"):
        seat = seat_of_user(product, user.pk, team=name)
        assert seat.member_id == invited.member.pk
        assert [node.kind for node in seat.nodes] == ["global", "member"]
