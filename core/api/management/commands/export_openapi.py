"""`manage.py export_openapi`: write the OpenAPI documents, or check that they are as written."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.api.schema import SchemaFaulty, apis, document_of


class Command(BaseCommand):
    help = "Write docs/api/*.yaml from the endpoints. With --check, fail where they differ."
    # It needs neither database nor pages.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail on drift.")
        parser.add_argument("--folder", type=Path, default=Path(settings.ROOT) / "docs" / "api")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            documents = {f"{api.name}.yaml": document_of(api) for api in apis()}
        except SchemaFaulty as fault:
            raise CommandError(f"An endpoint is not described well enough:\n{fault}") from None
        folder: Path = options["folder"]
        if options["check"]:
            self._check(folder, documents)
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in documents.items():
            (folder / name).write_text(text)
            self.stdout.write(f"Wrote {folder / name}.")

    def _check(self, folder: Path, documents: dict[str, str]) -> None:
        drifted = [
            name
            for name, text in documents.items()
            if not (folder / name).is_file() or (folder / name).read_text() != text
        ]
        if drifted:
            raise CommandError(
                f"Out of date: {', '.join(drifted)}. Run `manage.py export_openapi` and commit it."
            )
        self.stdout.write(f"{len(documents)} documents are as the endpoints are.")
