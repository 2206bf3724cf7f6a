"""The audit log as a page: of one product of an account, or of the platform."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from core.audit.differences import Change
from core.audit.models import AuditEntry
from core.audit.selectors import changes_of, entries, icon_for, recent_verbs
from core.ui.pages import render_page

_TEMPLATE = "cockpit/audit.html"
_PAGE = 50


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as a row: its sentence and icon, and what stands behind it."""

    entry: AuditEntry
    sentence: str
    icon: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of the filter."""

    value: str
    label: str


def audit_page(
    request: HttpRequest,
    product: str = "",
    *,
    title: str = "Audit log",
    within: Collection[UUID] | None = None,
) -> HttpResponse:
    """Show the trail of changes with its filters; the caller has checked who may see it.

    With a product, entries of the other product are left out; those of the account as a whole
    stay. `within` are the organizations and teams to which the reader is limited. In the public
    schema `product` is empty.
    """
    # Postgres takes no NUL in text.
    verb = request.GET.get("verb", "").replace("\x00", "")[:64]
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    before = _id(request.GET.get("before", ""))
    shown, earlier = shown_entries(
        product=product, verb=verb, text=text, before=before, within=within
    )
    is_more = before is not None
    return render_page(
        request,
        _TEMPLATE,
        title=title,
        fragment="rows" if is_more else "entries",
        entries=shown,
        earlier=earlier,
        verb=verb,
        text=text,
        is_filtered=bool(verb or text),
        is_more=is_more,
        # HTMX asks for rows only, and they have no filter.
        nouns=[] if request.headers.get("HX-Request") else _nouns(product, within),
    )


def shown_entries(*, limit: int = _PAGE, **narrowed: Any) -> tuple[list[ShownEntry], UUID | None]:
    """Return rows, and the id to ask for earlier ones with; None when there are no more."""
    # One more than is shown tells whether there is an earlier page, without counting.
    found = entries(limit=limit + 1, **narrowed)
    rows = [
        ShownEntry(entry, entry.sentence, icon_for(entry), changes_of(entry))
        for entry in found[:limit]
    ]
    return rows, rows[-1].entry.pk if len(found) > limit else None


def _nouns(product: str, within: Collection[UUID] | None) -> list[tuple[str, str, list[Choice]]]:
    """Group the verbs in use by their noun: its filter, its label, its verbs."""
    grouped = groupby(recent_verbs(product, within=within), key=lambda verb: verb.partition(".")[0])
    return [
        (f"{noun}.", _words(noun), [Choice(verb, _words(verb.partition(".")[2])) for verb in verbs])
        for noun, verbs in grouped
    ]


def _words(name: str) -> str:
    return name.replace("_", " ").replace("llm", "LLM").capitalize().replace("Llm", "LLM")


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
