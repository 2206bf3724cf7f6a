"""Performance: percentiles of how long calls take, over time and by LLM, and errors by reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path
from django.utils.translation import gettext as _, gettext_lazy

from console.pages.keys import user_of
from console.pages.whose import shows_own, switch
from console.product import PRODUCT
from console.selectors.logs import VIEW, logs_of_user
from core.ui.charts import Chart, Series, day_labels
from core.ui.pages import page, render_page
from core.usage import health
from core.usage.health import Measure, Pace, Span
from core.usage.models import CallLog
from core.usage.policies import content_policy

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# By how it is called in the address: the words, the number of steps, and how long each is.
PERIODS = {
    "1": (gettext_lazy("24 hours"), 24, _HOUR),
    "7": (gettext_lazy("7 days"), 28, 6 * _HOUR),
    "30": (gettext_lazy("30 days"), 30, _DAY),
    "90": (gettext_lazy("90 days"), 90, _DAY),
}
MEASURES: dict[str, tuple[Any, Measure]] = {
    "whole": (gettext_lazy("Whole answer"), "latency_ms"),
    "first": (gettext_lazy("First token"), "first_token_ms"),
}
# As many as the palette tells apart.
_MOST_LINES = 5
_MOST_REASONS = 4


@dataclass(frozen=True, slots=True)
class View:
    """What the page is asked for, read from its address; what makes no sense is left out."""

    period: str
    measure: str
    share: int
    llm: str
    is_own: bool

    def query(self, **changes: str) -> str:
        """Return the address of the same view with some changes; an empty value drops one."""
        found = QueryDict(mutable=True)
        values = {
            "days": self.period, "measure": self.measure, "p": str(self.share), "llm": self.llm,
            "whose": "mine" if self.is_own else "", **changes,
        }  # fmt: skip
        found.update({name: value for name, value in values.items() if value})
        return found.urlencode()


def urls() -> list[URLPattern]:
    """Return the route of the page."""

    @page(permission=VIEW)
    def performance(request: HttpRequest) -> HttpResponse:
        view = _view(request)
        _words, steps, step = PERIODS[view.period]
        span, measure = health.span_of(steps, step), MEASURES[view.measure][1]
        rows = logs_of_user(user_of(request)).order_by()
        if view.is_own:
            rows = rows.filter(user_id=user_of(request).pk)
        by_llm = health.pace_by_llm(rows, span, measure)
        shown = rows.filter(llm=view.llm) if view.llm else rows
        return render_page(
            request,
            "console/performance.html",
            title=_("Performance"),
            view=view,
            menus=_menus(view, by_llm),
            switch=switch(request, view.query(whose="")),
            total=health.pace(shown, span, measure),
            by_llm=[(name, each, f"?{view.query(llm=name)}") for name, each in by_llm.items()],
            all_llms=f"?{view.query(llm='')}",
            pace_chart=_pace_chart(shown, span, measure),
            llm_chart=_llm_chart(shown, span, measure, view, list(by_llm)),
            errors_chart=_errors_chart(shown, span),
            codes=health.error_codes(shown, span),
            policy=content_policy(PRODUCT.slug),
        )

    return [path("performance/", performance, name="performance")]


def _view(request: HttpRequest) -> View:
    def given(name: str, known: Any, otherwise: str) -> str:
        value = request.GET.get(name, "")
        return value if value in known else otherwise

    return View(
        period=given("days", PERIODS, "7"),
        measure=given("measure", MEASURES, "whole"),
        share=int(given("p", {str(share) for share in health.SHARES}, "95")),
        llm=request.GET.get("llm", "").replace("\x00", "")[:200],
        is_own=shows_own(request),
    )


def _menus(view: View, llms: Sequence[str] | dict[str, Pace]) -> dict[str, Any]:
    return {
        "periods": [
            (words, f"?{view.query(days=each)}", each == view.period)
            for each, (words, *_rest) in PERIODS.items()
        ],
        "measures": [
            (words, f"?{view.query(measure=each)}", each == view.measure)
            for each, (words, _column) in MEASURES.items()
        ],
        "shares": [
            (f"p{share}", f"?{view.query(p=str(share))}", share == view.share)
            for share in health.SHARES
        ],
        # One that had no calls in the period stays chosen.
        "llms": sorted({*llms, view.llm} - {""}),
    }


def _pace_chart(rows: QuerySet[CallLog], span: Span, measure: Measure) -> Chart:
    paces = health.pace_over_time(rows, span, measure)
    return Chart(
        labels=_labels(span),
        series=[
            Series(_("Median (p50)"), [each.p50 for each in paces], kind="line"),
            Series("p95", [each.p95 for each in paces], kind="line", tone="2"),
            Series("p99", [each.p99 for each in paces], kind="line", tone="3"),
        ],
        unit="ms",
        summary=_("How long calls took over time: half of them, 95 and 99 of a hundred"),
    )


def _llm_chart(
    rows: QuerySet[CallLog], span: Span, measure: Measure, view: View, llms: list[str]
) -> Chart:
    names = [view.llm] if view.llm else llms[:_MOST_LINES]
    lines = health.percentile_lines(
        rows, span, measure, share=health.SHARES[view.share], llms=names
    )
    return Chart(
        labels=_labels(span),
        series=[Series(name, values, kind="line") for name, values in lines.items()],
        unit="ms",
        summary=_("The %(share)dth percentile of each LLM over time") % {"share": view.share},
    )


def _errors_chart(rows: QuerySet[CallLog], span: Span) -> Chart:
    reasons, others = health.reasons_over_time(rows, span, most=_MOST_REASONS)
    series = [Series(code or "–", counts) for code, counts in reasons.items()]
    if any(others):
        series.append(Series(_("others"), others, tone="5"))
    return Chart(
        labels=_labels(span),
        series=series,
        unit="calls",
        summary=_("Calls refused or failed over time, by reason"),
        is_stacked=True,
    )


def _labels(span: Span) -> list[str]:
    if span.step >= _DAY:
        return day_labels(moment.date() for moment in span.moments)
    return [_label(moment, span) for moment in span.moments]


def _label(moment: datetime, span: Span) -> str:
    is_one_day = span.step * span.steps <= _DAY
    return f"{moment:%H:%M}" if is_one_day else f"{moment.day} {moment:%b, %H:%M}"
