"""Overview: what is left, what was used, who used it, what changed, and what to do first."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core.access.permissions import may
from core.access.scopes import Scope, scope_of
from core.credits.cycles import first_day_of
from core.credits.selectors import BookFigures, book_of, figures_of, open_cycle_of
from core.hierarchy.administration import nodes_in
from core.hierarchy.selectors import members_for, teams_for
from core.hierarchy.wallets import branch_credits
from core.identity.models import User
from core.identity.preferences import set_preference
from core.identity.selectors import preference_of
from core.ui.audit import ShownEntry, shown_entries
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
        days, scope = _days(request), scope_of(request.user, site.slug)
        since = usage.first_moment(days)
        by_day = usage.totals_by_day(site.slug, scope, days=days)
        sees_audit = may(request.user, site.permission("view_audit"))
        money = _money(figures_of(book_of(site.slug))) if scope.everything else _branch(site, scope)
        return render_page(
            request,
            "product/overview.html",
            title="Overview",
            fragment="period",
            days=days,
            periods=PERIODS,
            **(_checklist(request, site) if scope.everything else {}),
            cycle_since=_cycle_since(site),
            totals=usage.totals(site.slug, scope, since=since),
            charts=_charts(by_day),
            top_llms=usage.totals_by(site.slug, scope, "llm", since=since, limit=TOP),
            top_members=usage.totals_by(site.slug, scope, "member", since=since, limit=TOP),
            entries=_latest(site, scope) if sees_audit else [],
            sees_usage=may(request.user, site.permission("view_usage")),
            sees_audit=sees_audit,
            **money,
        )

    @page(permission=site.permission("view_overview"), methods=("POST",))
    def put_away(request: HttpRequest) -> HttpResponse:
        hidden = None if request.POST.get("show") else True
        set_preference(user=_me(request), name=_hidden_name(site), value=hidden)
        return HttpResponseRedirect(reverse(f"{site.slug}:overview"))

    return [
        path("", overview, name="overview"),
        path("first-steps/", put_away, name="first-steps"),
    ]


def _cycle_since(site: ProductSite) -> date:
    book = book_of(site.slug)
    return first_day_of(open_cycle_of(book).starts_at, book.time_zone)


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(days) for days in PERIODS} else PERIODS[0]


def _checklist(request: HttpRequest, site: ProductSite) -> dict[str, Any]:
    """The checklist, until all of it is done; who looks may have put it away."""
    steps = _steps(request, site)
    done = sum(step.is_done for step in steps)
    if done == len(steps):
        return {"steps": []}
    return {
        "steps": steps,
        "steps_done": done,
        "steps_left": len(steps) - done,
        "steps_hidden": preference_of(_me(request), _hidden_name(site)),
    }


def _steps(request: HttpRequest, site: ProductSite) -> list[Step]:
    account = request.account  # type: ignore[attr-defined]
    offered = [llm.pk for llm in site.offered_llms(account.pk, site.slug)]
    return first_steps(site.product, offered=offered, connect=site.connect_step(site.product))


def _hidden_name(site: ProductSite) -> str:
    return f"first-steps-hidden:{site.slug}"


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _latest(site: ProductSite, scope: Scope) -> list[ShownEntry]:
    within = nodes_in(site.product, scope)
    return shown_entries(limit=6, product=site.slug, within=within)[0]


def _branch(site: ProductSite, scope: Scope) -> dict[str, Any]:
    """The figures of a branch: what its wallets hold together, and who is in it."""
    held = branch_credits(site.product, scope)
    share = percent_of(held.free, held.credited)
    return {
        "branch": held,
        "teams": teams_for(site.product, scope).filter(archived_at=None).count(),
        "people": members_for(site.product, scope).filter(archived_at=None).count(),
        "left": held.free,
        "left_share": share,
        "left_tone": _tone(share) if held.credited else "",
        "left_hint": f"of {credits(held.credited)} in this cycle",
        "used_share": percent_of(held.used, held.credited),
        "held_share": percent_of(held.reserved, held.credited),
    }


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
