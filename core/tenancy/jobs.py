"""The account in every job.

A job carries its account in the message header. A worker that finds none refuses the job: it
must never guess, and never run an account's work in the public schema.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task, current_app, shared_task
from django.db import transaction
from django_tenants.utils import get_tenant_model

from core.tenancy.context import current_schema, in_account, in_account_schema, in_public

HEADER = "cockpit_account"


class AccountMissing(Exception):
    """A job of an account arrived without one, or with one that does not exist."""


class AccountJob(Task):  # type: ignore[misc]
    """A job that runs inside one account."""

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        headers = dict(options.pop("headers", None) or {})
        if HEADER not in headers:
            if not in_account_schema():
                raise AccountMissing(f"{self.name} was queued outside any account.")
            headers[HEADER] = current_schema()
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        schema = (self.request.headers or {}).get(HEADER) or getattr(self.request, HEADER, None)
        with in_public():
            account = get_tenant_model().objects.filter(schema_name=schema).first()
        if account is None:
            raise AccountMissing(f"{self.name} names no account that exists.")
        with in_account(account):
            return super().__call__(*args, **kwargs)


class PlatformJob(Task):  # type: ignore[misc]
    """A job of the platform: it starts in the public schema."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with in_public():
            return super().__call__(*args, **kwargs)


def account_job(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as a job that runs inside the account in its header."""
    return shared_task(name=name, base=AccountJob, **options)  # type: ignore[no-any-return]


def platform_job(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Register a function as a job of the public schema."""
    return shared_task(name=name, base=PlatformJob, **options)  # type: ignore[no-any-return]


def enqueue_on_commit(name: str, /, **kwargs: Any) -> None:
    """Queue the job `name` once the current transaction is committed.

    By name, so that a service need not import the job that imports the service. A system check
    verifies that each name is registered.
    """
    job = current_app.tasks[name]
    schema = current_schema() if isinstance(job, AccountJob) else None
    if isinstance(job, AccountJob) and not in_account_schema():
        raise AccountMissing(f"{name} was queued outside any account.")

    def send() -> None:
        if schema is None:
            job.apply_async(kwargs=kwargs)
        else:
            job.apply_async(kwargs=kwargs, headers={HEADER: schema})

    transaction.on_commit(send)


def fan_out(name: str, /, **kwargs: Any) -> int:
    """Queue the account job `name` once for every open account; return how many."""
    job = current_app.tasks[name]
    assert isinstance(job, AccountJob), name
    with in_public():
        schemas = list(
            get_tenant_model()
            .objects.filter(archived_at__isnull=True)
            .exclude(schema_name="public")
            .values_list("schema_name", flat=True)
        )
    for schema in schemas:
        job.apply_async(kwargs=kwargs, headers={HEADER: schema})
    return len(schemas)


def account_id_of_schema(schema: str) -> UUID:
    """Return the account id that a schema name derives from."""
    return UUID(hex=schema.removeprefix("account_"))
