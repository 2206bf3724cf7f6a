"""`manage.py create_super_admin`: the first super admin, or one more."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from core.audit.services import Actor
from core.identity import services
from core.identity.models import User
from core.kit.problems import Problem
from core.tenancy.context import in_public


class Command(BaseCommand):
    """Adds a login in the public schema."""

    help = (
        "Add a super admin. Without --password-stdin it prints an invitation link; for somebody "
        "who has a login already it prints a fresh one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="Read the password from standard input, so that no shell history keeps it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if options["password_stdin"] else None
        try:
            with in_public(), transaction.atomic():
                self._create(email=options["email"], name=options["name"], password=password)
        except Problem as problem:
            raise CommandError(problem.detail) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None

    def _create(self, *, email: str, name: str, password: str | None) -> None:
        actor = Actor.system("The platform")
        if password is not None:
            validate_password(password, User(email=email, name=name))
            user = services.create_user(email=email, name=name, password=password, actor=actor)
            self.stdout.write(f"{user.email} may sign in at {settings.PUBLIC_URL}/")
            return
        known = User.objects.filter(email__iexact=email.strip()).first()
        user = known or services.create_user(email=email, name=name, is_active=False, actor=actor)
        link = services.invite_user(user=user, actor=actor)
        self.stdout.write(
            f"{user.email} sets a password within {services.INVITATION_DAYS} days at\n"
            f"{settings.PUBLIC_URL}/invitations/{link.token}/"
        )
