"""Costs: what was spent by key, LLM, team and day."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from console.pages.keys import user_of
from console.pages.whose import shows_own, switch
from console.product import PRODUCT
from console.selectors.keys import owners_of
from console.selectors.logs import VIEW
from core.access.scopes import EVERYTHING, Scope, scope_of
from core.hierarchy.selectors import member_of_user
from core.kit.money import format_credits
from core.ui.pages import page, render_page
from core.ui.product.spending import (
    Rank,
    Ranking,
    period_choices,
    rankings,
    spending_chart,
)
from core.ui.templatetags.cockpit import count, usd
from core.usage import selectors
from core.usage.selectors import Dimension

PERIODS = (7, 30, 90)
_TOP = 10
_SHOWN: tuple[Dimension, ...] = ("key", "llm", "team")
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Part:
    """Whose costs are shown: a scope, narrowed to one member where they are one's own."""

    scope: Scope
    ids: dict[str, Any]
    is_own: bool


def urls() -> list[URLPattern]:
    """Return the routes of the costs page."""

    @page(permission=VIEW)
    def costs(request: HttpRequest) -> HttpResponse:
        part, days = _part(request), _days(request)
        since = selectors.first_moment(days)
        totals = selectors.totals(PRODUCT.slug, part.scope, since=since, **part.ids)
        return render_page(
            request,
            "console/costs.html",
            title=_("Costs"),
            part=part,
            days=days,
            periods=period_choices(PERIODS, days, lambda each: f"?{_query(each, part)}"),
            switch=switch(request, f"days={days}"),
            query=_query(days, part),
            totals=totals,
            cost_hint=_("%s at the providers") % usd(totals.cost_usd),
            tokens_hint=_("%(input)s in, %(output)s out")
            % {"input": count(totals.input_tokens), "output": count(totals.output_tokens)},
            each=totals.credits // totals.calls if totals.calls else None,
            chart=spending_chart(
                selectors.totals_by_day(PRODUCT.slug, part.scope, days=days, **part.ids)
            ),
            rankings=_rankings(part, since),
            performance_href=f"{reverse('console:performance')}?{_query(days, part)}",
        )

    @page(permission=VIEW)
    def export(request: HttpRequest) -> HttpResponse:
        part, days = _part(request), _days(request)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="costs-{days}-days.csv"'
        _write(csv.writer(response), part, days)
        return response

    return [
        path("costs/", costs, name="costs"),
        path("costs/export.csv", export, name="costs-export"),
    ]


def _part(request: HttpRequest) -> Part:
    """One's own costs, or those of what one administers; the latter first, for who does."""
    if not shows_own(request):
        return Part(scope_of(request.user, PRODUCT.slug), {}, is_own=False)
    member = member_of_user(PRODUCT, user_of(request))
    # Who has no seat has no calls of their own.
    return Part(EVERYTHING, {"member_id": member.pk if member else _NOBODY}, is_own=True)


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(each) for each in PERIODS} else 30


def _query(days: int, part: Part) -> str:
    return f"days={days}{'&whose=mine' if part.is_own else ''}"


def _rankings(part: Part, since: Any) -> list[Ranking]:
    rows: dict[Dimension, list[selectors.Row]] = {
        dimension: _rows(part, dimension, since) for dimension in _SHOWN
    }
    # Several people have a key that they call "laptop".
    owners = {} if part.is_own else owners_of(row.id for row in rows["key"])
    return rankings(
        ((_("By key"), "key", "key"), (_("By LLM"), "neurology", "llm"),
         (_("By team"), "groups", "team")),
        rows.__getitem__,
        lambda dimension, row: _rank(row, dimension, owners),
    )  # fmt: skip


def _rows(part: Part, dimension: Dimension, since: Any) -> list[selectors.Row]:
    return selectors.totals_by(
        PRODUCT.slug, part.scope, dimension, since=since, limit=_TOP, **part.ids
    )


def _rank(row: selectors.Row, dimension: Dimension, owners: Mapping[str, str]) -> Rank:
    without = {"key": _("without a key"), "team": _("no team")}.get(dimension, "–")
    href = ""
    if row.id and dimension in {"key", "llm"}:
        href = f"{reverse('console:logs')}?{dimension}={row.id}"
    label = row.label if row.id else without
    if row.id in owners:
        label = f"{label} · {owners[row.id]}"
    return Rank(label, row.calls, row.credits, href)


def _write(out: Any, part: Part, days: int) -> None:
    """Write one table: every value of each dimension with its sums, amounts exact."""
    since = selectors.first_moment(days)
    out.writerow(("by", "id", "name", "calls", "errors", "tokens", "cost usd", "credits"))
    for dimension in _SHOWN:
        for row in selectors.totals_by(
            PRODUCT.slug, part.scope, dimension, since=since, limit=10_000, **part.ids
        ):
            name = f"'{row.label}" if row.label[:1] in "=+-@" else row.label
            out.writerow(
                (dimension, row.id, name, row.calls, row.errors, row.tokens, row.cost_usd,
                 format_credits(row.credits))
            )  # fmt: skip
    for day in selectors.totals_by_day(PRODUCT.slug, part.scope, days=days, **part.ids):
        row_of_day = (
            "day",
            day.day,
            "",
            day.calls,
            day.errors,
            "",
            "",
            format_credits(day.credits),
        )
        out.writerow(row_of_day)
