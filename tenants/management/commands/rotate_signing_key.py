"""`manage.py rotate_signing_key`: sign tokens with a new key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.audit.services import Actor
from tenants.services.signing import CACHE_SECONDS, rotate_signing_key


class Command(BaseCommand):
    help = "Sign tokens with a new key. Old tokens stay valid for their last minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--refuse-old-tokens",
            action="store_true",
            help="The old key has leaked: refuse what it signed, and drop it from the JWKS.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = rotate_signing_key(
            actor=Actor.system("rotate_signing_key"),
            refuse_old_tokens=options["refuse_old_tokens"],
        )
        self.stdout.write(
            f"Tokens are signed with {key} now; every process follows within {CACHE_SECONDS} s."
        )
