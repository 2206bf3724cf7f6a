"""Virtual keys: a developer's own, and for admins those of what they administer."""

from typing import cast

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from console.models import VirtualKey
from console.pages.key_forms import NewKeyForm, place_label
from console.pages.snippets import snippets
from console.selectors import keys as selectors
from console.selectors.budgets import budgets_of
from console.selectors.llms import llms_on
from console.services import keys as services
from core.access.permissions import may
from core.identity.models import User
from core.ui.middleware import actor_of
from core.ui.once import is_first_time, new_nonce, sent_before, shown_once
from core.ui.pages import page, problems_as_form_errors, render_page
from core.ui.picking import SHOWN

PAGE_SIZE = 50
_HOME = "console:keys"
_STATES = ("active", "expired", "revoked")


def urls() -> list[URLPattern]:
    """Return the routes of the keys page."""

    @page(permission=selectors.MANAGE_OWN, methods=("GET", "POST"))
    def keys(request: HttpRequest) -> HttpResponse:
        form = _form(request)
        if request.method == "POST" and form.is_valid():
            if not is_first_time(request):
                return sent_before(request, _HOME)
            with problems_as_form_errors(form):
                made = services.create_key(
                    account=request.account,  # type: ignore[attr-defined]
                    **form.owner(),
                    **form.settings(),
                    actor=actor_of(request),
                )
                return _show(request, _form(request, is_empty=True), made)
        return _show(request, form)

    @page(permission=selectors.MANAGE_OWN)
    def places(request: HttpRequest) -> HttpResponse:
        rows = selectors.places_for_key(user_of(request))
        # Postgres takes no NUL in text.
        for word in request.GET.get("q", "").replace("\x00", "")[:100].split():
            rows = rows.filter(
                Q(member__user__name__icontains=word)
                | Q(member__user__email__icontains=word)
                | Q(team__name__icontains=word)
            )
        found = list(rows[: SHOWN + 1])
        return render_page(
            request,
            "cockpit/people/places.html",
            title=_("Places"),
            fragment="found",
            options=[(row.pk, place_label(row), row.member.user.email) for row in found[:SHOWN]],
            has_more=len(found) > SHOWN,
        )

    return [
        path("keys/", keys, name="keys"),
        path("keys/places/", places, name="key-places"),
    ]


def llm_names(request: HttpRequest) -> list[str]:
    """Return the names that a key may be narrowed to."""
    return [llm.name for llm in llms_on(request.account.pk)]  # type: ignore[attr-defined]


def _form(request: HttpRequest, *, is_empty: bool = False) -> NewKeyForm:
    user = user_of(request)
    return NewKeyForm(
        None if is_empty else request.POST or None,
        places=selectors.places_for_key(user),
        teams=selectors.teams_for_key(user),
        llm_names=llm_names(request),
    )


def _show(
    request: HttpRequest, form: NewKeyForm, made: services.NewKey | None = None
) -> HttpResponse:
    base_url = f"{settings.GATEWAY_URL}/v1"
    shown = Paginator(_found(request), PAGE_SIZE).get_page(request.GET.get("page"))
    budgets = budgets_of(key.pk for key in shown.object_list)
    response = render_page(
        request,
        "console/keys.html",
        title=_("Virtual keys"),
        status=form.http_status,
        form=form,
        nonce=new_nonce(),
        page=shown,
        rows=[(key, selectors.state_of(key), budgets.get(key.pk)) for key in shown.object_list],
        q=request.GET.get("q", ""),
        state=request.GET.get("state", ""),
        sees_all=may(request.user, selectors.MANAGE_ALL),
        base_url=base_url,
        made=made,
        snippets=snippets(url=base_url, token=made.token, llm=some_llm(request)) if made else [],
    )
    return shown_once(response) if made else response


def _found(request: HttpRequest) -> QuerySet[VirtualKey]:
    rows = selectors.keys_for(user_of(request))
    if (state := request.GET.get("state", "")) in _STATES:
        rows = selectors.keys_in_state(rows, state)
    rows = selectors.keys_named(rows, request.GET.get("q", ""))
    # Revoked keys come last, the newest of each kind first.
    return rows.order_by(F("revoked_at").desc(nulls_first=True), "-created_at")


def some_llm(request: HttpRequest) -> str:
    """Return the name of an LLM that answers a chat as pasted, as far as one is switched on."""
    chat = llms_on(request.account.pk, kinds=("chat",))  # type: ignore[attr-defined]
    return chat[0].name if chat else "gpt-5-mini"


def user_of(request: HttpRequest) -> User:
    """Return who is signed in."""
    return cast("User", request.user)
