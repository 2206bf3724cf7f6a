"""Usage: the last calls, totals by day, member, team and LLM, and what is left."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.scopes import Scope, scope_of
from core.credits.refunds import refunds_of
from core.credits.selectors import book_of, figures_of
from core.hierarchy.wallets import branch_credits, named_charges
from core.kit.money import format_credits
from core.ui.pages import page, render_page
from core.ui.product.spending import Rank, Ranking, rankings, spending_chart
from core.ui.product.urls import ProductSite
from core.ui.product.usage_file import usage_file
from core.ui.product.usage_view import UsageView, menus_of, view_of
from core.ui.templatetags.cockpit import count, credits, percent_of, usd
from core.usage import selectors

PAGE_SIZE = 25
_TOP = 8


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the usage page."""

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, site.slug)

    @page(permission=site.permission("view_usage"))
    def usage(request: HttpRequest) -> HttpResponse:
        view, own = view_of(request), scope(request)
        totals = selectors.totals(site.slug, own, since=view.since, **view.filters)
        return render_page(
            request,
            "product/usage.html",
            title=_("Usage"),
            view=view,
            menus=menus_of(site.slug, own, view, with_keys=site.slug == "console"),
            **_left(site, own),
            totals=totals,
            cost_hint=f"{usd(totals.cost_usd)} at the providers",
            tokens_hint=_tokens(totals),
            error_hint=_share(totals.errors, totals.calls),
            chart=spending_chart(
                selectors.totals_by_day(site.slug, own, days=view.days, **view.filters)
            ),
            rankings=_rankings(site.slug, own, view),
            **_calls(site, own, view, before=None),
        )

    @page(permission=site.permission("view_usage"))
    def calls(request: HttpRequest) -> HttpResponse:
        return render_page(
            request,
            "product/calls.html",
            title=_("Earlier calls"),
            crumbs=[(_("Usage"), reverse(f"{site.slug}:usage"))],
            **_calls(site, scope(request), view_of(request), before=_before(request)),
        )

    @page(permission=site.permission("view_usage"))
    def call(request: HttpRequest, call_id: UUID) -> HttpResponse:
        found = selectors.call_for(site.slug, scope(request), call_id)
        event = found.event
        return render_page(
            request,
            "product/call.html",
            title=_("Call"),
            crumbs=[(_("Usage"), reverse(f"{site.slug}:usage"))],
            event=event,
            facts=_facts(found),
            cost=f"${event.cost_usd.normalize():f}",
            charges=named_charges(site.product, event.charges),
            refunds=refunds_of(event.pk),
            charged_hint=f"{format_credits(event.reserved)} were reserved",
            factor_hint=f"× credit factor {event.factor.normalize():f}",
        )

    @page(permission=site.permission("view_usage"))
    def export(request: HttpRequest) -> HttpResponse:
        return usage_file(site.slug, scope(request), view_of(request))

    return [
        path("usage/", usage, name="usage"),
        path("usage/calls/", calls, name="calls"),
        path("usage/calls/<uuid:call_id>/", call, name="call"),
        path("usage/export.csv", export, name="usage-export"),
    ]


def _calls(
    site: ProductSite, scope: Scope, view: UsageView, *, before: UUID | None
) -> dict[str, Any]:
    """One page of calls, and the address of the next page where there is one."""
    rows = selectors.recent_calls(
        site.slug, scope, since=view.since, limit=PAGE_SIZE + 1, before=before, **view.filters
    )
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return {
        "calls": rows,
        "call_url": f"{site.slug}:call",
        "earlier": _earlier(site, view, rows[-1].event.pk) if has_more else "",
        "export_href": f"{reverse(f'{site.slug}:usage-export')}{view.query}",
    }


def _earlier(site: ProductSite, view: UsageView, last: UUID) -> str:
    return f"{reverse(f'{site.slug}:calls')}{view.query}&before={last}"


def _left(site: ProductSite, scope: Scope) -> dict[str, Any]:
    """What can still be spent: of the whole book, or in the wallets of a branch."""
    if not scope.everything:
        held = branch_credits(site.product, scope)
        return {
            "left": held.free,
            "left_share": percent_of(held.free, held.credited),
            "left_hint": _("of %s in your teams in this cycle") % credits(held.credited),
        }
    figures = figures_of(book_of(site.slug))
    return {
        "left": figures.left,
        "left_share": percent_of(figures.left, figures.granted),
        "left_hint": _("of %s in this cycle") % credits(figures.granted),
    }


def _rankings(product: str, scope: Scope, view: UsageView) -> list[Ranking]:
    return rankings(
        ((_("Members"), "badge", "member"), (_("LLMs"), "neurology", "llm"),
         (_("Teams"), "groups", "team")),
        lambda dimension: selectors.totals_by(
            product, scope, dimension, since=view.since, limit=_TOP, **view.filters
        ),
        lambda dimension, row: Rank(
            row.label, row.calls, row.credits, view.having(dimension, row.id) if row.id else ""
        ),
    )  # fmt: skip


def _tokens(totals: selectors.Totals) -> str:
    return f"{count(totals.input_tokens)} tokens in, {count(totals.output_tokens)} out"


def _share(errors: int, calls: int) -> str:
    return f"{errors * 100 / calls:.1f} % of calls" if calls else "no calls"


def _facts(call: selectors.Call) -> list[tuple[str, str]]:
    event = call.event
    rows = (
        (_("Request"), str(event.pk)),
        (_("Corrects the call"), str(event.corrects or "")),
        (_("Refund of the call"), str(event.refund_of or "")),
        (_("When"), f"{event.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        (_("Member"), call.member),
        (_("Team"), call.team),
        (_("Key"), call.key),
        (_("LLM"), event.llm),
        (_("Answered by"), event.upstream_model),
        (_("Deployment"), event.deployment),
        (_("Outcome"), str(event.get_outcome_display())),
        (_("Status"), str(event.status_code or "")),
        (_("Error"), event.error_code),
        (_("Price version"), event.price_version),
        (_("First token"), _milliseconds(event.first_token_ms)),
        (_("Whole call"), _milliseconds(event.latency_ms)),
        (_("Tokens"), _("counted here, not by the provider") if event.is_estimated else ""),
    )
    return [(label, value) for label, value in rows if value]


def _milliseconds(value: int | None) -> str:
    return "" if value is None else f"{value:,} ms"


def _before(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("before", ""))
    except ValueError:
        return None
