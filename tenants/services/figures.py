"""Pushing an account's figures to the public schema, where the overview reads them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate

from core.credits.models import UsageEvent, UsageOutcome
from core.hierarchy.product import products
from core.kit.clock import now
from core.tenancy.context import in_account, in_public
from tenants.models import Account, AccountFigure, DailyFigure
from tenants.selectors import standing_of

# Corrections and refunds belong to a call that is counted already.
_IS_CALL = Q(corrects=None, refund_of=None)
_FAILED = Q(outcome__in=(UsageOutcome.ERROR, UsageOutcome.TIMEOUT))
# An event gets its time when its transaction begins, so one may appear a moment after midnight in
# the day before.
_OVERLAP = timedelta(days=1)


def push_figures(*, account: Account) -> None:
    """Bring an account's public figures up to date; running it again changes nothing.

    Days before the last stored one are not read again: their events do not change.
    """
    push_balances(account=account)
    for product in products():
        since = _stored_until(account, product.slug)
        with in_account(account):
            days = _days(product.slug, since=since)
        with in_public():
            DailyFigure.objects.bulk_create(
                [DailyFigure(account_id=account.pk, product=product.slug, **day) for day in days],
                update_conflicts=True,
                unique_fields=("account", "product", "day"),
                update_fields=("calls", "errors", "charged_microcredits", "cost_usd"),
            )


@transaction.atomic
def push_balances(*, account: Account) -> None:
    """Push where an account's credits stand at this moment. Writes no history."""
    for product in products():
        standing = standing_of(account, product)
        if standing is None:
            continue
        values: dict[str, Any] = {
            "cycle_number": standing.cycle_number,
            "cycle_starts_at": standing.cycle_starts_at,
            "cycle_ends_at": standing.cycle_ends_at,
            "granted_microcredits": standing.granted,
            "used_microcredits": standing.used,
            "reserved_microcredits": standing.reserved,
            "left_microcredits": standing.left,
            "unallocated_microcredits": standing.unallocated,
            "pool_microcredits": standing.pool,
            "overflow_used_microcredits": standing.overflow_used,
            "overflow_limit_microcredits": standing.overflow_limit,
            "members": standing.members,
            "last_call_at": standing.last_call_at,
            "as_of": now(),
        }
        with in_public():
            AccountFigure.objects.bulk_create(
                [AccountFigure(account_id=account.pk, product=product.slug, **values)],
                update_conflicts=True,
                unique_fields=("account", "product"),
                update_fields=tuple(values),
            )


def _stored_until(account: Account, product: str) -> datetime | None:
    with in_public():
        rows = DailyFigure.objects.filter(account_id=account.pk, product=product)
        last: date | None = rows.order_by("-day").values_list("day", flat=True).first()
    if last is None:
        return None
    return datetime.combine(last, datetime.min.time(), tzinfo=UTC) - _OVERLAP


def _days(product: str, *, since: datetime | None) -> list[dict[str, Any]]:
    events = UsageEvent.objects.filter(product=product)
    if since is not None:
        events = events.filter(created_at__gte=since)
    rows = (
        events.annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values("day")
        .annotate(
            calls=Count("id", filter=_IS_CALL),
            errors=Count("id", filter=_IS_CALL & _FAILED),
            charged=Sum("credits"),
            cost=Sum("cost_usd"),
        )
        # Every writer locks the public rows in the same order.
        .order_by("day")
    )
    return [
        {
            "day": row["day"],
            "calls": row["calls"],
            "errors": row["errors"],
            "charged_microcredits": row["charged"],
            "cost_usd": row["cost"],
        }
        for row in rows
    ]
