"""LLMs: what the platform offers, at which price in credits, and which of them are on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access import selectors as access, services
from core.access.features import needs_of
from core.access.permissions import may
from core.access.rules.paths import Path
from core.access.rules.product import ProductAccess
from core.hierarchy.effects import effect_of_llm, reach_of_llms
from core.hierarchy.policies import paths_of_user
from core.hierarchy.selectors import organizations_named
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages, render_page
from core.ui.product.urls import ProductSite


@dataclass(frozen=True, slots=True)
class OfferedLlm:
    """An LLM with its price per million tokens in this account's credits."""

    llm: Any
    is_on: bool
    abilities: tuple[str, ...]
    input_credits: Decimal | None
    output_credits: Decimal | None
    image_credits: Decimal | None
    # How many places have it, or would have it if it were on; None where nobody asks.
    reach: int | None = None


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the LLM page."""

    @page(permission=site.permission("view_llms"))
    def llms(request: HttpRequest) -> HttpResponse:
        can_manage = may(request.user, site.permission("manage_llms"))
        if can_manage:
            return _marketplace(request, site)
        rows = usable_from(request, site, *paths_of_user(site.product, request.user))
        return render_page(
            request,
            "product/llms.html",
            title="LLMs",
            rows=rows,
            count_hint=f"{sum(row.is_on for row in rows)} on",
        )

    @page(permission=site.permission("manage_llms"), methods=("GET", "POST"))
    def switch(request: HttpRequest, llm_id: UUID) -> HttpResponse:
        row = next((row for row in offered(request, site) if row.llm.pk == llm_id), None)
        if row is None:
            raise NotFound("This LLM is not offered to your account.")
        if request.method == "GET":
            return _before_switching(request, site, row)
        turn_on = request.POST.get("on") == "1"
        act = services.switch_llm_on if turn_on else services.switch_llm_off
        done = f"{row.llm.title} is {'on' if turn_on else 'off'}."
        with problems_as_messages(request, done=done):
            act(
                product=site.slug,
                llm_id=llm_id,
                llm_name=row.llm.title,
                actor=actor_of(request),
            )
        return HttpResponseRedirect(reverse(f"{site.slug}:llms"))

    return [
        path("llms/", llms, name="llms"),
        path("llms/<uuid:llm_id>/switch/", switch, name="llm-switch"),
    ]


def _marketplace(request: HttpRequest, site: ProductSite) -> HttpResponse:
    rows = offered(request, site)
    reach = reach_of_llms(site.product, _rules(site, rows))
    rows = [replace(row, reach=reach.get(row.llm.pk, 0)) for row in rows]
    account = request.account  # type: ignore[attr-defined]
    return render_page(
        request,
        "product/llm_marketplace.html",
        title=_("LLM marketplace"),
        rows=rows,
        switch_url=f"{site.slug}:llm-switch",
        count_hint=_("%d on") % sum(row.is_on for row in rows),
        factor=site.credit_factor(account.pk),
    )


def _before_switching(request: HttpRequest, site: ProductSite, row: OfferedLlm) -> HttpResponse:
    rules = _rules(site, offered(request, site))
    effect = effect_of_llm(site.product, rules, row.llm.pk, is_on=not row.is_on)
    counts = effect.losing if row.is_on else effect.gaining
    names = organizations_named(site.product, counts)
    return render_page(
        request,
        "product/llm_switch.html",
        title=row.llm.title,
        fragment="choice",
        crumbs=[(_("LLM marketplace"), reverse(f"{site.slug}:llms"))],
        row=row,
        action=request.path,
        places=effect.places,
        organizations=sorted(
            ((names[key], count) for key, count in counts.items()), key=lambda pair: -pair[1]
        ),
    )


def _rules(site: ProductSite, rows: Sequence[OfferedLlm]) -> ProductAccess:
    offered = (row.llm.pk for row in rows)
    return access.access_of(site.slug, offered=offered, parts=("policies",))


def offered(request: HttpRequest, site: ProductSite) -> list[OfferedLlm]:
    """Return the offered LLMs with their prices in credits of the current account."""
    return _in_credits(request, site, _offers(request, site))


def usable_from(request: HttpRequest, site: ProductSite, *places: Path) -> list[OfferedLlm]:
    """Return the LLMs that some places may call: what the gateway lists and admits there."""
    llms = _offers(request, site)
    usable = _usable(request, site, places, llms)
    return _in_credits(request, site, [llm for llm in llms if llm.pk in usable])


def _offers(request: HttpRequest, site: ProductSite) -> list[Any]:
    return list(site.offered_llms(request.account.pk, site.slug))  # type: ignore[attr-defined]


def _in_credits(request: HttpRequest, site: ProductSite, llms: Iterable[Any]) -> list[OfferedLlm]:
    factor = site.credit_factor(request.account.pk)  # type: ignore[attr-defined]
    on = access.active_llm_ids(site.slug)
    return [_row(llm, factor, is_on=llm.pk in on) for llm in llms]


def _usable(
    request: HttpRequest, site: ProductSite, paths: Sequence[Path], llms: Iterable[Any]
) -> frozenset[UUID]:
    """Return what may be called from at least one of some places; what has no price is refused."""
    account = request.account  # type: ignore[attr-defined]
    priced = [llm for llm in llms if llm.prices.all()]
    rules = access.access_of(
        site.slug,
        offered=(llm.pk for llm in priced),
        withheld=site.withheld_features(account.pk, site.slug),
        needs=needs_of(priced),
        nodes=(node.id for path_ in paths for node in path_),
        parts=("policies", "switches"),
    )
    return frozenset().union(*map(rules.callable_llms, paths))


def _row(llm: Any, factor: Decimal, *, is_on: bool) -> OfferedLlm:
    prices = list(llm.prices.all())
    price = max(prices, key=lambda row: row.version) if prices else None

    def in_credits(field: str) -> Decimal | None:
        value: Decimal = getattr(price, field) if price is not None else Decimal(0)
        return (value * factor).normalize() if value else None

    return OfferedLlm(
        llm=llm,
        is_on=is_on,
        abilities=(
            str(llm.get_kind_display()),
            *(name for name in llm.capabilities if name != llm.kind),
        ),
        input_credits=in_credits("input_usd"),
        output_credits=in_credits("output_usd"),
        image_credits=in_credits("image_each_usd"),
    )
