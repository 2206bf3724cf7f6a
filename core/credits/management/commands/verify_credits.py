"""Checks every invariant of the ledger, in one account or in all."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_tenants.utils import get_public_schema_name, get_tenant_model

from core.credits.invariants import broken_invariants
from core.tenancy.context import in_account, in_public


class Command(BaseCommand):
    """Prints one line for each row that breaks an invariant; says nothing when all is well."""

    help = "Check that the credits of an account, or of all, add up. Exit code 1 if they do not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--account", metavar="SLUG", help="only this account")
        which.add_argument("--all", action="store_true", help="every account (the default)")

    def handle(self, *args: Any, account: str | None = None, **options: Any) -> None:
        with in_public():
            accounts = get_tenant_model().objects.exclude(schema_name=get_public_schema_name())
            if account is not None:
                accounts = accounts.filter(slug=account)
            chosen = list(accounts.order_by("slug"))
        if account is not None and not chosen:
            raise CommandError(f"There is no account called {account}.")
        is_broken = False
        for one in chosen:
            with in_account(one):
                for row in broken_invariants():
                    is_broken = True
                    self.stdout.write(f"{one.slug}: {row}")
        if is_broken:
            sys.exit(1)
