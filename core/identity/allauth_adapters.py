"""What allauth asks us: who may sign in, where to go, how mail leaves, how secrets are kept."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from core.identity.mail import deliver
from core.tenancy.context import current_schema
from core.vault.inline import open_text, seal_text

_PURPOSE = "second factor"


class ClosedSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in for people who were invited. Nobody signs up by themselves.

    allauth itself turns inactive people away after their password was right, and the tenancy
    middleware answers for a suspended account before any of this runs.
    """

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("This e-mail address and password do not match."),
        "too_many_login_attempts": _(
            "Too many attempts. Wait five minutes and try again, or reset your password."
        ),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
        "incorrect_code": _("This code is not right, or was used already. Wait for the next one."),
        "invalid_password_reset": _("This link is no longer valid."),
        "rate_limited": _("Too many attempts. Wait a minute and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """Whether a link may be followed after sign-in: only back to the same host.

        allauth would accept every host in ALLOWED_HOSTS, which are all other accounts' hosts.
        """
        request = context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("profile")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one of allauth's mails; a failing mail server does not break the page."""
        request = self.request
        company = getattr(getattr(request, "account", None), "name", "")
        message = self.render_mail(
            template_prefix,
            email,
            {"request": request, "email": email, "company": company} | context,
        )
        message.schema = current_schema()
        deliver(message, kind=template_prefix.rsplit("/", 1)[-1])


class SealedMfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps TOTP secrets and recovery codes sealed, bound to the account they belong to."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": ClosedSignupAdapter.error_messages["incorrect_code"],
    }

    def encrypt(self, text: str) -> str:
        return seal_text(text, purpose=_PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        return open_text(encrypted_text, purpose=_PURPOSE)

    def get_totp_issuer(self) -> str:
        """Name the company, so that people with several logins can tell the entries apart."""
        issuer = super().get_totp_issuer()
        account = getattr(context.request, "account", None)
        return f"{issuer} {account.name}" if account is not None else f"{issuer} platform"
