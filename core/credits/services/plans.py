"""The plan of a book and its time zone: what renewal goes by."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from core.audit.services import Actor, record
from core.credits import cycles, verbs
from core.credits.cycles import Rhythm, boundary_after, end_of_cycle
from core.credits.errors import InvalidPlan
from core.credits.models import Book, Cycle, Period, Plan, Rollover
from core.credits.services.locking import keep_cycle
from core.kit.money import MAX_MICROCREDITS, format_credits


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What a version of a plan says. Fields mean what those of `Plan` do."""

    grant: int = 0
    period: str = Period.NONE
    anchor_day: int = 1
    anchor_month: int = 1
    rollover: str = Rollover.NONE
    rollover_cap: int = 0


@dataclass(frozen=True, slots=True)
class Taking:
    """When a version would take effect, and when its first cycle would end; None is never."""

    effective_from: datetime | None
    first_ends_at: datetime | None


@transaction.atomic
def set_plan(*, book: Book, terms: PlanTerms, actor: Actor, reason: str = "") -> Plan:
    """Start a new version of a book's plan. It takes effect at the next boundary.

    The first version is in force at once, without a grant. A cycle without end gets one, where the
    new plan has boundaries. Numbering of cycles goes on. Terms that the latest version has already
    start no version.

    Raises:
        InvalidPlan: an amount, period or anchor that cannot be.
    """
    check_terms(terms)
    cycle = keep_cycle(book)
    last = book.plans.order_by("-version").first()
    if last is not None and terms_of(last) == terms:
        return last
    taking = _taking(book, cycle, terms, is_first=last is None)
    plan = Plan.objects.create(
        book=book,
        version=last.version + 1 if last else 1,
        grant=terms.grant,
        period=terms.period,
        anchor_day=terms.anchor_day,
        anchor_month=terms.anchor_month,
        rollover=terms.rollover,
        rollover_cap=terms.rollover_cap,
        effective_from=taking.effective_from,
    )
    if last is None:
        cycle.plan_version, cycle.ends_at = plan.version, taking.first_ends_at
    elif _is_endless(book, cycle):
        cycle.ends_at = taking.effective_from
    cycle.save(update_fields=("plan_version", "ends_at"))
    record(
        actor=actor,
        verb=verbs.PLAN_SET,
        target=("book", book.pk, book.product),
        before=_described(last) if last else None,
        after=_described(plan),
        reason=reason,
        product=book.product,
    )
    return plan


def preview_plan(*, book: Book, terms: PlanTerms) -> Taking:
    """Return when a version with these terms would take effect. Changes nothing.

    Raises:
        InvalidPlan: as `set_plan` does.
    """
    check_terms(terms)
    cycle = Cycle.objects.get(book=book, state="open")
    return _taking(book, cycle, terms, is_first=not book.plans.exists())


@transaction.atomic
def set_time_zone(*, book: Book, time_zone: str, actor: Actor, reason: str = "") -> None:
    """Let the days of a book begin in another time zone: those of caps at once, cycles afterwards.

    The open cycle ends when it was to end.
    """
    cycle = keep_cycle(book)
    before, book.time_zone = book.time_zone, time_zone
    if before == time_zone:
        return
    book.save(update_fields=("time_zone",))
    pending = book.plans.order_by("-version").first()
    if pending is not None and pending.version > cycle.plan_version and _is_endless(book, cycle):
        # Its end follows from a plan that has yet to begin, so it moves with the midnight.
        now = max(database_now(), cycle.starts_at)
        boundary = boundary_after(now, rhythm_of(pending), time_zone)
        Plan.objects.filter(pk=pending.pk).update(effective_from=boundary)
        cycle.ends_at = boundary
        cycle.save(update_fields=("ends_at",))
    record(
        actor=actor,
        verb=verbs.ZONE_SET,
        target=("book", book.pk, book.product),
        before={"time_zone": before},
        after={"time_zone": time_zone},
        reason=reason,
        product=book.product,
    )


def check_terms(terms: PlanTerms) -> None:
    """Refuse terms that cannot be.

    Raises:
        InvalidPlan: naming each field that is wrong.
    """
    errors = []

    def refuse(field: str, detail: str) -> None:
        errors.append({"pointer": f"/{field}", "code": field, "detail": detail})

    fault = cycles.fault_of(terms.period, terms.anchor_day, terms.anchor_month)
    if fault:
        refuse(fault, _FAULTS[fault])
    if not 0 <= terms.grant <= MAX_MICROCREDITS:
        refuse("grant", "Enter a number of credits that is not negative.")
    if terms.rollover not in Rollover.values:
        refuse("rollover", "Choose what rolls over.")
    elif not 0 <= terms.rollover_cap <= MAX_MICROCREDITS:
        refuse("rollover_cap", "Enter a number of credits that is not negative.")
    if errors:
        raise InvalidPlan(" ".join(error["detail"] for error in errors), errors=errors)


def terms_of(plan: Plan) -> PlanTerms:
    """Return what a version says."""
    return PlanTerms(
        grant=plan.grant,
        period=plan.period,
        anchor_day=plan.anchor_day,
        anchor_month=plan.anchor_month,
        rollover=plan.rollover,
        rollover_cap=plan.rollover_cap,
    )


def rhythm_of(plan: Plan | PlanTerms) -> Rhythm:
    """Return when cycles of a plan end."""
    return Rhythm(plan.period, plan.anchor_day, plan.anchor_month)


def database_now() -> datetime:
    """Return the time by the database's clock, the only one that cycles go by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


_FAULTS = {
    "period": "Choose how often the credits renew.",
    "anchor_day": "There is no such day: 1 to 7 for a week, 1 to 31 for a month.",
    "anchor_month": "There is no such month: 1 to 12.",
}


def _taking(book: Book, cycle: Cycle, terms: PlanTerms, *, is_first: bool) -> Taking:
    rhythm = rhythm_of(terms)
    now = database_now()
    if is_first:
        return Taking(now, boundary_after(now, rhythm, book.time_zone))
    if _is_endless(book, cycle):
        begins = boundary_after(max(now, cycle.starts_at), rhythm, book.time_zone)
    else:
        begins = _next_boundary(book, cycle, now)
    if begins is None:
        return Taking(None, None)
    return Taking(begins, end_of_cycle(begins, rhythm, book.time_zone))


def _next_boundary(book: Book, cycle: Cycle, now: datetime) -> datetime | None:
    """Return the first boundary from now on of the plans that are there already."""
    boundary = cycle.ends_at
    # Boundaries that a renewal has missed are still made by the plans of then.
    while boundary is not None and boundary <= now:
        plan = plan_at(book, boundary)
        boundary = end_of_cycle(boundary, rhythm_of(plan), book.time_zone)
    return boundary


def plan_at(book: Book, boundary: datetime) -> Plan:
    """Return the version that makes the cycle which begins at a boundary."""
    known = book.plans.filter(effective_from__lte=boundary)
    return known.order_by("-version")[:1].get()


def _is_endless(book: Book, cycle: Cycle) -> bool:
    """Whether the plan of the open cycle itself gives it no end."""
    own = book.plans.filter(version=cycle.plan_version).first()
    return own is None or own.period == Period.NONE


def _described(plan: Plan) -> dict[str, str | int | None]:
    return {
        "version": plan.version,
        "grant": format_credits(plan.grant),
        "period": str(plan.get_period_display()).lower(),
        "anchor_day": plan.anchor_day,
        "anchor_month": plan.anchor_month,
        "rollover": plan.rollover,
        "rollover_cap": format_credits(plan.rollover_cap),
        "effective_from": plan.effective_from.isoformat() if plan.effective_from else None,
    }
