"""Overview: what is left, what was used, who used it, what changed, and what to do first."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from core.access.permissions import may
from core.credits.selectors import BookFigures, book_of, figures_of, open_cycle_of
from core.ui.audit import shown_entries
from core.ui.charts import Chart, Series, day_labels, in_credits
from core.ui.pages import page, render_page
from core.ui.product.first_steps import Step, first_steps
from core.ui.product.urls import ProductSite
from core.ui.templatetags.cockpit import credits, percent_of
from core.usage import selectors as usage

PERIODS = (7, 30)
TOP = 5


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the route of the overview."""

    @page(permission=site.permission("view_overview"))
    def overview(request: HttpRequest) -> HttpResponse:
        days = _days(request)
        since = usage.first_moment(days)
        book = book_of(site.slug)
        figures = figures_of(book)
        by_day = usage.totals_by_day(site.slug, days=days)
        sees_usage = may(request.user, site.permission("view_usage"))
        sees_audit = may(request.user, site.permission("view_audit"))
        return render_page(
            request,
            "product/overview.html",
            title="Overview",
            fragment="period",
            days=days,
            periods=PERIODS,
            steps=_open_steps(request, site),
            cycle=open_cycle_of(book),
            totals=usage.totals(site.slug, since=since),
            charts=_charts(by_day),
            top_llms=usage.totals_by(site.slug, "llm", since=since, limit=TOP),
            top_members=usage.totals_by(site.slug, "member", since=since, limit=TOP),
            entries=shown_entries(limit=6, product=site.slug)[0] if sees_audit else [],
            sees_usage=sees_usage,
            sees_audit=sees_audit,
            **_money(figures),
        )

    return [path("", overview, name="overview")]


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(days) for days in PERIODS} else PERIODS[0]


def _open_steps(request: HttpRequest, site: ProductSite) -> list[Step]:
    """The checklist, until all of it is done."""
    account = request.account  # type: ignore[attr-defined]
    offered = [llm.pk for llm in site.offered_llms(account.pk, site.slug)]
    steps = first_steps(site.product, offered=offered, connect=site.connect_step(site.product))
    return [] if all(step.is_done for step in steps) else steps


def _money(figures: BookFigures) -> dict[str, Any]:
    share = percent_of(figures.left, figures.granted)
    hint = f"of {credits(figures.granted)} granted" if figures.granted else "nothing granted yet"
    return {
        "figures": figures,
        "left": figures.left,
        "left_share": share,
        "left_tone": _tone(share) if figures.granted else "",
        "left_hint": hint,
        "used_share": percent_of(figures.used, figures.granted),
        "held_share": percent_of(figures.reserved, figures.granted),
        "overflow_share": percent_of(figures.overflow_used, figures.overflow_limit),
    }


def _tone(share_left: int) -> str:
    if share_left < 5:
        return "bad"
    return "warn" if share_left < 15 else ""


def _charts(days: list[usage.Day]) -> dict[str, Chart]:
    labels = day_labels(row.day for row in days)
    calls = Chart(
        labels=labels,
        series=[
            Series("Calls that worked", [row.calls - row.errors for row in days], unit="calls"),
            Series("Errors", [row.errors for row in days], tone="bad", unit="calls"),
        ],
        unit="calls",
        is_stacked=True,
        summary=f"Calls and errors on each of the last {len(days)} days",
    )
    spent = Chart(
        labels=labels,
        series=[Series("Credits", in_credits(row.credits for row in days), tone="2")],
        unit="credits",
        summary=f"Credits used on each of the last {len(days)} days",
    )
    return {"calls": calls, "credits": spent}
