"""Virtual keys: a developer's own, and for account admins everybody's."""

from datetime import UTC, date, datetime, time
from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from console.models import Membership
from console.pages.snippets import snippets
from console.selectors import keys as selectors
from console.services import keys as services
from core.access.permissions import may
from core.access.selectors import active_llm_ids
from core.identity.models import User
from core.kit.clock import now
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.once import is_first_time, new_nonce, sent_before, shown_once
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.picking import SHOWN, pick_if_many
from tenants.selectors import offered_llms

PAGE_SIZE = 50
_HOME = "console:keys"


def place_label(place: Membership) -> str:
    """Return what a place is called among those of everybody."""
    if place.team is not None:
        where = f"{place.organization} / {place.team}"
    elif place.organization.is_global:
        where = _("no team")
    else:
        where = str(place.organization)
    return f"{place.member}: {where}"


class PlaceField(forms.ModelChoiceField):
    """A place that pays for a key's calls."""

    def label_from_instance(self, obj: Membership) -> str:
        return place_label(obj)


class KeyForm(CockpitForm):
    """Makes a virtual key."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("What it is for, such as “nightly report”."),
    )
    place = PlaceField(
        label=gettext_lazy("Acts as"),
        queryset=Membership.objects.none(),
        empty_label=None,
        help_text=gettext_lazy("This place's credits pay for the calls."),
    )
    expires_at = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The key works to the end of this day, in UTC. Empty: for good."),
    )

    def __init__(self, *args: Any, places: QuerySet[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("PlaceField", self.fields["place"])
        field.queryset = places
        pick_if_many(field, source=reverse("console:key-places"))

    def clean_expires_at(self) -> datetime | None:
        """Return the last moment of the chosen day."""
        last: date | None = self.cleaned_data["expires_at"]
        return datetime.combine(last, time.max, tzinfo=UTC) if last else None


def urls() -> list[URLPattern]:
    """Return the routes of the keys page."""

    @page(permission=selectors.MANAGE_OWN, methods=("GET", "POST"))
    def keys(request: HttpRequest) -> HttpResponse:
        places = selectors.places_for_key(user_of(request))
        form = KeyForm(request.POST or None, places=places)
        if request.method == "POST" and form.is_valid():
            if not is_first_time(request):
                return sent_before(request, _HOME)
            values = form.cleaned_data
            with problems_as_form_errors(form):
                made = services.create_key(
                    account=request.account,  # type: ignore[attr-defined]
                    membership=values["place"],
                    name=values["name"],
                    expires_at=values["expires_at"],
                    actor=actor_of(request),
                )
                return _show(request, KeyForm(places=places), made)
        return _show(request, form)

    @page(permission=selectors.MANAGE_OWN, methods=("POST",))
    def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = selectors.key_for(user_of(request), key_id)
        with problems_as_messages(request, done=_("%s is refused from now on.") % key):
            services.revoke_key(key=key, actor=actor_of(request))
        return HttpResponseRedirect(reverse(_HOME))

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
        path("keys/<uuid:key_id>/revoke/", revoke, name="key-revoke"),
    ]


def _show(request: HttpRequest, form: KeyForm, made: services.NewKey | None = None) -> HttpResponse:
    # Revoked keys come last, the newest of each kind first.
    rows = selectors.keys_for(user_of(request)).order_by(
        F("revoked_at").desc(nulls_first=True), "-created_at"
    )
    base_url = f"{settings.GATEWAY_URL}/v1"
    response = render_page(
        request,
        "console/keys.html",
        title=_("Virtual keys"),
        status=form.http_status,
        form=form,
        nonce=new_nonce(),
        page=Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        sees_all=may(request.user, selectors.MANAGE_ALL),
        now=now(),
        base_url=base_url,
        made=made,
        snippets=snippets(url=base_url, token=made.token, llm=_some_llm(request)) if made else [],
    )
    return shown_once(response) if made else response


def _some_llm(request: HttpRequest) -> str:
    """Return the name of an LLM that answers a chat as pasted, as far as one is switched on."""
    account = request.account  # type: ignore[attr-defined]
    on = active_llm_ids("console")
    chat = (llm for llm in offered_llms(account.pk, "console") if llm.kind == "chat")
    return next((llm.name for llm in chat if llm.pk in on), "gpt-5-mini")


def user_of(request: HttpRequest) -> User:
    """Return who is signed in."""
    return cast("User", request.user)
