"""Sealing: every committed entry gets its place in the chain, a moment after it was written.

Writers do not chain. They would have to wait for each other, for each transaction's whole length,
since nobody can follow an entry that is not committed. A job seals what it sees instead, and that
is what is committed; see docs/decisions/.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from core.audit.content import digest_of, mac
from core.audit.models import AuditEntry, AuditSeal
from core.kit.clock import now
from core.kit.ids import first_uuid7, time_of
from core.tenancy.context import current_schema

BATCH = 1_000
# An entry has its id when it is written and is seen when its transaction commits. The quick look
# goes back this far behind the newest sealed one; the nightly look goes back to the beginning.
_OVERLAP = timedelta(hours=1)


class Head(NamedTuple):
    """The last seal of a chain; 0 and nothing before the first."""

    sequence: int
    chain: bytes


EMPTY = Head(0, b"")


def head() -> Head:
    """Return the head of this schema's chain."""
    last = AuditSeal.objects.order_by("-sequence").values_list("sequence", "chain").first()
    return EMPTY if last is None else Head(last[0], bytes(last[1]))


@transaction.atomic
def seal_batch(*, from_the_beginning: bool = False) -> int:
    """Chain up to `BATCH` committed entries that have no seal; return how many.

    Two sealers at once would build two chains, so the second does nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"audit seal {current_schema()}"]
        )
        if not cursor.fetchone()[0]:
            return 0
    entries = list(unsealed(from_the_beginning=from_the_beginning)[:BATCH])
    _chain(entries)
    return len(entries)


def unsealed(*, from_the_beginning: bool = False) -> "QuerySet[AuditEntry]":
    """Return committed entries without a seal, the oldest first."""
    seals = AuditSeal.objects.filter(entry_id=OuterRef("pk"))
    rows = AuditEntry.objects.order_by("id")
    floor = None if from_the_beginning else _floor()
    if floor is not None:
        # Said to both sides, so that neither is read from its beginning.
        rows, seals = rows.filter(pk__gte=floor), seals.filter(entry_id__gte=floor)
    return rows.filter(~Exists(seals))


def chain_value(sequence: int, entry_id: UUID, digest: bytes, former: bytes) -> bytes:
    """Return what the seal of an entry holds behind a former seal."""
    return mac(b"seal", seal_message(sequence, entry_id, digest, former))


def seal_message(sequence: int, entry_id: UUID, digest: bytes, former: bytes) -> bytes:
    """Return what a seal's chain value is made over."""
    return b"|".join((str(sequence).encode(), entry_id.bytes, digest, former))


def _chain(entries: Sequence[AuditEntry]) -> None:
    sequence, former = head()
    seals = []
    for entry in entries:
        sequence += 1
        digest = digest_of(entry)
        former = chain_value(sequence, entry.pk, digest, former)
        seals.append(AuditSeal(sequence=sequence, entry_id=entry.pk, digest=digest, chain=former))
    AuditSeal.objects.bulk_create(seals)


def _floor() -> UUID | None:
    newest = AuditSeal.objects.order_by("-entry_id").values_list("entry_id", flat=True).first()
    if newest is None:
        return None
    # A clock that ran ahead must not hide what was written after it was set right.
    sealed_until = min(time_of(newest), now())
    return first_uuid7(sealed_until - _OVERLAP)
