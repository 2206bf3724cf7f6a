"""A member's own page: what they can spend and from where, what they may call, what they called."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from core.access.scopes import EVERYTHING
from core.credits.caps import caps_of_all
from core.credits.cycles import last_day_of
from core.credits.models import Book
from core.credits.selectors import Payer, book_of, open_cycle_of, payers_of
from core.hierarchy.administration import givers_of
from core.hierarchy.policies import path_of
from core.hierarchy.selectors import member_of_user, places_of
from core.ui.pages import page, render_page
from core.ui.product import llms
from core.ui.product.credits.caps import CapRow
from core.ui.product.spending import spending_chart
from core.ui.product.urls import ProductSite
from core.usage import selectors as usage

DAYS = 30
LAST_CALLS = 20

# Why a wallet pays, in the words of the product's rule; `ledger_payers` decides.
_REASONS = {
    "own": "allocated to you here",
    "leftover": "left over from earlier; goes first",
    "inherits": "you have no allocation of your own, so you share this one",
    "spill": "when what stands above is empty",
    "overflow": "when all else is empty; billed later",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One wallet that pays for the member's calls, as the member may read it."""

    name: str
    reason: str
    icon: str
    free: int


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the route of the member's own page."""

    @page(permission=site.permission("use"))
    def me(request: HttpRequest) -> HttpResponse:
        title = f"My {site.product.title}"
        member = member_of_user(site.product, request.user)  # type: ignore[arg-type]
        if member is None:
            return render_page(
                request, "product/no_seat.html", title=title, name=site.product.title
            )
        places = places_of(site.product, member)
        place = _chosen(places, request.GET.get("place", ""))
        # Known already: nothing has to look them up again.
        member.user, place.member = request.user, member  # type: ignore[assignment]
        sources = _sources(payers_of(place.wallet_id), place)
        since, book = usage.first_moment(DAYS), book_of(site.slug)
        # One's own calls, from whichever place they were made.
        own_days = usage.totals_by_day(site.slug, EVERYTHING, days=DAYS, member_id=member.pk)
        return render_page(
            request,
            "product/me.html",
            title=title,
            places=places,
            place=place,
            sources=sources,
            spendable=sum(max(source.free, 0) for source in sources),
            caps=_caps(book, place),
            renews_on=_renews_on(book),
            helpers=givers_of(site.product, place),
            days=DAYS,
            totals=usage.totals(site.slug, EVERYTHING, since=since, member_id=member.pk),
            chart=spending_chart(own_days, _("Your credits on each of the last %d days")),
            calls=usage.recent_calls(site.slug, EVERYTHING, limit=LAST_CALLS, member_id=member.pk),
            llms=llms.usable_from(request, site, path_of(site.product, place)),
            base_url=f"{settings.GATEWAY_URL}/v1",
            shows_base_url=site.slug == "console",
        )

    return [path("me/", me, name="me")]


def _chosen(places: list[Any], asked: str) -> Any:
    return next((place for place in places if str(place.pk) == asked), places[0])


def _sources(payers: list[Payer], place: Any) -> list[Source]:
    names = {
        "membership": ("person", f"Your own in {place}"),
        "team": ("groups", f"Team {place.team}"),
        "organization": ("domain", f"Organization {place.organization}"),
        "pool": ("water", "Pool"),
        "overflow": ("trending_up", "Overflow"),
    }
    rows = []
    for payer in payers:
        # An empty wallet of one's own without a rule says nothing.
        if payer.via == "leftover" and payer.free == 0:
            continue
        icon, name = names[payer.kind]
        rows.append(Source(name, _REASONS[payer.via], icon, payer.free))
    return rows


def _caps(book: Book, place: Any) -> list[CapRow]:
    """Return what limits the member's calls here, whoever pays, the nearest first."""
    names = {place.pk: _("Your own"), place.organization_id: str(place.organization)}
    if place.team_id:
        names[place.team_id] = str(place.team)
    states = caps_of_all(book, names)
    order = [place.pk, place.team_id, place.organization_id]
    rows = [CapRow(state, names[state.subject], "") for state in states]
    return sorted(rows, key=lambda row: order.index(row.cap.subject))


def _renews_on(book: Book) -> date | None:
    """Return the first day of the next cycle where the account is; None if there is no other."""
    last = last_day_of(open_cycle_of(book).ends_at, book.time_zone)
    return last + timedelta(days=1) if last else None
