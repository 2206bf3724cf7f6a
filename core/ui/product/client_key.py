"""The key that a client app signs with, in place of its secret."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.tokens import services
from core.tokens.selectors import client_app_named
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from core.ui.product.urls import ProductSite


class PublicKeyField(forms.CharField):
    """The public half of a key that an app signs with."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Public key"),
            required=False,
            max_length=1_000,
            widget=forms.Textarea({"rows": 4, "spellcheck": "false", "class": "ck-mono"}),
            help_text=gettext_lazy(
                "Ed25519 in PEM, if the app signs assertions with a key of its own (EdDSA) instead "
                "of its secret (HS256)."
            ),
        )


class PublicKeyForm(CockpitForm):
    """Says which key an app signs with."""

    public_key = PublicKeyField()


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the route of the page."""
    home = f"{site.slug}:clients"

    @page(permission=site.permission("manage_clients"), methods=("GET", "POST"))
    def key(request: HttpRequest, app_id: UUID) -> HttpResponse:
        app = client_app_named(site.slug, app_id)
        form = PublicKeyForm(request.POST or None, initial={"public_key": app.public_key})
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                services.set_public_key(app=app, **form.cleaned_data, actor=actor_of(request))
                messages.success(request, _("The public key of %s is saved.") % app)
                return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/client_key.html",
            title=_("Public key of %s") % app,
            status=form.http_status,
            form=form,
            home=home,
        )

    return [path("clients/<uuid:app_id>/key/", key, name="client-key")]
