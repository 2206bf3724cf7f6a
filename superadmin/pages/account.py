"""What all pages of one account share: the head with its state and address, and the tabs."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy as _

from core.tenancy.hosts import account_url
from core.ui.pages import render_page
from tenants.models import Account

_TABS = (
    ("account", _("Summary"), "space_dashboard"),
    ("account-credits", _("Credits"), "account_balance_wallet"),
    ("account-llms", _("LLMs"), "neurology"),
    ("account-own-llms", _("Own LLMs"), "dns"),
    ("account-features", _("Features"), "toggle_on"),
    ("account-admins", _("Admins"), "admin_panel_settings"),
    ("account-audit", _("Audit"), "history"),
)


def render_account(
    request: HttpRequest,
    template: str,
    account: Account,
    *,
    tab: str,
    status: int = 200,
    fragment: str = "",
    **context: Any,
) -> HttpResponse:
    """Render one tab of an account's page."""
    return render_page(
        request,
        template,
        title=account.name,
        crumbs=((gettext("Accounts"), reverse("admin:tenants_account_changelist")),),
        status=status,
        fragment=fragment,
        account=account,
        account_address=account_url(account),
        tabs=[
            {
                "href": reverse(f"platform:{name}", args=(account.slug,)),
                "label": label,
                "icon": icon,
                "is_current": name == tab,
            }
            for name, label, icon in _TABS
        ],
        **context,
    )


def back_to(account: Account, tab: str = "account") -> HttpResponse:
    """Return to a tab of an account's page after a change."""
    return HttpResponseRedirect(reverse(f"platform:{tab}", args=(account.slug,)))
