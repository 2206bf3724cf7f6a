"""Where accounts live."""

from django.conf import settings

from core.tenancy.context import Account


def account_url(account: Account) -> str:
    """Return the address of an account's cockpit."""
    host = settings.PUBLIC_URL.split("://", 1)[1]
    return f"{settings.SCHEME}://{account.slug}.{host}"
