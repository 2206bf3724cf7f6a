"""Which features an account has, by product: the ceiling that its admins cannot pass."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from core.access.features import features_of
from core.hierarchy.product import products
from core.kit.problems import ChangedMeanwhile
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages
from superadmin.pages.account import back_to, render_account
from superadmin.pages.ticks import Ticks, seen_in
from tenants.models import Account
from tenants.selectors import account_named, withheld_features
from tenants.services.features import set_features

_TAB = "account-features"


@page(permission="platform.manage_accounts")
def features_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show every feature with whether either product of the account has it."""
    return _page(request, account_named(slug))


@page(permission="platform.manage_accounts", methods=("POST",))
def save_features(request: HttpRequest, slug: str) -> HttpResponse:
    """Let each product of an account have exactly the ticked features.

    What somebody else has changed since the page was shown is not overwritten: it is marked, and
    what was ticked stays.
    """
    account = account_named(slug)
    with problems_as_messages(request):
        try:
            _save(request, account)
        except ChangedMeanwhile:
            return _page(request, account, posted=request.POST)
    return back_to(account, _TAB)


@transaction.atomic
def _save(request: HttpRequest, account: Account) -> None:
    changed = [
        set_features(
            account=account,
            product=product.slug,
            features=request.POST.getlist(product.slug),
            seen=seen_in(request.POST, product.slug),
            actor=actor_of(request),
        )
        for product in products()
    ]
    text = _("Saved. It counts at once.") if any(map(any, changed)) else _("Nothing to change.")
    messages.success(request, text)


def _page(
    request: HttpRequest, account: Account, *, posted: QueryDict | None = None
) -> HttpResponse:
    groups = []
    for product in products():
        withheld = withheld_features(account.pk, product.slug)
        features = features_of(product.slug)
        has = {feature.key for feature in features} - withheld
        ticks = Ticks(product.slug, has, posted)
        groups.append((product, ticks, [(each, ticks.of(each.key)) for each in features]))
    return render_account(
        request,
        "superadmin/account/features.html",
        account,
        tab=_TAB,
        status=409 if posted is not None else 200,
        is_stale=posted is not None,
        groups=groups,
    )
