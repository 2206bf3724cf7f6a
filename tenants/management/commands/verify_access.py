"""Checks that appointments and the object permissions that decide say the same, in all accounts."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.hierarchy.administration import disagreements
from core.hierarchy.product import products
from core.tenancy.context import in_account, in_public
from tenants.models import Account


class Command(BaseCommand):
    """Prints one line for each disagreement; says nothing when all is well."""

    help = "Check who administers what against the appointments. Exit code 1 if they disagree."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this account")

    def handle(self, *args: Any, account: str | None = None, **options: Any) -> None:
        with in_public():
            accounts = Account.objects.exclude(schema_name="public").order_by("slug")
            if account is not None:
                accounts = accounts.filter(slug=account)
            chosen = list(accounts)
        if account is not None and not chosen:
            raise CommandError(f"There is no account called {account}.")
        is_broken = False
        for one in chosen:
            with in_account(one):
                for product in products():
                    for row in disagreements(product):
                        is_broken = True
                        self.stdout.write(f"{one.slug}, {product.title}: {row}")
        if is_broken:
            sys.exit(1)
