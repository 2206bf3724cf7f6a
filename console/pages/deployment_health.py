"""Health: whether the deployments of own LLMs answer, hour by hour, and why some do not."""

from collections import Counter

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from console.pages.own_llms import LlmRow, PlaceRow, crumbs, llm_rows
from console.product import PRODUCT
from console.selectors import own_llms as selectors
from console.selectors.deployment_health import HEALTH_HOURS, calls_rescued, health_span
from core.ui.charts import Chart, Series
from core.ui.pages import page, render_page
from core.usage.models import Keep
from core.usage.policies import content_policy


def urls() -> list[URLPattern]:
    """Return the route of the page."""

    @page(permission=selectors.MANAGE)
    def health(request: HttpRequest) -> HttpResponse:
        rows = llm_rows(list(selectors.own_llms()))
        places = [place for row in rows for place in row.places]
        tries = sum(place.health.tries for place in places)
        failed = sum(place.health.failed for place in places)
        return render_page(
            request,
            "console/deployment_health.html",
            title=_("Health of own LLMs"),
            crumbs=crumbs(),
            rows=rows,
            hours=HEALTH_HOURS,
            well=sum(1 for place in places if place.state in {"healthy", "idle"}),
            active=sum(1 for place in places if place.deployment.is_active),
            tries=tries,
            failed=failed,
            failed_percent=failed * 100 / tries if tries else 0.0,
            rescued=calls_rescued([row.llm.name for row in rows]),
            chart=_chart(places),
            reasons=_reasons(rows),
            keeps_logs=content_policy(PRODUCT.slug).keep != Keep.NOTHING,
        )

    return [path("deployments/health/", health, name="deployment-health")]


def _chart(places: list[PlaceRow]) -> Chart:
    moments = health_span().moments
    hours = [[place.health.hours[number] for place in places] for number in range(len(moments))]
    failed = [sum(each.failed for each in hour) for hour in hours]
    tries = [sum(each.tries for each in hour) for hour in hours]
    return Chart(
        labels=[f"{moment:%H:%M}" for moment in moments],
        series=[
            Series(_("Answered"), [all_ - bad for all_, bad in zip(tries, failed, strict=True)]),
            Series(_("Failed"), failed, tone="bad"),
        ],
        unit="tries",
        summary=_("What deployments were asked in each of the last %d hours") % len(moments),
        is_stacked=True,
    )


def _reasons(rows: list[LlmRow]) -> list[tuple[PlaceRow, str, int]]:
    """Return the reasons of failures by deployment, the most frequent first."""
    found = Counter(
        {
            (row_number, place_number, code): tries
            for row_number, row in enumerate(rows)
            for place_number, place in enumerate(row.places)
            for code, tries in place.health.reasons.items()
        }
    )
    return [
        (rows[row].places[place], code, tries)
        for (row, place, code), tries in found.most_common(20)
    ]
