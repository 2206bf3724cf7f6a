"""Reads of imports and acts on many people, and what an import has to know."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from core.access.permissions import may
from core.access.scopes import NOTHING, Scope, scope_of
from core.hierarchy.product import Product
from core.hierarchy.selectors import organization_choices, team_choices
from core.identity.models import User
from core.kit.problems import NotFound
from core.people.models import PeopleJob, PeopleJobRow
from core.people.planning import Known, KnownPerson, PlaceName, names_in


def jobs_for(product: Product, scope: Scope, user: Any) -> QuerySet[PeopleJob]:
    """Return the jobs that somebody may see: of all of the product, or their own."""
    rows = PeopleJob.objects.filter(product=product.slug).defer("source")
    return rows if scope.everything else rows.filter(user_id=user.pk)


def job_for(product: Product, scope: Scope, user: Any, job_id: UUID) -> PeopleJob:
    """Return one job.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    job = jobs_for(product, scope, user).filter(pk=job_id).first()
    if job is None:
        raise NotFound("There is no such import or act.")
    return job


def rows_of(job: PeopleJob, *, outcome: str = "", after: int = 0) -> QuerySet[PeopleJobRow]:
    """Return rows of a job in order, those after a number, of one outcome if one is named."""
    rows = PeopleJobRow.objects.filter(job=job, number__gt=after).order_by("number")
    return rows.filter(outcome=outcome) if outcome else rows


def every_row(job: PeopleJob) -> Iterator[PeopleJobRow]:
    """Return all rows of a job, a few thousand at a time."""
    after = 0
    while chunk := list(rows_of(job, after=after)[:2_000]):
        yield from chunk
        after = chunk[-1].number


def scope_of_job(job: PeopleJob) -> Scope:
    """Return what the person who made the job administers now: nothing any more, if so.

    Read at each batch, so that a job ends with the right to do it.
    """
    user = User.objects.filter(pk=job.user_id).first()
    if user is None or not may(user, f"{job.product}.manage_hierarchy"):
        return NOTHING
    return scope_of(user, job.product)


def known_to(product: Product, scope: Scope, lines: Collection[Mapping[str, str]]) -> Known:
    """Return what there is of the people and places that lines name; a fixed number of queries.

    Nodes outside the scope are not known. People are: an address that has a login has one.
    """
    emails, organizations, teams = names_in(lines)
    known = Known(people=_people_of(product, emails))
    for row in _organizations(product, scope, organizations):
        known.organizations[row.name.lower()] = row.name
    for row in _teams(product, scope, teams):
        organization = row.organization.name
        known.parents[organization.lower()] = organization
        known.teams[(organization.lower(), row.name.lower())] = row.name
    return known


def nodes_named(
    product: Product, scope: Scope, places: Iterable[PlaceName]
) -> dict[PlaceName, tuple[Any, Any]]:
    """Return organization and team of places by their lower-case names; what is missing is not."""
    wanted = set(places)
    found: dict[PlaceName, tuple[Any, Any]] = {}
    for row in _organizations(product, scope, {place[0] for place in wanted}):
        found[(row.name.lower(), "")] = (row, None)
    for row in _teams(product, scope, {place[1] for place in wanted if place[1]}):
        found[(row.organization.name.lower(), row.name.lower())] = (row.organization, row)
    return {place: found[place] for place in wanted if place in found}


def _organizations(product: Product, scope: Scope, names: Collection[str]) -> QuerySet[Any]:
    rows = organization_choices(product, scope).annotate(lower=Lower("name"))
    found: QuerySet[Any] = rows.filter(lower__in=names)
    return found.select_related("wallet")


def _teams(product: Product, scope: Scope, names: Collection[str]) -> QuerySet[Any]:
    rows = team_choices(product, scope).annotate(lower=Lower("name"))
    found: QuerySet[Any] = rows.filter(lower__in=names)
    return found.select_related("organization__wallet", "wallet")


def _people_of(product: Product, emails: Collection[str]) -> dict[str, KnownPerson]:
    users = User.objects.annotate(lower=Lower("email")).filter(lower__in=emails)
    names = {user.pk: (user.email.lower(), user.name) for user in users}
    members: Any = product.member._default_manager
    seats = {
        seat.user_id: seat for seat in members.filter(user__in=names).only("user", "archived_at")
    }
    places = _places_of(product, {seat.pk for seat in seats.values()})
    people = {}
    for user_id, (email, name) in names.items():
        seat = seats.get(user_id)
        there = places.get(seat.pk, []) if seat is not None else []
        people[email] = KnownPerson(
            name=name,
            has_seat=seat is not None,
            is_archived=seat is not None and seat.is_archived,
            places=frozenset(place for place, _primary in there if place != ("", "")),
            primary=next((place for place, primary in there if primary), ("", "")),
        )
    return people


def _places_of(
    product: Product, members: Collection[UUID]
) -> dict[UUID, list[tuple[PlaceName, bool]]]:
    rows: Any = product.membership._default_manager
    found: dict[UUID, list[tuple[PlaceName, bool]]] = {}
    in_use = Q(team=None) | Q(team__archived_at=None)
    for member_id, is_global, organization, team, is_primary in (
        rows.filter(in_use, member__in=members, archived_at=None, organization__archived_at=None)
        .values_list(
            "member_id", "organization__is_global", "organization__name", "team__name", "is_primary"
        )
        .order_by()
    ):
        place = ("", "") if is_global else (organization.lower(), (team or "").lower())
        found.setdefault(member_id, []).append((place, is_primary))
    return found
