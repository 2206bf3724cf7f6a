"""Reads of the trail: newest first, by cursor, without counting."""

from collections.abc import Iterator
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
    before: UUID | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Return entries of the current schema, newest first.

    `product` also lets through what belongs to no product; `verb` is one verb, or all of a noun
    when it ends in a dot; `text` is looked for in who, what and why; `about` is the id of a
    target; `before` is the id of the last entry already shown.
    """
    rows = AuditEntry.objects.order_by("-id")
    if product:
        rows = rows.filter(product__in=("", product))
    if verb.endswith("."):
        rows = rows.filter(verb__startswith=verb)
    elif verb:
        rows = rows.filter(verb=verb)
    for word in text.split():
        rows = rows.filter(
            Q(actor_label__icontains=word)
            | Q(target_label__icontains=word)
            | Q(reason__icontains=word)
            | Q(on_behalf_of__icontains=word)
        )
    if about is not None:
        rows = rows.filter(target_id=str(about))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows[:limit])


def recent_verbs(product: str = "") -> list[str]:
    """Return the verbs that occur among the latest entries, in order; for a filter."""
    rows = AuditEntry.objects.order_by("-id")
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


def _names(*mappings: dict[str, Any]) -> Iterator[str]:
    seen: set[str] = set()
    for mapping in mappings:
        for name in mapping:
            if name not in seen:
                seen.add(name)
                yield name
