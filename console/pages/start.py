"""Quick start: from a key to the first call, with snippets that run as pasted."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from console.pages.keys import user_of
from console.pages.snippets import NO_KEY, snippets
from console.product import PRODUCT
from console.selectors import keys as selectors
from console.selectors.llms import llms_on
from console.services import keys as services
from core.access.scopes import EVERYTHING
from core.credits.selectors import payers_of
from core.hierarchy.selectors import member_of_user, places_of
from core.kit.problems import NotAllowed
from core.ui.middleware import actor_of
from core.ui.once import is_first_time, new_nonce, sent_before, shown_once
from core.ui.pages import is_partial, page, render_page
from core.usage import selectors as usage
from tenants.models import Llm

DAYS = 30
_TEMPLATE = "console/start.html"
_NEW_KEYS_NAME = "Quick start"


def urls() -> list[URLPattern]:
    """Return the routes of the quick start."""

    @page(permission=selectors.MANAGE_OWN, methods=("GET", "POST"))
    def start(request: HttpRequest) -> HttpResponse:
        member = member_of_user(PRODUCT, user_of(request))
        if member is None:
            return render_page(
                request, "product/no_seat.html", title=_("Quick start"), name=PRODUCT.title
            )
        places = places_of(PRODUCT, member)
        if request.method != "POST":
            return _show(request, member, places)
        if not is_first_time(request):
            return sent_before(request, "console:start")
        made = services.create_key(
            account=request.account,  # type: ignore[attr-defined]
            membership=_chosen(places, request.POST.get("place", "")),
            name=_NEW_KEYS_NAME,
            actor=actor_of(request),
        )
        return shown_once(_show(request, member, places, token=made.token))

    @page(permission=selectors.MANAGE_OWN)
    def first_call(request: HttpRequest) -> HttpResponse:
        member = member_of_user(PRODUCT, user_of(request))
        if member is None:
            raise NotAllowed(_("You have no seat in Console. An account admin can give you one."))
        if not is_partial(request):
            return _show(request, member, places_of(PRODUCT, member))
        return render_page(
            request,
            _TEMPLATE,
            title=_("Quick start"),
            fragment="first_call",
            **_calls(member, after=request.GET.get("after", "")),
        )

    return [
        path("start/", start, name="start"),
        path("start/call/", first_call, name="start-call"),
    ]


def _show(request: HttpRequest, member: Any, places: list[Any], *, token: str = "") -> HttpResponse:
    url = f"{settings.GATEWAY_URL}/v1"
    llms = _chat_llms(request)
    asked = request.GET.get("llm", "") or request.POST.get("llm", "")
    llm = next((row for row in llms if row.name == asked), llms[0] if llms else None)
    totals = usage.totals(
        PRODUCT.slug, EVERYTHING, since=usage.first_moment(DAYS), member_id=member.pk
    )
    own = selectors.active_keys(selectors.keys_for(user_of(request))).filter(
        membership__member=member
    )
    return render_page(
        request,
        _TEMPLATE,
        title=_("Quick start"),
        fragment="code",
        places=places,
        llms=llms,
        llm=llm,
        base_url=url,
        snippets=snippets(url=url, token=token, llm=llm.name) if llm else [],
        token=token,
        placeholder=NO_KEY,
        key_count=own.count(),
        nonce=new_nonce(),
        days=DAYS,
        totals=totals,
        spendable=sum(max(payer.free, 0) for payer in payers_of(places[0].wallet_id)),
        **_calls(member, after=""),
    )


def _calls(member: Any, *, after: str) -> dict[str, Any]:
    """The member's latest call, and whether it came after the one that the page knew of.

    The page waits for a call that is newer than the one that was there when it was opened.
    """
    latest = usage.recent_calls(PRODUCT.slug, EVERYTHING, limit=1, member_id=member.pk)
    call = latest[0] if latest else None
    known = after or (str(call.event.pk) if call else "none")
    return {
        "call": call,
        "after": known,
        "is_new": call is not None and str(call.event.pk) != known,
    }


def _chat_llms(request: HttpRequest) -> list[Llm]:
    """Return the LLMs that answer a chat and are on."""
    return llms_on(request.account.pk, kinds=("chat",))  # type: ignore[attr-defined]


def _chosen(places: list[Any], asked: str) -> Any:
    return next((place for place in places if str(place.pk) == asked), places[0])
