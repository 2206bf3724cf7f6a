"""Login: allauth, guardian, passwords, sessions."""

from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from cockpit.settings import env
from cockpit.settings.base import DATA, DEMO

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = (
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
)
ANONYMOUS_USER_NAME = None

PASSWORD_HASHERS: tuple[str, ...] = (
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
)
AUTH_PASSWORD_VALIDATORS = tuple(
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
)

LOGIN_URL = "account_login"
# Each host's own start page: the platform's overview, or the account's cockpit.
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "core.identity.allauth_adapters.ClosedSignupAdapter"
# Addresses are confirmed by the invitation, so allauth's own confirmation is off.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
# Mail goes to people who have a login here, and to nobody else who was typed in.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# A changed password or second factor is told to its owner.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# A guesser is slowed down by address and by login; an office behind one address still works.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "reset_password": "20/m/ip,3/5m/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
}
# How many proxies in front may be believed when they name the client's address.
TRUSTED_PROXIES = env.number("COCKPIT_TRUSTED_PROXIES", 0, low=0, high=10)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
PASSWORD_RESET_TIMEOUT = 60 * 60
ACCOUNT_FORMS = {
    "login": "core.ui.identity.forms.LoginForm",
    "change_password": "core.ui.identity.forms.ChangePasswordForm",
    "set_password": "core.ui.identity.forms.SetPasswordForm",
    "reset_password": "core.ui.identity.forms.ResetPasswordForm",
    "reset_password_from_key": "core.ui.identity.forms.ResetPasswordKeyForm",
    "reauthenticate": "core.ui.identity.forms.ReauthenticateForm",
}

MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Cockpit"
# A code that is typed as it changes still counts; our forms refuse one that was used before.
MFA_TOTP_TOLERANCE = 1
# Addresses come from invitations, so nobody can lock a stranger's address with a factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {
    "authenticate": "core.ui.identity.forms.AuthenticateForm",
    "reauthenticate": "core.ui.identity.forms.ReauthenticateWithCodeForm",
    "activate_totp": "core.ui.identity.forms.ActivateTotpForm",
}
MFA_ADAPTER = "core.identity.allauth_adapters.SealedMfaAdapter"
# A super admin without a second factor is sent to set one up; the demo waives it.
SUPER_ADMIN_NEEDS_TOTP = not DEMO

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_ENGINE = "django.contrib.sessions.backends.db"


def _mail(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname:
        raise ImproperlyConfigured(
            "COCKPIT_MAIL_URL must look like smtp+tls://user:password@host:587 (STARTTLS), "
            "smtps://... (TLS from the start) or smtp://... (unencrypted)."
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or {"smtp": 25, "smtps": 465, "smtp+tls": 587}[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        # A mail server that hangs must not hang the page that waits for it.
        "EMAIL_TIMEOUT": 10,
    }


# Without a mail server each mail becomes a file here, which the mailbox page shows.
MAIL_FOLDER = DATA / "mail"
EMAIL_BACKEND = "core.identity.mail.FileBackend"
DEFAULT_FROM_EMAIL = env.text("COCKPIT_MAIL_FROM", "Cockpit <no-reply@cockpit.example>")
if _mail_url := env.text("COCKPIT_MAIL_URL"):
    globals().update(_mail(_mail_url))
