"""Giving many people seats and places at once: `create_member` and `place_member` in bulk.

One audit entry for each person who changes, not one for each row of each table: a person's page
and a branch admin's log then tell all of it in one sentence, and an import of thousands stays
readable and fast.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Lower

from core.audit.services import Actor, record
from core.credits.models import Book, Split, WalletKind
from core.credits.selectors import book_of
from core.credits.services.books import create_wallets
from core.credits.services.joining import reclaim_from_leaver
from core.hierarchy import verbs
from core.hierarchy.models import AbstractOrganization, AbstractTeam
from core.hierarchy.notices import tell_of_place
from core.hierarchy.product import Product
from core.hierarchy.services.memberships import serve
from core.hierarchy.services.rows import (
    holding_credits,
    memberships_of,
    refuse_archived,
    refuse_global,
    refuse_moved,
)
from core.identity.models import Role, RoleAssignment, User
from core.tenancy.policy import bump_policy


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One person in one place; without an organization, in `global` alone.

    `name` is set for who is new, and given to others only with `renames`.
    """

    email: str
    name: str = ""
    organization: AbstractOrganization | None = None
    team: AbstractTeam | None = None
    makes_primary: bool = False
    renames: bool = False


@dataclass(frozen=True, slots=True)
class Seated:
    """A member after the act, and whether they were new in the product, or to the company."""

    member_id: UUID
    user: User
    is_new_seat: bool
    is_new_login: bool


@transaction.atomic
def seat_people(*, product: Product, lines: Sequence[SeatLine], actor: Actor) -> dict[str, Seated]:
    """Give logins, seats and places to everybody who lacks them; return members by address.

    Addresses are in lower case. A first place becomes the primary one. What is there already
    stays; who has an archived seat is left out. Sends nothing: who is new has no invitation yet.

    Raises:
        IsArchived: an organization or a team is archived.
        MovedMeanwhile: a team is in another organization by now.
        GlobalIsFixed: a line names `global`.
    """
    lines = _with_held_places(product, lines)
    users, new_logins = _users_of(lines)
    members, new_seats = _members_of(product, users)
    present = {email: members[user.pk] for email, user in users.items() if user.pk in members}
    to_place = [line for line in lines if line.email in present]
    placed = _place(product, to_place, present, new_seats, actor)
    renamed = _rename(lines, users, new_logins)
    for email, member in present.items():
        places = placed.get(member.pk, [])
        user = users[email]
        if not (places or member.pk in new_seats or email in renamed):
            continue
        after = {"product": product.title} if member.pk in new_seats else {}
        named = [str(place.team or place.organization) for place in places]
        record(
            actor=actor,
            verb=verbs.IMPORTED,
            target=("member", member.pk, str(user)),
            before={"name": renamed[email]} if email in renamed else None,
            after={
                **after,
                **({"places": ", ".join(named)} if named else {}),
                **({"name": user.name} if email in renamed else {}),
                **({"email": email} if email in new_logins else {}),
            },
            product=product.slug,
            nodes=[place.team_id or place.organization_id for place in places],
        )
        for place in places:
            # Who cannot sign in yet is told by the invitation.
            if user.is_active:
                tell_of_place(product=product, member=member, place=place, actor=actor)
    bump_policy()
    return {
        email: Seated(member.pk, users[email], member.pk in new_seats, email in new_logins)
        for email, member in present.items()
    }


def _with_held_places(product: Product, lines: Sequence[SeatLine]) -> list[SeatLine]:
    """Lock the places of lines and return the lines with them as they are now; two queries."""
    direct = {line.organization.pk for line in lines if line.organization and not line.team}
    organizations = _held(product.organization, direct)
    teams = _held(product.team, {line.team.pk for line in lines if line.team})
    found = []
    for line in lines:
        if line.organization is None:
            found.append(line)
            continue
        team = teams[line.team.pk] if line.team else None
        organization = team.organization if team else organizations[line.organization.pk]
        refuse_moved(team, line.organization)
        for node in filter(None, (organization, team)):
            refuse_archived(node)
        refuse_global(organization)
        found.append(replace(line, organization=organization, team=team))
    return found


def _held(model: Any, ids: set[UUID]) -> dict[UUID, Any]:
    """Lock nodes by id, as `hold` does; the caller takes organizations before teams."""
    above = ("wallet", "organization__wallet") if issubclass(model, AbstractTeam) else ("wallet",)
    rows = model._default_manager.filter(pk__in=ids).select_related(*above).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}


def _users_of(lines: Sequence[SeatLine]) -> tuple[dict[str, User], set[str]]:
    """Return everybody's login by address, and the addresses that got theirs just now."""
    emails = {line.email for line in lines}
    rows = User.objects.annotate(lower=Lower("email")).filter(lower__in=emails)
    users: dict[str, User] = {user.email.lower(): user for user in rows}
    names = {line.email: line.name for line in reversed(lines) if line.name}
    fresh = [
        User(email=email, name=names.get(email, ""), is_active=False, password=make_password(None))
        for email in dict.fromkeys(line.email for line in lines)
        if email not in users
    ]
    User.objects.bulk_create(fresh)
    users.update({user.email: user for user in fresh})
    return users, {user.email for user in fresh}


def _members_of(product: Product, users: dict[str, User]) -> tuple[dict[UUID, Any], set[UUID]]:
    """Return the seats by user, held, and those that are new. Archived ones are left out."""
    model: Any = product.member
    rows = model._default_manager.filter(user__in=[user.pk for user in users.values()])
    seats = {seat.user_id: seat for seat in rows.order_by("pk").select_for_update(no_key=True)}
    fresh = [model(user=user) for user in users.values() if user.pk not in seats]
    model._default_manager.bulk_create(fresh)
    RoleAssignment.objects.bulk_create(
        (RoleAssignment(user=seat.user, role=Role.MEMBER, product=product.slug) for seat in fresh),
        ignore_conflicts=True,
    )
    seats.update({seat.user_id: seat for seat in fresh})
    active = {user_id: seat for user_id, seat in seats.items() if not seat.is_archived}
    return active, {seat.pk for seat in fresh}


def _place(
    product: Product,
    lines: Sequence[SeatLine],
    present: dict[str, Any],
    new_seats: set[UUID],
    actor: Actor,
) -> dict[UUID, list[Any]]:
    """Make the places that are missing, and set the primary ones; return the new ones by member."""
    everyone = product.organization._default_manager.get(is_global=True)
    rows = memberships_of(product).filter(
        member__in=[member.pk for member in present.values()], archived_at=None
    )
    there = {(row.member_id, row.organization_id, row.team_id): row.pk for row in rows}
    only_global = {member.pk for member in present.values()} - {
        member_id for member_id, organization_id, _team in there if organization_id != everyone.pk
    }
    model: Any = product.membership
    fresh = [
        model(member_id=member_id, organization=everyone, is_primary=True)
        for member_id in sorted(new_seats)
    ]
    primary: dict[UUID, tuple[UUID, UUID | None]] = {}
    placed: dict[UUID, list[Any]] = {}
    for line in lines:
        if line.organization is None:
            continue
        member_id = present[line.email].pk
        where = (line.organization.pk, line.team.pk if line.team else None)
        if line.makes_primary or (member_id in only_global and member_id not in primary):
            primary[member_id] = where
        if (member_id, *where) not in there:
            row = model(member_id=member_id, organization=line.organization, team=line.team)
            there[(member_id, *where)] = row.pk
            placed.setdefault(member_id, []).append(row)
            fresh.append(row)
    _give_wallets(product, fresh)
    model._default_manager.bulk_create(fresh)
    chosen = [there[(member_id, *where)] for member_id, where in primary.items()]
    mine = memberships_of(product).filter(member__in=primary, archived_at=None)
    mine.filter(is_primary=True).exclude(pk__in=chosen).update(is_primary=False)
    mine.filter(pk__in=chosen, is_primary=False).update(is_primary=True)
    _share(product, fresh, placed, only_global, actor)
    return placed


def _share(
    product: Product,
    fresh: Sequence[Any],
    placed: dict[UUID, list[Any]],
    only_global: set[UUID],
    actor: Actor,
) -> None:
    """Serve the new places by the splits in force, as `place_member` does for one."""
    alone = memberships_of(product).filter(
        member__in=only_global & placed.keys(), archived_at=None, organization__is_global=True
    )
    for place in holding_credits(alone).select_related("wallet", "member__user"):
        # As in `place_member`.
        reclaim_from_leaver(wallet=place.wallet, actor=actor, label=str(place.member))
    book = book_of(product.slug)
    if not Split.objects.filter(book=book, level=WalletKind.MEMBERSHIP, ended_by=None).exists():
        return
    for place in fresh:
        if not (place.organization.is_global and place.member_id in placed):
            serve(membership=place, actor=actor)


def _give_wallets(product: Product, places: Sequence[Any]) -> None:
    book = Book.objects.get(product=product.slug)
    parents = [place.team.wallet if place.team else place.organization.wallet for place in places]
    wallets = create_wallets(book=book, kind=WalletKind.MEMBERSHIP, parents=parents)
    for place, wallet in zip(places, wallets, strict=True):
        place.wallet = wallet


def _rename(
    lines: Sequence[SeatLine], users: dict[str, User], new_logins: set[str]
) -> dict[str, str]:
    """Give people other names; return the former ones by address."""
    former: dict[str, str] = {}
    for line in lines:
        user = users[line.email]
        if line.renames and line.email not in new_logins and line.name != user.name:
            former.setdefault(line.email, user.name)
            user.name = line.name
    User.objects.bulk_update([users[email] for email in former], ["name"], batch_size=500)
    return former
