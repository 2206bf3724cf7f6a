"""The overview of all accounts."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.identity.receivers import SIGNED_IN
from core.ui.audit import shown_entries
from core.ui.charts import Chart, Series, day_labels, in_credits
from core.ui.pages import page, render_page
from superadmin.forms import PRODUCTS
from superadmin.selectors.overview import DAYS, Day, overview

_AUDIT_TAIL = 6


@page(permission="platform.view_overview")
def overview_page(request: HttpRequest) -> HttpResponse:
    """Show how the platform is doing, from figures that jobs push; see `tenants.models.figures`."""
    found = overview()
    entries, _earlier = shown_entries(limit=_AUDIT_TAIL, without=(SIGNED_IN,))
    return render_page(
        request,
        "superadmin/overview.html",
        title=_("Overview"),
        overview=found,
        days=DAYS,
        chart=credits_chart(found.days),
        entries=entries,
        products=PRODUCTS,
    )


def credits_chart(days: Sequence[Day]) -> Chart:
    """Return the credits of each day by product as a chart."""
    total = sum(sum(day.charged.values()) for day in days)
    return Chart(
        labels=day_labels(day.day for day in days),
        series=[
            Series(title, in_credits(day.charged.get(product, 0) for day in days))
            for product, title in PRODUCTS
        ],
        summary=f"Credits used a day; {in_credits([total])[0]:,.0f} in {len(days)} days",
        unit="credits",
        is_stacked=True,
    )
