"""The two steps of an import: saying what each line would do, and doing it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Max

from core.access.scopes import Scope
from core.audit.services import Actor
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.hierarchy.services.seating import Seated, SeatLine, seat_people
from core.people.models import PeopleJob, PeopleJobRow, RowOutcome, RowState
from core.people.planning import PlaceName, Planned, Planner, Rules
from core.people.reading import cells_of, read_table
from core.people.selectors import known_to, nodes_named, scope_of_job
from core.people.services.steps import Step, save_rows

BATCH = 500
_CHECK_BATCH = 5_000


def rules_of(job: PeopleJob, scope: Scope) -> Rules:
    """Return what an import may do: as its options say, within what its maker administers."""
    creates = bool(job.options.get("creates_places"))
    return Rules(
        creates_organizations=creates and scope.everything,
        creates_teams=creates and (scope.everything or bool(scope.organizations)),
        renames=scope.everything and bool(job.options.get("renames", True)),
        sets_primary=scope.everything,
        needs_place=not scope.everything,
    )


def check_batch(job: PeopleJob, product: Product) -> Step:
    """Write what the next lines of the file would do.

    The lines before are planned again in memory: what is the same in two lines, or is made by an
    earlier one, can only be seen so.
    """
    table = read_table(job.source)
    scope = scope_of_job(job)
    lines = [cells_of(row, job.options["columns"]) for row in table.rows]
    done = PeopleJobRow.objects.filter(job=job).aggregate(last=Max("number"))["last"] or 0
    planner = Planner(known_to(product, scope, lines), rules_of(job, scope))
    planned = [
        planner.plan(number, cells) for number, cells in zip(table.numbers, lines, strict=True)
    ]
    waiting = [
        (line, cells) for line, cells in zip(planned, lines, strict=True) if line.number > done
    ]
    chunk = waiting[:_CHECK_BATCH]
    invites = bool(job.options.get("invites"))
    PeopleJobRow.objects.bulk_create(
        (_row(job, line, cells, invites=invites) for line, cells in chunk), batch_size=1000
    )
    job.total = len(planned)
    counts = Counter(str(line.outcome) for line, _cells in chunk)
    return Step(has_more=len(waiting) > len(chunk), counts=counts)


def apply_batch(job: PeopleJob, product: Product, actor: Actor, *, size: int = BATCH) -> Step:
    """Do the next waiting rows, planned afresh: things may have changed since the check."""
    rows = list(
        PeopleJobRow.objects.filter(job=job, state=RowState.WAITING).order_by("number")[:size]
    )
    if not rows:
        return Step(has_more=False)
    scope = scope_of_job(job)
    known = known_to(product, scope, [row.cells for row in rows])
    planner = Planner(known, rules_of(job, scope))
    planned = {row.number: planner.plan(row.number, row.cells) for row in rows}
    todo = [line for line in planned.values() if line.outcome in _TO_DO]
    places = _places(product, scope, todo)
    if _create_missing(product, todo, places, actor):
        # In a transaction of their own: creating holds the policy version, which comes after the
        # locks of seats and balances.
        return Step(has_more=True)
    seated = seat_people(
        product=product, lines=[_seat_line(line, places) for line in todo], actor=actor
    )
    for row in rows:
        _settle(row, planned[row.number], seated)
    save_rows(rows)
    return Step(has_more=True, counts=Counter(str(row.outcome) for row in rows))


_TO_DO = (RowOutcome.NEW, RowOutcome.CHANGED)


def _row(job: PeopleJob, line: Planned, cells: dict[str, str], *, invites: bool) -> PeopleJobRow:
    is_wrong = line.outcome == RowOutcome.ERROR
    return PeopleJobRow(
        job=job,
        number=line.number,
        cells={name: text[:300] for name, text in cells.items()},
        state=RowState.FAILED if is_wrong else RowState.WAITING,
        outcome=line.outcome,
        note=line.note[:300],
        to_mail=invites and line.is_new_login,
    )


def _settle(row: PeopleJobRow, line: Planned, seated: dict[str, Seated]) -> None:
    row.outcome, row.note = line.outcome, line.note[:300]
    row.state = RowState.FAILED if line.outcome == RowOutcome.ERROR else RowState.DONE
    found = seated.get(line.email)
    row.member_id = found.member_id if found is not None else None
    row.to_mail = row.to_mail and found is not None


def _places(
    product: Product, scope: Scope, lines: Sequence[Planned]
) -> dict[PlaceName, tuple[Any, Any]]:
    """Return the places of lines, and the organizations above them, as far as there are."""
    places = {line.place for line in lines if line.organization}
    return nodes_named(product, scope, places | {(place[0], "") for place in places})


def _create_missing(
    product: Product,
    lines: Sequence[Planned],
    there: dict[PlaceName, tuple[Any, Any]],
    actor: Actor,
) -> bool:
    """Create the places of lines that are not there; return whether any was missing."""
    missing = {line.place: line for line in lines if line.organization and line.place not in there}
    for place, line in sorted(missing.items()):
        top = (place[0], "")
        if top not in there:
            made: Any = nodes.create_organization(
                product=product, name=line.organization, actor=actor
            )
            there[top] = (made, None)
        if place != top:
            nodes.create_team(
                product=product, organization=there[top][0], name=line.team, actor=actor
            )
    return bool(missing)


def _seat_line(line: Planned, places: dict[PlaceName, tuple[Any, Any]]) -> SeatLine:
    organization, team = places[line.place] if line.organization else (None, None)
    return SeatLine(
        email=line.email,
        name=line.name,
        organization=organization,
        team=team,
        makes_primary=line.makes_primary,
        renames=line.renames,
    )
