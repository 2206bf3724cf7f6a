"""Acts on a selection of members: one row a member, each by the service for one."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from core.access.scopes import Scope
from core.audit.services import Actor
from core.hierarchy.administration import require_whole_seat
from core.hierarchy.errors import AlreadyThere
from core.hierarchy.product import Product
from core.hierarchy.selectors import members_for, organization_choices, team_choices
from core.hierarchy.services import members, memberships
from core.kit.problems import NotFound, Problem
from core.people.matching import matching
from core.people.models import JobKind, PeopleJob, PeopleJobRow, RowOutcome, RowState
from core.people.selectors import scope_of_job
from core.people.services.steps import Step, save_rows

# One member a transaction, since each holds the policy version to its end, which comes after all
# other locks. Invitations change no rights.
BATCH, BATCH_OF_INVITATIONS = 1, 50
# How many rows of "all that match" are written at a time.
COLLECT = 5_000


def apply_batch(job: PeopleJob, product: Product, actor: Actor) -> Step:
    """Do the next rows; those of a selection by filter are written first."""
    if job.options.get("match") is not None and not job.options.get("is_collected"):
        _collect(job, product)
        return Step(has_more=True)
    size = BATCH_OF_INVITATIONS if job.kind == JobKind.INVITE else BATCH
    rows = list(
        PeopleJobRow.objects.filter(job=job, state=RowState.WAITING).order_by("number")[:size]
    )
    if not rows:
        return Step(has_more=False)
    scope = scope_of_job(job)
    found = {
        member.pk: member
        for member in members_for(product, scope).filter(pk__in=[row.member_id for row in rows])
    }
    act = _Act(job, product, scope, place_of_job(job, product, scope), actor)
    for row in rows:
        _do(act, row, found.get(row.member_id))
    save_rows(rows)
    return Step(has_more=True, counts=Counter(str(row.outcome) for row in rows))


def place_of_job(job: PeopleJob, product: Product, scope: Scope) -> tuple[Any, Any] | None:
    """Return the organization and team that an act is about, None where it is about none.

    Raises:
        NotFound: it is not there any more, or not in the scope.
    """
    node_id = job.options.get("place")
    if not node_id:
        return None
    team = team_choices(product, scope).filter(pk=UUID(node_id)).first()
    if team is not None:
        return team.organization, team
    organization = organization_choices(product, scope).filter(pk=UUID(node_id)).first()
    if organization is None:
        raise NotFound("There is no such place any more.")
    return organization, None


def _collect(job: PeopleJob, product: Product) -> None:
    """Write the next rows of all members that match the job's filter, by key."""
    rows = matching(product, scope_of_job(job), job.options["match"]).order_by("pk")
    last = job.options.get("collected_to")
    if last is not None:
        rows = rows.filter(pk__gt=UUID(last))
    found = list(rows.values_list("pk", "user__email", "user__name")[:COLLECT])
    PeopleJobRow.objects.bulk_create(
        (
            PeopleJobRow(
                job=job,
                number=job.total + place,
                cells={"email": email, "name": name},
                member_id=member_id,
                outcome=RowOutcome.CHANGED,
            )
            for place, (member_id, email, name) in enumerate(found, 1)
        ),
        batch_size=1000,
    )
    job.total += len(found)
    if found:
        job.options["collected_to"] = str(found[-1][0])
    job.options["is_collected"] = len(found) < COLLECT


@dataclass(frozen=True, slots=True)
class _Act:
    """What an act needs beside the member."""

    job: PeopleJob
    product: Product
    scope: Scope
    place: tuple[Any, Any] | None
    actor: Actor

    @property
    def organization_and_team(self) -> tuple[Any, Any]:
        assert self.place is not None
        return self.place


def _do(act: _Act, row: PeopleJobRow, member: Any) -> None:
    """Do one row, and write down what became of it."""
    row.state, row.outcome = RowState.DONE, RowOutcome.CHANGED
    try:
        with transaction.atomic():
            if member is None:
                raise NotFound("This member is not there any more.")
            row.note = _ACTS[JobKind(act.job.kind)](act, row, member)
            if not row.note:
                row.outcome, row.note = RowOutcome.UNCHANGED, "Is so already."
    except AlreadyThere as problem:
        row.outcome, row.note = RowOutcome.UNCHANGED, problem.detail[:300]
    except Problem as problem:
        row.state, row.outcome = RowState.FAILED, RowOutcome.ERROR
        row.note = problem.detail[:300]


def _place(act: _Act, _row: PeopleJobRow, member: Any) -> str:
    organization, team = act.organization_and_team
    memberships.place_member(
        product=act.product, member=member, organization=organization, team=team, actor=act.actor
    )
    return f"Joined {team or organization}."


def _unplace(act: _Act, _row: PeopleJobRow, member: Any) -> str:
    organization, team = act.organization_and_team
    rows: Any = act.product.membership._default_manager
    found = rows.select_related("member", "organization", "team").filter(
        member=member, organization=organization, team=team, archived_at=None
    )
    place = found.first()
    if place is None:
        return ""
    memberships.remove_membership(product=act.product, membership=place, actor=act.actor)
    return f"Left {team or organization}."


def _archive(act: _Act, _row: PeopleJobRow, member: Any) -> str:
    if member.is_archived:
        return ""
    require_whole_seat(act.product, act.scope, member)
    reason = str(act.job.options.get("reason", ""))
    members.archive_member(product=act.product, member=member, reason=reason, actor=act.actor)
    return "Has no seat any more."


def _restore(act: _Act, _row: PeopleJobRow, member: Any) -> str:
    if not member.is_archived:
        return ""
    require_whole_seat(act.product, act.scope, member)
    members.restore_member(product=act.product, member=member, actor=act.actor)
    return "Has the seat back."


def _invite(_act: _Act, row: PeopleJobRow, member: Any) -> str:
    if member.is_archived or member.user.has_joined:
        return ""
    row.to_mail = True
    return "Gets an invitation by mail."


_ACTS = {
    JobKind.PLACE: _place,
    JobKind.UNPLACE: _unplace,
    JobKind.ARCHIVE: _archive,
    JobKind.RESTORE: _restore,
    JobKind.INVITE: _invite,
}
