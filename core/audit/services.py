"""Actor and `record()`: every write service calls it once, in its own transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from core.audit import verbs
from core.audit.content import signature_of
from core.audit.models import AuditEntry
from core.audit.redaction import plain, redacted, storable, without_secrets
from core.kit.ids import time_of, uuid7

_NODE_KINDS = ("organization", "team")
_BATCH = 500

ActorKind = Literal["user", "key", "client_app", "job", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who causes a change: a user, a key, a client app, a job, or the system itself."""

    kind: ActorKind
    id: str
    label: str
    on_behalf_of: str = ""
    request_id: str = ""
    address: str = ""

    @classmethod
    def system(cls, label: str = "Cockpit") -> "Actor":
        """The product itself: migrations, seeds, commands."""
        return cls("system", "", label)

    @classmethod
    def job(cls, name: str) -> "Actor":
        """A background job."""
        return cls("job", name, name)


@dataclass(frozen=True, slots=True)
class Target:
    """What a change is about, with its label as of then."""

    kind: str
    id: UUID | str
    label: str


@dataclass(frozen=True, slots=True)
class Change:
    """One of several changes of a kind: what it is about, before and after, and in which nodes."""

    target: Target | tuple[str, UUID | str, str]
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    nodes: Iterable[UUID | None] = ()


def record(
    *,
    actor: Actor,
    verb: str,
    target: Target | tuple[str, UUID | str, str],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    product: str = "",
    nodes: Iterable[UUID | None] = (),
) -> AuditEntry:
    """Write one signed audit entry in the current schema.

    Secrets never belong in it; what is declared, named or built like one is replaced all the same.
    `nodes` are the organizations and teams that the entry is about or names: only who administers
    all of them reads it, beside the account admins. An organization or a team as the target is
    one of them by itself; without any, the entry is the account admins' alone.
    """
    change = Change(target, before, after, nodes)
    entry = _entry(actor, verb, change, reason=reason, product=product)
    entry.save(force_insert=True)
    return entry


def record_each(
    *, actor: Actor, verb: str, changes: Iterable[Change], reason: str = "", product: str = ""
) -> None:
    """Write one signed entry for each of many changes of one kind, as `record` does; one query."""
    entries = [_entry(actor, verb, each, reason=reason, product=product) for each in changes]
    AuditEntry.objects.bulk_create(entries, batch_size=_BATCH)


def _entry(
    actor: Actor,
    verb: str,
    change: Change,
    *,
    reason: str,
    product: str,
) -> AuditEntry:
    assert verbs.is_registered(verb), f"Declare the verb {verb} with its sentence."
    assert connection.in_atomic_block, "An entry stands or falls with the change it describes."
    target = change.target
    kind, target_id, label = (
        (target.kind, target.id, target.label) if isinstance(target, Target) else target
    )
    named = {node for node in change.nodes if node is not None}
    if kind in _NODE_KINDS:
        named.add(UUID(str(target_id)))
    entry_id = uuid7()
    entry = AuditEntry(
        id=entry_id,
        # To the millisecond, as the id has it: a range of times is exactly a range of ids.
        created_at=time_of(entry_id),
        product=product,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=_text(actor.label, 254),
        on_behalf_of=_text(actor.on_behalf_of, 254),
        verb=verb,
        target_kind=kind,
        target_id=str(target_id),
        target_label=_text(label, 254),
        before=_values(verb, change.before),
        after=_values(verb, change.after),
        nodes=sorted(named),
        reason=_text(reason, 500),
        request_id=_text(actor.request_id, 64),
        address=actor.address,
    )
    entry.signature = signature_of(entry)
    return entry


def _text(text: str, length: int) -> str:
    # Redacted before it is cut: half a key would no longer look like one.
    return without_secrets(storable(str(text)))[:length]


def _values(verb: str, values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return redacted(plain(values), fields=verbs.secrets_of(verb))
