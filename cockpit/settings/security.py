"""Hosts, cookies, content security policy."""

from csp.constants import NONE, SELF, UNSAFE_EVAL

from cockpit.settings import env
from cockpit.settings.base import BASE_HOST, GATEWAY_URL, IS_LOCAL

PUBLIC_HOSTS = frozenset(
    {BASE_HOST, *(host for host in env.text("COCKPIT_PUBLIC_HOSTS").split(",") if host)}
    | ({"127.0.0.1"} if IS_LOCAL else set())
)
ALLOWED_HOSTS = [*PUBLIC_HOSTS, f".{BASE_HOST}", *env.text("COCKPIT_ACCOUNT_HOSTS").split(",")]
ALLOWED_HOSTS = [host for host in ALLOWED_HOSTS if host]

SESSION_COOKIE_SECURE = not IS_LOCAL
CSRF_COOKIE_SECURE = not IS_LOCAL
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = False  # The proxy in front decides; it alone sees the client's scheme.
SECURE_PROXY_SSL_HEADER = None if IS_LOCAL else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if IS_LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not IS_LOCAL
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # unfold's Alpine evaluates its attributes; no inline script is allowed all the same.
        "script-src": [SELF, UNSAFE_EVAL],
        # unfold sets colours through style attributes.
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, GATEWAY_URL],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}

SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # The proxy in front redirects to https.
    # On one machine cookies travel over http on loopback.
    *(["security.W004", "security.W012", "security.W016"] if IS_LOCAL else []),
    "security.W021",
    "guardian.W001",
    "auth.W004",  # E-mail addresses are unique in lower case, by a constraint.
]
