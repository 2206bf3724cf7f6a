"""People as CSV: the export that an import reads again, and the report of a job."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from django.db.models import Q

from core.access.scopes import Scope
from core.hierarchy.product import Product
from core.hierarchy.selectors import places_for
from core.people.matching import matching
from core.people.models import PeopleJob
from core.people.reading import protected
from core.people.selectors import every_row

EXPORT_HEAD = ("email", "name", "organization", "team", "primary", "state", "seat since")
REPORT_HEAD = ("line", "email", "name", "organization", "team", "outcome", "what")
_CHUNK = 1_000
_FIELDS = (
    "member_id",
    "member__user__email",
    "member__user__name",
    "member__user__is_active",
    "member__archived_at",
    "member__created_at",
    "organization__is_global",
    "organization__name",
    "team__name",
    "is_primary",
)


def export_of(product: Product, scope: Scope, match: Mapping[str, str]) -> Iterator[str]:
    """Yield the members that a filter fits, one line a place; a chunk of lines at a time.

    Bounded memory however many there are: each chunk is read by key and forgotten.
    """
    yield _text([EXPORT_HEAD])
    last = None
    while True:
        rows = matching(product, scope, match).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        ids = list(rows.values_list("pk", flat=True)[:_CHUNK])
        if not ids:
            return
        last = ids[-1]
        yield _text(_lines_of(product, scope, ids))


def report_of(job: PeopleJob) -> Iterator[str]:
    """Yield what became of each row of a job."""
    lines: list[tuple[str, ...]] = [REPORT_HEAD]
    for row in every_row(job):
        cells = [row.cells.get(field, "") for field in ("email", "name", "organization", "team")]
        lines.append((str(row.number), *map(protected, cells), row.outcome, protected(row.note)))
        if len(lines) == _CHUNK:
            yield _text(lines)
            lines = []
    yield _text(lines)


def _lines_of(product: Product, scope: Scope, ids: list[UUID]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of some members by plain values: objects would take most of the time."""
    rows = (
        places_for(product, scope)
        .filter(Q(team=None) | Q(team__archived_at=None), organization__archived_at=None)
        .filter(member__in=ids)
        .order_by("member_id", "-is_primary")
    )
    by_member = groupby(rows.values_list(*_FIELDS), key=itemgetter(0))
    for _member, found in by_member:
        places = list(found)
        _id, email, name, is_active, archived_at, created_at = places[0][:6]
        state = "archived" if archived_at else "active" if is_active else "inactive"
        who, rest = (protected(email), protected(name)), (state, created_at.date().isoformat())
        named = [place[6:] for place in places if not place[6]]
        for _is_global, organization, team, is_primary in named or [(True, "", "", False)]:
            yield (
                *who,
                protected(organization),
                protected(team or ""),
                "yes" if is_primary else "",
                *rest,
            )


def _text(lines: Iterable[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue()
