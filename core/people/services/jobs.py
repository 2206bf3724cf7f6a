"""Making, starting, working off and dropping jobs.

`work_on` does one batch in one transaction that holds the job's row, so two workers never do the
same rows, and a worker that dies leaves its batch undone. `resume_all` finds jobs nobody is at.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from core.audit.services import Actor, record
from core.hierarchy.product import Product, product_named
from core.kit.clock import now
from core.kit.problems import Problem
from core.people import verbs
from core.people.errors import NotInThisState
from core.people.models import JobKind, JobState, PeopleJob, PeopleJobRow, RowOutcome, RowState
from core.people.services import acting, importing, inviting
from core.people.services.steps import Step
from core.tenancy.jobs import enqueue_on_commit

WORK = "people.work_on_job"
# A batch takes a second or two; a job that was not touched for so long lost its worker.
LOST_AFTER = timedelta(seconds=30)
# Up to so many rows are done in the request that asks for them.
AT_ONCE = 200
_IN_THE_WAY = "Something else was changed at the same moment. Try this one again."


@transaction.atomic
def create_job(
    *,
    product: Product,
    kind: JobKind,
    title: str,
    user_id: UUID,
    actor: Actor,
    options: dict[str, Any] | None = None,
    source: str = "",
) -> PeopleJob:
    """Make an import's draft, or an act on a selection that waits for its start."""
    return PeopleJob.objects.create(
        product=product.slug,
        kind=kind,
        title=title[:200],
        options=options or {},
        state=JobState.DRAFT if kind == JobKind.IMPORT else JobState.READY,
        actor={
            "kind": actor.kind,
            "id": actor.id,
            "label": actor.label,
            "request_id": actor.request_id,
            "address": actor.address,
        },
        user_id=user_id,
        source=source,
    )


@transaction.atomic
def check_job(*, job: PeopleJob, options: dict[str, Any] | None = None) -> None:
    """Let a worker read an import's file and say what each line would do; again after a change.

    Raises:
        NotInThisState: it has been started.
    """
    job = _held(job, JobState.DRAFT, JobState.READY, JobState.CHECKING)
    PeopleJobRow.objects.filter(job=job).delete()
    job.options = {**job.options, **(options or {})}
    job.state, job.total, job.counted, job.touched_at = JobState.CHECKING, 0, {}, now()
    job.save(update_fields=("options", "state", "total", "counted", "touched_at"))
    enqueue_on_commit(WORK, job_id=str(job.pk))


@transaction.atomic
def start_job(*, job: PeopleJob, actor: Actor, at_once: bool = False) -> None:
    """Start what the job is for. With `at_once` the caller works it off itself.

    Raises:
        NotInThisState: it was started before, or is not checked.
    """
    job = _held(job, JobState.READY)
    job.state, job.started_at, job.touched_at = JobState.RUNNING, now(), now()
    # Lines that the check found wrong are through already.
    job.counted = {key: n for key, n in job.counted.items() if key == RowOutcome.ERROR}
    job.save(update_fields=("state", "started_at", "touched_at", "counted"))
    record(
        actor=actor,
        verb=verbs.IMPORTED if job.kind == JobKind.IMPORT else verbs.ACTED,
        target=("people_job", job.pk, job.title),
        after={"rows": job.total},
        reason=str(job.options.get("reason", "")),
        product=job.product,
    )
    if not at_once:
        enqueue_on_commit(WORK, job_id=str(job.pk))


@transaction.atomic
def drop_job(*, job: PeopleJob) -> None:
    """Stop a job. What is done stays done; what waits is left.

    Raises:
        NotInThisState: it is done.
    """
    job = _held(job, JobState.DRAFT, JobState.CHECKING, JobState.READY, JobState.RUNNING)
    job.state, job.finished_at, job.source = JobState.DROPPED, now(), ""
    job.save(update_fields=("state", "finished_at", "source"))


def work_off(job_id: UUID) -> None:
    """Do all that is left of a job's present step, batch by batch."""
    while work_on(job_id):
        pass


def work_on(job_id: UUID) -> bool:
    """Do one batch of a job; return whether there is more. Does nothing if a worker is at it."""
    step = None
    # Somebody may make or move at the same moment what a batch relies on: then look again, and at
    # last at one row alone, so that it stops no others.
    for size in (None, None, 1):
        try:
            step = _one_batch(job_id, size)
            break
        except Problem as problem:
            reason = problem.detail
        except IntegrityError:
            reason = _IN_THE_WAY
        except OperationalError as error:
            if "deadlock" not in str(error):
                raise
            reason = _IN_THE_WAY
    if step is None:
        _give_up_on_next(job_id, reason)
        return True
    # What may leave the house only after the commit.
    step.after_commit()
    return step.has_more


@transaction.atomic
def _one_batch(job_id: UUID, size: int | None) -> Step:
    job = (
        PeopleJob.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=job_id).first()
    )
    if job is None or not job.is_at_work:
        return Step(has_more=False)
    product, actor = product_named(job.product), actor_of_job(job)
    if job.state == JobState.CHECKING:
        step = importing.check_batch(job, product)
    elif job.kind == JobKind.IMPORT:
        step = importing.apply_batch(job, product, actor, size=size or importing.BATCH)
    else:
        step = acting.apply_batch(job, product, actor)
    if not step.has_more and job.state == JobState.RUNNING:
        step = inviting.mail_batch(job, actor)
    for outcome, number in step.counts.items():
        job.counted[outcome] = job.counted.get(outcome, 0) + number
    job.touched_at = now()
    if not step.has_more:
        if job.state == JobState.CHECKING:
            job.state = JobState.READY
        else:
            job.state, job.finished_at, job.source = JobState.DONE, now(), ""
    job.save()
    return step


@transaction.atomic
def _give_up_on_next(job_id: UUID, reason: str) -> None:
    job = PeopleJob.objects.select_for_update(no_key=True).get(pk=job_id)
    row = job.rows.filter(state=RowState.WAITING).order_by("number").first()
    if row is not None:
        row.state, row.outcome, row.note = RowState.FAILED, RowOutcome.ERROR, reason[:300]
        row.save(update_fields=("state", "outcome", "note"))
        job.counted[RowOutcome.ERROR] = job.counted.get(RowOutcome.ERROR, 0) + 1
        job.save(update_fields=("counted",))


def resume_lost(*, limit: int = 100) -> int:
    """Queue the jobs again that nobody is at, as when a worker died; return how many."""
    lost = PeopleJob.objects.filter(
        state__in=(JobState.CHECKING, JobState.RUNNING), touched_at__lt=now() - LOST_AFTER
    ).values_list("pk", flat=True)[:limit]
    for job_id in list(lost):
        with transaction.atomic():
            enqueue_on_commit(WORK, job_id=str(job_id))
    return len(lost)


def actor_of_job(job: PeopleJob) -> Actor:
    """Return who stands in the audit entries of a job: whoever made it."""
    return Actor(**job.actor)


def add_rows(
    *, job: PeopleJob, cells: Sequence[dict[str, str]], members: Iterable[UUID | None]
) -> None:
    """Write the rows of an act on a selection, all waiting."""
    PeopleJobRow.objects.bulk_create(
        (
            PeopleJobRow(
                job=job,
                number=number,
                cells=each,
                member_id=member,
                outcome=RowOutcome.CHANGED,
                state=RowState.WAITING,
            )
            for number, (each, member) in enumerate(zip(cells, members, strict=True), job.total + 1)
        ),
        batch_size=1000,
    )
    PeopleJob.objects.filter(pk=job.pk).update(total=F("total") + len(cells))
    job.total += len(cells)


def _held(job: PeopleJob, *states: JobState) -> PeopleJob:
    held = PeopleJob.objects.select_for_update().get(pk=job.pk)
    if held.state not in states:
        raise NotInThisState(f"{held} is {held.get_state_display().lower()} already.")
    return held
