"""`manage.py reset_second_factor`: the way back in for who has lost phone and recovery codes."""

from argparse import ArgumentParser
from contextlib import AbstractContextManager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_tenants.utils import get_tenant_model

from core.audit.services import Actor
from core.identity.models import User
from core.identity.second_factor import remove_second_factor
from core.kit.problems import Problem
from core.tenancy.context import in_account, in_public


class Command(BaseCommand):
    """Removes a second factor without anybody's sign-in, for the only super admin for one."""

    help = "Remove somebody's second factor; the password alone then signs in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--account", default="", help="The account's short name, if any.")
        parser.add_argument("--reason", required=True, help="Stands in the audit log.")

    def handle(self, *args: Any, **options: Any) -> None:
        with self._schema(options["account"]):
            user = User.objects.filter(email__iexact=options["email"].strip()).first()
            if user is None:
                raise CommandError(f"Nobody here has the address {options['email']}.")
            try:
                remove_second_factor(
                    user=user, actor=Actor.system("The platform"), reason=options["reason"]
                )
            except Problem as problem:
                raise CommandError(problem.detail) from None
        self.stdout.write(f"{user.email} signs in with the password alone now.")

    def _schema(self, slug: str) -> AbstractContextManager[None]:
        if not slug:
            return in_public()
        with in_public():
            account = get_tenant_model().objects.filter(slug=slug).first()
        if account is None:
            raise CommandError(f"There is no account {slug}.")
        return in_account(account)
