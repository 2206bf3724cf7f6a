"""Verifies audit chains: of the platform and of one account, or of all."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit.sealing import head
from core.audit.verifying import findings
from core.tenancy.context import current_schema, in_account, in_public
from tenants.models import Account
from tenants.services.anchors import anchors_of

# More of them say the same: something rewrote the trail.
_MOST_SHOWN = 100


class Command(BaseCommand):
    """Prints one line for each row that was changed, removed, put in or moved, and a summary."""

    help = (
        "Check that audit entries are what they were when they were written: of the platform and "
        "of every account, or of one account. Exit code 1 if something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", nargs="?", metavar="SLUG", help="only this account")

    def handle(self, *args: Any, account: str | None = None, **options: Any) -> None:
        wrong = 0
        for name, schema in _schemas(account):
            with schema:
                wrong += self._verify(name)
        if wrong:
            sys.exit(1)

    def _verify(self, name: str) -> int:
        count = 0
        for finding in findings(anchors=anchors_of(current_schema())):
            count += 1
            if count <= _MOST_SHOWN:
                self.stdout.write(f"{name}: {finding}")
        if count > _MOST_SHOWN:
            self.stdout.write(f"{name}: and {count - _MOST_SHOWN} more")
        verdict = "whole" if count == 0 else "BROKEN"
        self.stdout.write(f"{name}: {verdict}, {head().sequence} entries sealed.")
        return count


def _schemas(slug: str | None) -> Iterator[tuple[str, AbstractContextManager[None]]]:
    with in_public():
        accounts = list(Account.objects.exclude(schema_name="public").order_by("slug"))
    if slug is None:
        yield "platform", in_public()
    else:
        accounts = [account for account in accounts if account.slug == slug]
        if not accounts:
            raise CommandError(f"There is no account called {slug}.")
    for account in accounts:
        yield account.slug, in_account(account)
