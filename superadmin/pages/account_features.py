"""Which features an account has, by product: the ceiling that its admins cannot pass."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.access.features import features_of
from core.hierarchy.product import products
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages
from superadmin.pages.account import back_to, render_account
from tenants.selectors import account_named, withheld_features
from tenants.services.features import set_features

_TAB = "account-features"


@page(permission="platform.manage_accounts")
def features_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show every feature with whether either product of the account has it."""
    account = account_named(slug)
    withheld = {product.slug: withheld_features(account.pk, product.slug) for product in products()}
    return render_account(
        request,
        "superadmin/account/features.html",
        account,
        tab=_TAB,
        groups=[
            (
                product,
                [
                    (feature, feature.key not in withheld[product.slug])
                    for feature in features_of(product.slug)
                ],
            )
            for product in products()
        ],
    )


@page(permission="platform.manage_accounts", methods=("POST",))
def save_features(request: HttpRequest, slug: str) -> HttpResponse:
    """Let each product of an account have exactly the ticked features."""
    account = account_named(slug)
    with problems_as_messages(request), transaction.atomic():
        changed = [
            set_features(
                account=account,
                product=product.slug,
                features=request.POST.getlist(product.slug),
                actor=actor_of(request),
            )
            for product in products()
        ]
        text = _("Saved. It counts at once.") if any(map(any, changed)) else _("Nothing to change.")
        messages.success(request, text)
    return back_to(account, _TAB)
