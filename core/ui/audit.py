"""The audit log as a page: of one product of an account, or of the platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.audit import verbs
from core.audit.differences import Change, Items, items
from core.audit.models import AuditEntry
from core.audit.selectors import changes_of, entries
from core.kit.clock import now
from core.kit.ids import first_uuid7
from core.ui.audit_view import AuditView, filters_of
from core.ui.pages import render_page

_TEMPLATE = "cockpit/audit.html"
_PAGE = 50
# An entry gets its id when it is written and is seen when its transaction commits: so the live
# tail looks this far back again, and leaves out what it has shown.
_TAIL_OVERLAP = timedelta(seconds=20)
# As many ids fit into an address.
_MOST_SEEN = 100
# What no table cell should show at once.
_LONG = 160


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One changed value as a row: long ones fold, lists say what joined and left."""

    change: Change
    items: Items | None
    is_long: bool


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as a row: its sentence and icon, and what stands behind it."""

    entry: AuditEntry
    sentence: str
    icon: str
    changes: Sequence[ShownChange]


def audit_page(request: HttpRequest, view: AuditView) -> HttpResponse:
    """Show the trail of changes with its filters; the caller has checked who may see what of it."""
    before, after = (_id(request.GET.get(name, "")) for name in ("before", "after"))
    if after is not None:
        return _render(request, view, "fresh", _fresh(request, view, after))
    shown, earlier = shown_entries(before=before, **view.narrowed)
    context = {
        "entries": shown,
        "earlier": earlier,
        "is_more": before is not None,
        # HTMX asks for rows only, and they have no filter.
        "filters": None if request.headers.get("HX-Request") else filters_of(view),
        **(_tail(shown, ()) if view.is_live else {}),
    }
    return _render(request, view, "rows" if before else "entries", context)


def kinds_page(request: HttpRequest, **page: Any) -> HttpResponse:
    """Show everything that is ever recorded: each verb with its sentence, by category."""
    ordered = sorted(
        verbs.all_verbs(), key=lambda verb: list(verbs.CATEGORIES).index(verb.category)
    )
    groups = [
        (verbs.CATEGORIES[category], list(found))
        for category, found in groupby(ordered, key=lambda verb: verb.category)
    ]
    return render_page(request, "cockpit/audit_kinds.html", groups=groups, **page)


def shown_entries(*, limit: int = _PAGE, **narrowed: Any) -> tuple[list[ShownEntry], UUID | None]:
    """Return rows, and the id to ask for earlier ones with; None when there are no more."""
    # One more than is shown tells whether there is an earlier page, without counting.
    found = entries(limit=limit + 1, **narrowed)
    rows = [_shown(entry) for entry in found[:limit]]
    return rows, rows[-1].entry.pk if len(found) > limit else None


def _render(
    request: HttpRequest, view: AuditView, fragment: str, context: dict[str, Any]
) -> HttpResponse:
    return render_page(
        request,
        _TEMPLATE,
        title=_("Audit log"),
        fragment=fragment,
        view=view,
        query=view.query,
        links=_links(view),
        is_trail=True,
        **context,
    )


def _links(view: AuditView) -> list[tuple[str, str]]:
    """What leads on from the page, relative to its address."""
    return [
        (f"export.csv?{view.paused}", "CSV"),
        (f"export.jsonl?{view.paused}", "JSON lines"),
        ("kinds/", _("What is recorded")),
    ]


def _fresh(request: HttpRequest, view: AuditView, after: UUID) -> dict[str, Any]:
    seen = [found for text in request.GET.getlist("seen")[:_MOST_SEEN] if (found := _id(text))]
    rows = entries(after=after, limit=_MOST_SEEN, **view.narrowed)
    fresh = [_shown(entry) for entry in rows if entry.pk not in seen]
    return {"entries": fresh, "earlier": None, "is_more": False, **_tail(fresh, seen, after)}


def _tail(
    shown: Sequence[ShownEntry], seen: Sequence[UUID], after: UUID | None = None
) -> dict[str, Any]:
    """Return from where the live tail goes on, and what it has shown of that."""
    floor = first_uuid7(now() - _TAIL_OVERLAP)
    cursor = max(floor, after) if after else floor
    known = [*(row.entry.pk for row in shown), *seen]
    return {"tail": cursor, "seen": [one for one in known if one > cursor][:_MOST_SEEN]}


def _shown(entry: AuditEntry) -> ShownEntry:
    return ShownEntry(
        entry, entry.sentence, verbs.icon_of(entry.verb), [*map(_shown_change, changes_of(entry))]
    )


def _shown_change(change: Change) -> ShownChange:
    is_long = any(len(str(side)) > _LONG for side in (change.before, change.after))
    return ShownChange(change, items(change), is_long)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
