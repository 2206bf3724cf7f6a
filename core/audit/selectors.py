"""Reads of the trail: newest first, by cursor, without counting."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet

from core.audit import verbs
from core.audit.differences import Change, changes
from core.audit.models import PUNCTUATION, AuditEntry
from core.kit.ids import first_uuid7
from core.kit.problems import NotFound

# Enough to meet every verb and everybody who is at work, and few enough to be read at each view.
_RECENT = 1_000
# Few enough rows to hold in memory, and enough that a file needs few queries.
_CHUNK = 1_000
_MOST_WORDS = 8
_SPACES = str.maketrans(PUNCTUATION, " " * len(PUNCTUATION))


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """Which entries are meant; what is empty narrows nothing.

    `product` leaves out the other product and keeps what concerns the account as a whole, unless
    `only` is "product" or "account". `verb` is one verb, or all of a noun when it ends in a dot;
    `category` is one of `verbs.CATEGORIES`. `text` is looked for in who, what and why, by the
    beginnings of words; an id finds whatever it is the id of. `about` is the id of a target, `by`
    of an actor, `request` of a request. `since` and `until` are times, the second excluded.
    `without` names verbs to leave out. `within` are the organizations and teams to which somebody
    is limited, None for no limit.
    """

    product: str = ""
    only: str = ""
    verb: str = ""
    category: str = ""
    text: str = ""
    about: UUID | str | None = None
    by: UUID | str | None = None
    request: str = ""
    since: datetime | None = None
    until: datetime | None = None
    without: Collection[str] = ()
    within: Collection[UUID] | None = None


class Person(NamedTuple):
    """Somebody, or something, that caused entries."""

    id: str
    label: str


def entries(
    *, before: UUID | None = None, after: UUID | None = None, limit: int = 50, **narrowed: Any
) -> list[AuditEntry]:
    """Return entries of the current schema, newest first; `narrowed` as in `Narrowed`.

    `before` is the id of the last entry already shown, `after` of the newest.
    """
    wanted = Narrowed(**narrowed)
    rows = AuditEntry.objects.filter(_matching(wanted)).exclude(verb__in=wanted.without)
    if wanted.text and _as_uuid(wanted.text) is None:
        rows = _with_words(rows, wanted.text)
    if before is not None:
        rows = rows.filter(id__lt=before)
    if after is not None:
        rows = rows.filter(id__gt=after)
    # One query for each product that counts, and for each thing that an id may be the id of: only
    # then does an index give the newest first.
    parts = [
        rows.filter(of_product, of_id).order_by("-id")[:limit]
        for of_product in _products(wanted)
        for of_id in _meanings(wanted.text)
    ]
    found = merge(*parts, key=lambda entry: entry.pk, reverse=True)
    return list(islice({entry.pk: entry for entry in found}.values(), limit))


def pages_of_entries(**narrowed: Any) -> Iterator[list[AuditEntry]]:
    """Yield all entries, newest first, for a file: as lists of what one query brings."""
    before: UUID | None = None
    while page := entries(limit=_CHUNK, before=before, **narrowed):
        yield page
        before = page[-1].pk


def entry_named(entry_id: UUID | str, **narrowed: Any) -> AuditEntry:
    """Return one entry.

    Raises:
        NotFound: there is none of that id, or it is not among those one may read.
    """
    wanted = _as_uuid(str(entry_id))
    rows = AuditEntry.objects.filter(_matching(Narrowed(**narrowed)))
    product = narrowed.get("product", "")
    if product:
        rows = rows.filter(product__in=("", product))
    found = rows.filter(pk=wanted).first() if wanted else None
    if found is None:
        raise NotFound("There is no such audit entry.")
    return found


def recent_verbs(product: str = "", *, within: Collection[UUID] | None = None) -> list[str]:
    """Return the verbs that occur among the latest entries, in order; for a filter."""
    return sorted(set(_recent(product, within).values_list("verb", flat=True)[:_RECENT]))


def recent_people(product: str = "", *, within: Collection[UUID] | None = None) -> list[Person]:
    """Return who caused the latest entries, by name, under the name of last; for a filter."""
    rows = _recent(product, within).exclude(actor_id="")
    found: dict[str, str] = {}
    for actor_id, label in rows.values_list("actor_id", "actor_label")[:_RECENT]:
        found.setdefault(actor_id, label)
    people = (Person(actor_id, label) for actor_id, label in found.items())
    return sorted(people, key=lambda person: person.label.casefold())


def label_of_actor(
    actor_id: str, *, product: str = "", within: Collection[UUID] | None = None
) -> str:
    """Return what an actor was called last, or the id where one may read no entry of theirs."""
    rows = _recent(product, within).filter(actor_id=actor_id)
    return rows.values_list("actor_label", flat=True).first() or actor_id


def label_of_target(
    target_id: str, *, product: str = "", within: Collection[UUID] | None = None
) -> str:
    """Return what a target was called last, or the id where one may read no entry about it."""
    rows = _recent(product, within).filter(target_id=target_id)
    return rows.values_list("target_label", flat=True).first() or target_id


def changes_of(entry: AuditEntry) -> list[Change]:
    """Return the values that an entry changed, each with its former one beside it."""
    return changes(entry.before, entry.after)


def icon_for(entry: AuditEntry) -> str:
    """Return the icon of an entry's verb."""
    return verbs.icon_of(entry.verb)


def _products(wanted: Narrowed) -> tuple[Q, ...]:
    if wanted.only == "account":
        return (Q(product=""),)
    if not wanted.product:
        return (Q(),)
    own = Q(product=wanted.product)
    return (own,) if wanted.only == "product" else (Q(product=""), own)


def _meanings(text: str) -> tuple[Q, ...]:
    """What a text may be the id of; nothing in particular if it is not one."""
    anything = _as_uuid(text)
    if anything is None:
        return (Q(),)
    name = str(anything)
    return (Q(pk=anything), Q(target_id=name), Q(actor_id=name), Q(request_id=name))


def _matching(wanted: Narrowed) -> Q:
    return _within(wanted.within) & _of_verb(wanted) & _of_time(wanted) & _of_id(wanted)


def _of_verb(wanted: Narrowed) -> Q:
    found = Q()
    if wanted.verb:
        prefix = wanted.verb.endswith(".")
        found &= Q(verb__startswith=wanted.verb) if prefix else Q(verb=wanted.verb)
    if wanted.category:
        found &= Q(verb__in=verbs.verbs_in(wanted.category))
    return found


def _of_time(wanted: Narrowed) -> Q:
    found = Q()
    if wanted.since is not None:
        found &= Q(id__gte=first_uuid7(wanted.since))
    if wanted.until is not None:
        found &= Q(id__lt=first_uuid7(wanted.until))
    return found


def _of_id(wanted: Narrowed) -> Q:
    found = Q()
    if wanted.about is not None:
        found &= Q(target_id=str(wanted.about))
    if wanted.by is not None:
        found &= Q(actor_id=str(wanted.by))
    if wanted.request:
        found &= Q(request_id=wanted.request)
    return found


def _within(nodes: Collection[UUID] | None) -> Q:
    """Entries that name only these nodes, and at least one."""
    if nodes is None:
        return Q()
    known = sorted(nodes)
    # The first condition is what the index is for.
    return Q(nodes__overlap=known) & Q(nodes__contained_by=known)


def _with_words(rows: "QuerySet[AuditEntry]", text: str) -> "QuerySet[AuditEntry]":
    """Entries with every word of a text, as a word or the beginning of one."""
    words = text.translate(_SPACES).split()[:_MOST_WORDS]
    if not words:
        return rows.none()
    query = SearchQuery(
        " & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw"
    )
    return rows.filter(words=query)


def _recent(product: str, within: Collection[UUID] | None) -> "QuerySet[AuditEntry]":
    rows = AuditEntry.objects.filter(_within(within)).order_by("-id")
    return rows.filter(product__in=("", product)) if product else rows


def _as_uuid(text: str) -> UUID | None:
    if not re.fullmatch(r"\s*[0-9A-Fa-f-]{32,36}\s*", text):
        return None
    try:
        return UUID(text.strip())
    except ValueError:
        return None
