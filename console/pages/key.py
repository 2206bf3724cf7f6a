"""One virtual key: what it may, what it used; changing, rotating and revoking it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from console.models import VirtualKey
from console.pages.key_forms import KeySettingsForm, RotateForm
from console.pages.keys import llm_names, some_llm, user_of
from console.pages.snippets import snippets
from console.product import PRODUCT
from console.selectors import keys as selectors
from console.selectors.budgets import budget_of
from console.services import keys as services
from console.services.key_settings import limits_of
from core.access.scopes import EVERYTHING
from core.credits.caps import CapState
from core.kit.clock import now
from core.ui.middleware import actor_of
from core.ui.once import is_first_time, new_nonce, sent_before, shown_once
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.spending import spending_chart
from core.ui.templatetags.cockpit import percent_of
from core.usage import selectors as usage

DAYS = 30


def urls() -> list[URLPattern]:
    """Return the routes of one key."""

    @page(permission=selectors.MANAGE_OWN, methods=("GET", "POST"))
    def key_page(request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = selectors.key_for(user_of(request), key_id)
        form = _form(request, key, request.POST or None)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                services.change_key(key=key, **form.settings(), actor=actor_of(request))
                return HttpResponseRedirect(_home(key))
        return _show(request, key, form)

    @page(permission=selectors.MANAGE_OWN, methods=("POST",))
    def rotate(request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = selectors.key_for(user_of(request), key_id)
        form = RotateForm(request.POST)
        if not form.is_valid():
            return _show(request, key, _form(request, key), rotate_form=form)
        if not is_first_time(request):
            return sent_before(request, "console:keys")
        with problems_as_messages(request):
            made = services.rotate_key(
                account=request.account,  # type: ignore[attr-defined]
                key=key,
                overlap=form.overlap_time(),
                actor=actor_of(request),
            )
            return shown_once(_show(request, made.key, _form(request, made.key), token=made.token))
        return HttpResponseRedirect(_home(key))

    @page(permission=selectors.MANAGE_OWN, methods=("POST",))
    def end_overlap(request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = selectors.key_for(user_of(request), key_id)
        with problems_as_messages(request, done=_("The old token is refused from now on.")):
            services.end_overlap(key=key, actor=actor_of(request))
        return HttpResponseRedirect(_home(key))

    @page(permission=selectors.MANAGE_OWN, methods=("POST",))
    def revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
        key = selectors.key_for(user_of(request), key_id)
        with problems_as_messages(request, done=_("%s is refused from now on.") % key):
            services.revoke_key(
                key=key, reason=request.POST.get("reason", "")[:500], actor=actor_of(request)
            )
        return HttpResponseRedirect(reverse("console:keys"))

    return [
        path("keys/<uuid:key_id>/", key_page, name="key"),
        path("keys/<uuid:key_id>/rotate/", rotate, name="key-rotate"),
        path("keys/<uuid:key_id>/end-overlap/", end_overlap, name="key-end-overlap"),
        path("keys/<uuid:key_id>/revoke/", revoke, name="key-revoke"),
    ]


def _home(key: VirtualKey) -> str:
    return reverse("console:key", args=(key.pk,))


def _form(request: HttpRequest, key: VirtualKey, sent: Any = None) -> KeySettingsForm:
    limits = limits_of(key)
    # What was switched off since is still shown, so that saving does not drop it unseen.
    names = dict.fromkeys((*llm_names(request), *(limits.llms or ())))
    return KeySettingsForm(
        sent,
        llm_names=list(names),
        initial={
            "name": key.name,
            "expires_at": key.expires_at.date() if key.expires_at else None,
            "tags": ", ".join(key.tags),
            "llms": list(limits.llms or ()),
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "addresses": "\n".join(limits.addresses or ()),
            "budget": limits.budget.amount if limits.budget else None,
            "budget_window": limits.budget.window if limits.budget else "month",
        },
    )


def _show(
    request: HttpRequest,
    key: VirtualKey,
    form: KeySettingsForm,
    *,
    rotate_form: RotateForm | None = None,
    token: str = "",
) -> HttpResponse:
    base_url = f"{settings.GATEWAY_URL}/v1"
    # Whoever may see a key may see what it used, from whichever place it acted.
    about_key: dict[str, Any] = {"key_id": key.pk}
    rotate_form = rotate_form or RotateForm()
    return render_page(
        request,
        "console/key.html",
        title=key.name,
        crumbs=((_("Virtual keys"), reverse("console:keys")),),
        status=max(form.http_status, rotate_form.http_status),
        key=key,
        state=selectors.state_of(key),
        form=form,
        rotate_form=rotate_form,
        nonce=new_nonce(),
        token=token,
        snippets=snippets(url=base_url, token=token, llm=some_llm(request)) if token else [],
        has_old_token=key.previous_ends_at is not None and key.previous_ends_at > now(),
        budget=_budget(budget_of(key.pk)),
        days=DAYS,
        totals=usage.totals(PRODUCT.slug, EVERYTHING, since=usage.first_moment(DAYS), **about_key),
        chart=spending_chart(
            usage.totals_by_day(PRODUCT.slug, EVERYTHING, days=DAYS, **about_key),
            _("Credits of this key on each of the last %d days"),
        ),
    )


def _budget(cap: CapState | None) -> dict[str, Any] | None:
    if cap is None:
        return None
    used = cap.used + cap.reserved
    return {
        "amount": cap.amount,
        "used": used,
        "window": cap.window,
        "percent": percent_of(used, cap.amount) if cap.amount else 100,
    }
