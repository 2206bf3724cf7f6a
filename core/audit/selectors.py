"""Reads of the trail: newest first, by cursor, without counting."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.audit.models import AuditEntry
from core.audit.verbs import icon_of

# Enough to meet every verb that is in use, and few enough to be read at each view.
_RECENT = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an entry names, as of before and after; None where it names none."""

    name: str
    before: Any
    after: Any


def entries(
    *,
    product: str = "",
    verb: str = "",
    text: str = "",
    about: UUID | str | None = None,
    by: UUID | str | None = None,
    without: Collection[str] = (),
    within: Collection[UUID] | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Return entries of the current schema, newest first.

    `product` also lets through what belongs to no product; `verb` is one verb, or all of a noun
    when it ends in a dot; `text` is looked for in who, what and why; `about` is the id of a
    target, `by` of an actor; `without` names verbs to leave out; `within` are the organizations
    and teams to which somebody is limited, None for no limit; `before` is the id of the last entry
    already shown.
    """
    wanted = _within(within)
    if product:
        wanted &= Q(product__in=("", product))
    if verb:
        wanted &= Q(verb__startswith=verb) if verb.endswith(".") else Q(verb=verb)
    if about is not None:
        wanted &= Q(target_id=str(about))
    if by is not None:
        wanted &= Q(actor_id=str(by))
    if before is not None:
        wanted &= Q(id__lt=before)
    for word in text.split():
        wanted &= _mentions(word)
    rows = AuditEntry.objects.filter(wanted).exclude(verb__in=without)
    return list(rows.order_by("-id")[:limit])


def recent_verbs(product: str = "", *, within: Collection[UUID] | None = None) -> list[str]:
    """Return the verbs that occur among the latest entries, in order; for a filter."""
    rows = AuditEntry.objects.filter(_within(within)).order_by("-id")
    if product:
        rows = rows.filter(product__in=("", product))
    return sorted(set(rows.values_list("verb", flat=True)[:_RECENT]))


def changes_of(entry: AuditEntry) -> list[Change]:
    """Return what an entry names, each value with its former one beside it."""
    before, after = entry.before or {}, entry.after or {}
    return [Change(name, before.get(name), after.get(name)) for name in _names(before, after)]


def icon_for(entry: AuditEntry) -> str:
    """Return the icon of an entry's verb."""
    return icon_of(entry.verb)


def _within(nodes: Collection[UUID] | None) -> Q:
    """Entries that name only these nodes, and at least one."""
    if nodes is None:
        return Q()
    known = sorted(nodes)
    # The first condition is what the index is for.
    return Q(nodes__overlap=known) & Q(nodes__contained_by=known)


def _mentions(word: str) -> Q:
    return (
        Q(actor_label__icontains=word)
        | Q(target_label__icontains=word)
        | Q(reason__icontains=word)
        | Q(on_behalf_of__icontains=word)
    )


def _names(*mappings: dict[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for mapping in mappings:
        for name in mapping:
            if name not in seen:
                seen.add(name)
                yield name
