"""Verifying a schema's trail: what was changed, removed, put in, moved or cut off."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from core.audit.content import digest_of, is_mac, is_signed
from core.audit.models import AuditEntry, AuditSeal
from core.audit.sealing import Head, head, seal_message, unsealed
from core.kit.clock import now

Kind = Literal["changed", "missing", "reordered", "forged", "unsealed", "cut off"]

_CHUNK = 1_000
# The job comes every minute; what waits longer has been kept from it.
_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what kind, where in the chain, and a sentence."""

    kind: Kind
    sequence: int
    text: str

    def __str__(self) -> str:
        place = f"seal {self.sequence}" if self.sequence else "outside the chain"
        return f"{self.kind} ({place}): {self.text}"


def findings(*, anchors: Iterable[Head] = ()) -> Iterator[Finding]:
    """Yield what is wrong with the trail of the current schema; nothing when it is whole.

    `anchors` are heads that were kept elsewhere: the chain must still lead through each of them.
    One seal that does not fit says nothing about the next: each is compared with the one before as
    it stands, so the finding names the place.
    """
    known = {anchor.sequence: anchor.chain for anchor in anchors}
    former, are_signed = Head(0, b""), False
    for seal, entry in _pairs():
        yield from _gap(former.sequence, seal.sequence)
        yield from _of_seal(seal, former.chain)
        yield from _of_entry(seal, entry, are_signed=are_signed)
        # Entries of before there were signatures stand at the beginning only.
        are_signed = are_signed or (entry is not None and bool(entry.signature))
        anchored = known.pop(seal.sequence, None)
        if anchored is not None and anchored != bytes(seal.chain):
            yield Finding("reordered", seal.sequence, "an anchor holds another chain value")
        former = Head(seal.sequence, bytes(seal.chain))
    for sequence in sorted(known):
        if sequence > former.sequence:
            yield Finding("cut off", sequence, "an anchor knows a seal that is not there any more")
    yield from _waiting()


def is_empty() -> bool:
    """Whether nothing was sealed yet."""
    return head().sequence == 0


def _pairs() -> Iterator[tuple[AuditSeal, AuditEntry | None]]:
    after = 0
    while seals := list(AuditSeal.objects.filter(sequence__gt=after).order_by("sequence")[:_CHUNK]):
        entries = AuditEntry.objects.in_bulk([seal.entry_id for seal in seals])
        for seal in seals:
            yield seal, entries.get(seal.entry_id)
        after = seals[-1].sequence


def _gap(before: int, sequence: int) -> Iterator[Finding]:
    if sequence != before + 1:
        names = f"{before + 1}" if sequence == before + 2 else f"{before + 1} to {sequence - 1}"
        yield Finding("missing", before + 1, f"no seal {names}")


def _of_seal(seal: AuditSeal, former: bytes) -> Iterator[Finding]:
    message = seal_message(seal.sequence, seal.entry_id, bytes(seal.digest), former)
    if not is_mac(bytes(seal.chain), b"seal", message):
        yield Finding("reordered", seal.sequence, "it does not follow the seal before it")


def _of_entry(seal: AuditSeal, entry: AuditEntry | None, *, are_signed: bool) -> Iterator[Finding]:
    if entry is None:
        yield Finding("missing", seal.sequence, f"entry {seal.entry_id} is gone")
    elif digest_of(entry) != bytes(seal.digest):
        yield Finding("changed", seal.sequence, f"entry {entry.pk} is not what was sealed")
    elif (entry.signature or are_signed) and not is_signed(entry):
        yield Finding("forged", seal.sequence, f"entry {entry.pk} was not written by Cockpit")


def _waiting() -> Iterator[Finding]:
    for entry in unsealed(from_the_beginning=True).iterator(chunk_size=_CHUNK):
        if not is_signed(entry):
            yield Finding("forged", 0, f"entry {entry.pk} was not written by Cockpit")
        elif entry.created_at < now() - _PATIENCE:
            yield Finding("unsealed", 0, f"entry {entry.pk} waits since {entry.created_at:%F %T}")
