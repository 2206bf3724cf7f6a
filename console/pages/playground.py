"""Playground: LLMs side by side, streamed from the gateway with a short token of the page's own."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from console.pages.keys import user_of
from console.product import PRODUCT
from console.selectors.keys import MANAGE_OWN
from console.selectors.llms import llms_on
from console.selectors.logs import VIEW_CONTENT, logs_of_user
from console.selectors.own_llms import offered_llms
from core.access.features import PLAYGROUND
from core.access.permissions import may
from core.access.rules.decisions import Decision
from core.access.selectors import access_of
from core.access.words import change_in_words, reason_in_words, who_can_help
from core.hierarchy.policies import path_of
from core.hierarchy.selectors import member_of_user, places_of
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.once import shown_once
from core.ui.pages import page, render_page
from core.usage import logs
from core.usage.keeping import read_content
from core.usage.models import CallLog, Keep
from core.usage.policies import content_policy
from tenants.selectors import withheld_features


def urls() -> list[URLPattern]:
    """Return the route of the playground."""

    @page(permission=MANAGE_OWN, methods=("GET", "POST"))
    def playground(request: HttpRequest) -> HttpResponse:
        title = _("Playground")
        member = member_of_user(PRODUCT, user_of(request))
        if member is None:
            return render_page(request, "product/no_seat.html", title=title, name=PRODUCT.title)
        places = places_of(PRODUCT, member)
        place = next(
            (each for each in places if str(each.pk) == request.GET.get("place", "")), places[0]
        )
        llms, decision = _allowed(request, place)
        if not decision.is_allowed:
            return render_page(
                request, "console/playground_off.html", title=title, status=403,
                **_why(decision),
            )  # fmt: skip
        log = _replayed(request)
        response = render_page(
            request,
            "console/playground.html",
            title=title,
            places=places,
            place=place,
            llms=llms,
            setup=_setup(request, place, llms, log),
        )
        return shown_once(response) if log is not None else response

    return [path("playground/", playground, name="playground")]


def _allowed(request: HttpRequest, place: Any) -> tuple[list[Any], Decision]:
    """Return the chat LLMs that may be called from a place, and whether the page may be used."""
    account = request.account  # type: ignore[attr-defined]
    nodes = path_of(PRODUCT, place)
    rules = access_of(
        PRODUCT.slug,
        offered=(llm.pk for llm in offered_llms(account.pk, PRODUCT.slug)),
        withheld=withheld_features(account.pk, PRODUCT.slug),
        nodes=(node.id for node in nodes),
    )
    decision = rules.why_feature(PLAYGROUND, nodes)
    assert decision is not None
    usable = rules.llms(nodes)
    return [llm for llm in llms_on(account.pk, kinds=("chat",)) if llm.pk in usable], decision


def _why(decision: Decision) -> dict[str, Any]:
    what = _("Playground")
    return {
        "reason": reason_in_words(decision, what),
        "change": change_in_words(decision.flip[0], what),
        "helper": who_can_help(decision),
    }


def _replayed(request: HttpRequest) -> CallLog | None:
    """Return the log whose call is to be played again; its content is read on a POST only."""
    try:
        call_id = UUID(request.POST.get("log", "") or request.GET.get("log", ""))
    except ValueError:
        return None
    try:
        return logs.log_of(logs_of_user(user_of(request)), call_id)
    except NotFound:
        return None


def _setup(
    request: HttpRequest, place: Any, llms: list[Any], log: CallLog | None
) -> dict[str, Any]:
    """Return what the page's script begins with."""
    replay = None
    # On a POST only, because that somebody looked is written down.
    is_asked = request.method == "POST" and may(request.user, VIEW_CONTENT)
    if log is not None and log.content and is_asked:
        replay = read_content(log=log, actor=actor_of(request))["request"]
    names = [llm.name for llm in llms]
    wanted = log.llm if log is not None else request.GET.get("llm", "")
    return {
        "gateway": settings.GATEWAY_URL,
        "token_url": f"/api/{PRODUCT.slug}/v1/session-token",
        # Where nothing is kept there is no log to lead to.
        "logs_url": "" if content_policy(PRODUCT.slug).keep == Keep.NOTHING else "/console/logs/",
        "team": str(place.team_id) if place.team_id else "",
        "llms": [
            {"name": llm.name, "title": llm.title, "can": list(llm.capabilities)} for llm in llms
        ],
        "chosen": wanted if wanted in names else (names[0] if names else ""),
        "replay": replay,
    }
