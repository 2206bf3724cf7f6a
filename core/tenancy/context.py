"""`in_account()`: the only way to switch schema.

django-tenants' own `with tenant:` keeps a class-level stack that all threads share, and its
decorators keep state on the instance; both have leaked one account into another under threads.
The state here is the database connection itself, which belongs to one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from django_tenants.utils import get_public_schema_name

from core.tenancy.connection import connection

TEMPLATE_SCHEMA = "account_template"


class Account(Protocol):
    """What the core needs to know of an account; `tenants.Account` and `AccountRef` have it."""

    @property
    def id(self) -> UUID: ...
    @property
    def slug(self) -> str: ...
    @property
    def schema_name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AccountRef:
    """An account by name only; safe to keep, to cache and to pass between threads."""

    id: UUID
    slug: str
    schema_name: str


def schema_name_of(account_id: UUID) -> str:
    """Return the schema of an account. It derives from the id, so that no slug can collide."""
    return f"account_{account_id.hex}"


@contextmanager
def in_account(account: Account) -> Iterator[None]:
    """Work in an account's schema on this thread's connection, then return to the one before."""
    assert account.schema_name != get_public_schema_name()
    with _schema(account.schema_name, slug=account.slug):
        yield


@contextmanager
def in_public() -> Iterator[None]:
    """Work in the public schema only."""
    with _schema(get_public_schema_name(), slug=""):
        yield


@contextmanager
def in_template() -> Iterator[None]:
    """Work in the schema that new accounts are copied from. For migrations and tests of copies."""
    with _schema(TEMPLATE_SCHEMA, slug=""):
        yield


def current_schema() -> str:
    """Return the schema this thread's connection is in."""
    return str(connection.schema_name)


def in_account_schema() -> bool:
    """Whether this thread's connection is in some account's schema."""
    return current_schema() != str(get_public_schema_name())


@contextmanager
def _schema(schema: str, *, slug: str) -> Iterator[None]:
    before = connection.tenant
    if before is None or connection.schema_name != schema:
        # To set the schema that is set would cost the next query a round trip.
        connection.set_schema(schema, tenant_type=None)
    try:
        with structlog.contextvars.bound_contextvars(account=slug):
            yield
    finally:
        if before is None:
            connection.set_schema_to_public()
        elif connection.tenant is not before:
            connection.set_tenant(before)
