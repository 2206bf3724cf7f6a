"""Usage as a CSV file."""

import csv
from itertools import islice

from django.http import HttpResponse

from core.access.scopes import Scope
from core.kit.clock import now
from core.kit.money import format_credits
from core.ui.product.usage_view import UsageView
from core.usage.selectors import Call, every_call

# What the answer may hold in memory.
MOST_ROWS = 100_000
_HEAD = (
    "time",
    "request id",
    "kind",
    "member",
    "team",
    "key",
    "llm",
    "outcome",
    "input tokens",
    "output tokens",
    "cost usd",
    "credits",
    "latency ms",
)


def usage_file(product: str, scope: Scope, view: UsageView) -> HttpResponse:
    """Return what the usage page shows, one row a call, amounts exact.

    A refund or correction is a row of its own, so that the columns sum up to the page's totals.
    """
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"{product}-usage-{now():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    out = csv.writer(response)
    out.writerow(_HEAD)
    calls = every_call(product, scope, since=view.since, **view.filters)
    for call in islice(calls, MOST_ROWS):
        out.writerow(_cells(call))
    if next(calls, None) is not None:
        out.writerow([f"Only the newest {MOST_ROWS:,} rows fit: choose a shorter period."])
    return response


def _cells(call: Call) -> tuple[object, ...]:
    event = call.event
    return (
        event.created_at.isoformat(),
        event.pk,
        "refund" if event.refund_of else "correction" if event.corrects else "call",
        _text(call.member),
        _text(call.team),
        _text(call.key),
        _text(event.llm),
        event.outcome,
        event.input_tokens,
        event.output_tokens,
        f"{event.cost_usd:f}",
        format_credits(event.credits),
        event.latency_ms,
    )


def _text(name: str) -> str:
    # A name that starts like a formula would run in a spreadsheet.
    return f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r"} else name
