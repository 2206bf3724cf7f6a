"""Refused calls, kept with an id: the gateway writes them, admins look them up."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from core.access.models import RefusedDecision
from core.access.rules.decisions import Decision
from core.access.rules.keeping import decision_values, path_values
from core.access.rules.paths import Path
from core.kit.clock import now
from core.kit.ids import uuid7

# Long enough to ask about last month's trouble; the audit log keeps changes for longer.
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision against somebody: about what, and why. `key` is an LLM's id, a feature's key."""

    kind: str
    key: str
    title: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class RefusedCaller:
    """Who was refused, as of then."""

    product: str
    user_id: UUID
    member_id: UUID
    path: Path
    label: str = ""
    team_id: UUID | None = None
    organization_id: UUID | None = None
    key_id: UUID | None = None


def keep_refusal(
    *,
    caller: RefusedCaller,
    refusal: Refusal,
    policy_version: int,
    id: UUID | None = None,  # noqa: A002  as its column
) -> UUID:
    """Keep a refused call in the current account, and return the id to ask about it by.

    It is no change, so it stands in no audit log and moves no policy.
    """
    row = RefusedDecision(
        id=id or uuid7(),
        product=caller.product,
        kind=refusal.kind,
        key=refusal.key[:64],
        title=refusal.title[:200],
        user_id=caller.user_id,
        member_id=caller.member_id,
        team_id=caller.team_id,
        organization_id=caller.organization_id,
        key_id=caller.key_id,
        caller=caller.label[:254],
        path=path_values(caller.path),
        decision=decision_values(refusal.decision),
        policy_version=policy_version,
    )
    # The gateway writes again when the answer of Postgres got lost.
    RefusedDecision.objects.bulk_create([row], ignore_conflicts=True)
    return row.pk


def forget_old_refusals() -> int:
    """Forget refused calls that have had their time; return how many."""
    old = RefusedDecision.objects.filter(created_at__lt=now() - timedelta(days=KEPT_DAYS))
    return old.delete()[0]
