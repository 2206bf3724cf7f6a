"""Where things are, and the secrets of this installation."""

import base64
import hashlib
import hmac
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from cockpit.embedded.secrets import installation_secrets
from cockpit.settings import env

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = Path(env.text("COCKPIT_DATA") or ROOT / ".data")

DEBUG = env.flag("COCKPIT_DEBUG")
# The demo seeds two accounts, shows where mail went and lets LLMs answer offline.
DEMO = env.flag("COCKPIT_DEMO")

_secrets = installation_secrets(DATA)
SECRET_KEY = env.text("COCKPIT_SECRET_KEY") or _secrets["secret_key"]


def _key(name: str, given: str) -> bytes:
    try:
        key = base64.b64decode(given, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ImproperlyConfigured(f"{name} must be 32 bytes in base64.")
    return key


def _audit_keys() -> tuple[bytes, ...]:
    given = [part for part in env.text("COCKPIT_AUDIT_KEY").replace(",", " ").split() if part]
    if not given:
        return (hmac.digest(VAULT_KEY, b"audit chain", "sha256"),)
    return tuple(_key("Each of COCKPIT_AUDIT_KEY", part) for part in given)


VAULT_KEY = _key("COCKPIT_VAULT_KEY", env.text("COCKPIT_VAULT_KEY") or _secrets["vault_key"])
# Signs and chains audit entries: the first one signs, all verify. Without one of its own it
# derives from the vault's key, and a new vault key then needs the former one's here.
AUDIT_KEYS = _audit_keys()
TOKEN_PEPPER = hashlib.sha256(
    b"token pepper|" + (env.text("COCKPIT_TOKEN_PEPPER") or _secrets["token_pepper"]).encode()
).digest()

# `http://localhost:8000/` on one machine; the public host of super admins in production.
BASE_HOST = env.text("COCKPIT_BASE_HOST", "localhost")
WEB_PORT = env.number("COCKPIT_WEB_PORT", 8000, low=1, high=65535)
GATEWAY_PORT = env.number("COCKPIT_GATEWAY_PORT", 8001, low=1, high=65535)
IS_LOCAL = BASE_HOST == "localhost"
SCHEME = "http" if IS_LOCAL else "https"
PUBLIC_URL = env.text("COCKPIT_URL") or (
    f"http://{BASE_HOST}:{WEB_PORT}" if IS_LOCAL else f"https://{BASE_HOST}"
)
GATEWAY_URL = env.text("COCKPIT_GATEWAY_URL") or (
    f"http://{BASE_HOST}:{GATEWAY_PORT}" if IS_LOCAL else f"https://gateway.{BASE_HOST}"
)

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "staticfiles"
# Else WhiteNoise warns of it at every start, until something is collected.
with suppress(OSError):
    STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = (ROOT / "static",)
# On one machine static files are served from where they are; production collects them first.
WHITENOISE_USE_FINDERS = IS_LOCAL
