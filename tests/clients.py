"""Clients that speak to one host."""

from contextlib import AbstractContextManager
from typing import Any

from django.core.signals import setting_changed
from django.test import Client

from core.identity.models import User
from core.tenancy.connection import connection
from core.tenancy.context import Account, in_account, in_public

PUBLIC_HOST = "localhost"

# Making it reads every static file; a server also does so once, and not for each visitor.
_middleware: list[Any] = []


def _forget_middleware(**_: Any) -> None:
    _middleware.clear()


# What it read from the settings is not what they now say.
setting_changed.connect(_forget_middleware)


class AccountClient(Client):
    """Django's client at the host of an account, or at the public host without one.

    It leaves the test's own schema as it was; the middleware under test always ends in public.
    """

    def __init__(self, account: Account | None = None, **defaults: Any) -> None:
        self.account = account
        self.host = f"{account.slug}.{PUBLIC_HOST}" if account else PUBLIC_HOST
        # A bug answers 500, as it does in production, and not with an exception in the test.
        super().__init__(raise_request_exception=False, HTTP_HOST=self.host, **defaults)

    def sign_in(self, user: User) -> None:
        """Start a session for somebody of this host, as a login does."""
        with self._schema():
            self.force_login(user)

    def request(self, **request: Any) -> Any:
        handler: Any = self.handler
        if handler._middleware_chain is None:
            if not _middleware:
                handler.load_middleware()
                _middleware.append(handler._middleware_chain)
            handler._middleware_chain = _middleware[0]
        before = connection.tenant
        try:
            return super().request(**request)
        finally:
            connection.set_tenant(before)

    def _schema(self) -> AbstractContextManager[None]:
        return in_account(self.account) if self.account else in_public()
