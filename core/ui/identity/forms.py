"""allauth's forms in our words, and the two forms of our own."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from django import forms
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from core.identity.allauth_adapters import SealedMfaAdapter
from core.identity.models import User

# A code is valid for its own 30 seconds and one step to either side.
_CODE_LIFE_SECONDS = 120


class PlainFields(forms.Form):
    """A form with visible labels in place of placeholders, and the cursor where it is needed."""

    labels: dict[str, Any] = {}
    hints: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if field.widget.attrs.get("autocomplete") == "one-time-code":
                field.widget.attrs["inputmode"] = "numeric"
            field.label = self.labels.get(name, field.label)
            field.help_text = self.hints.get(name, "")
        first = next(iter(self.fields.values()), None)
        if first is not None and not self.is_bound:
            first.widget.attrs["autofocus"] = True


_NEW_PASSWORD = {"password1": _("New password"), "password2": _("New password again")}
_RULES = _("At least ten characters, not a common word, and not your name or e-mail address.")


class LoginForm(PlainFields, account.LoginForm):  # type: ignore[misc]
    labels = {"login": _("E-mail"), "password": _("Password")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class ResetPasswordForm(PlainFields, account.ResetPasswordForm):  # type: ignore[misc]
    labels = {"email": _("E-mail")}


class ResetPasswordKeyForm(PlainFields, account.ResetPasswordKeyForm):  # type: ignore[misc]
    labels = _NEW_PASSWORD
    hints = {"password1": _RULES}


class ChangePasswordForm(PlainFields, account.ChangePasswordForm):  # type: ignore[misc]
    labels = {"oldpassword": _("Current password"), **_NEW_PASSWORD}
    hints = {"password1": _RULES}


class SetPasswordForm(PlainFields, account.SetPasswordForm):  # type: ignore[misc]
    labels = _NEW_PASSWORD
    hints = {"password1": _RULES}


class ReauthenticateForm(PlainFields, account.ReauthenticateForm):  # type: ignore[misc]
    labels = {"password": _("Password")}


class _CodeOnce(mfa.BaseAuthenticateForm):  # type: ignore[misc]
    """A code works once for as long as it is valid; allauth itself forgets it after 30 seconds."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        digits = "".join(filter(str.isalnum, code))
        if not cache.add(f"code-used:{self.user.pk}:{digits}", 1, timeout=_CODE_LIFE_SECONDS):
            raise SealedMfaAdapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(PlainFields, _CodeOnce, mfa.AuthenticateForm):  # type: ignore[misc]
    labels = {"code": _("Code from your app, or a recovery code")}


class ReauthenticateWithCodeForm(PlainFields, _CodeOnce, mfa.ReauthenticateForm):  # type: ignore[misc]
    labels = {"code": _("Code from your app, or a recovery code")}


class ActivateTotpForm(PlainFields, totp.ActivateTOTPForm):  # type: ignore[misc]
    labels = {"code": _("Code from the app")}


class InvitationForm(PlainFields):
    """Name and password of somebody who follows an invitation."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Choose a password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    hints = {"password": _RULES}


class ProfileForm(forms.ModelForm):
    """What people may change about themselves."""

    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
