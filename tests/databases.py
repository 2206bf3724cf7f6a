"""The database of a test process, copied from a migrated template in a fraction of a second.

Migrating takes half a minute, so it is done once for each state of the migrations and functions.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests import environment

ROOT = Path(__file__).resolve().parent.parent

# What decides how a migrated database looks.
_INGREDIENTS = (
    "requirements.txt",
    "cockpit/settings/apps.py",
    "cockpit/management/commands/migrate_all.py",
    "core/tenancy/append_only.py",
    "tenants/installing.py",
    "core/*/install.py",
    "core/*/sql/*.sql",
    "*/migrations/*.py",
    "core/*/migrations/*.py",
)
_TEMPLATES_KEPT = 3


class Database:
    """The database of this process."""

    def __init__(self) -> None:
        self.name = environment.DATABASE
        self._snapshot = f"{self.name}_snapshot"
        self._has_snapshot = False

    def create(self) -> None:
        """Copy the template, building it first where nobody has."""
        with _locked(environment.SHARED / "template.lock"), _admin() as admin:
            template = _ensure_template(admin)
            self.drop()
            _copy(admin, template, self.name)

    def remember(self) -> None:
        """Keep a copy of the present state; only the first call does. Nobody may be connected."""
        if not self._has_snapshot:
            with _admin() as admin:
                _copy(admin, self.name, self._snapshot)
            self._has_snapshot = True

    def go_back(self) -> None:
        """Return to the state that `remember` kept."""
        with _admin() as admin:
            _drop(admin, self.name)
            _copy(admin, self._snapshot, self.name)

    def drop(self) -> None:
        """Remove the database and its copy."""
        with _admin() as admin:
            _drop(admin, self.name)
            _drop(admin, self._snapshot)


def _ensure_template(admin: "psycopg.Connection[tuple[str]]") -> str:
    name = f"tmpl_{_fingerprint()}"
    known = [row[0] for row in admin.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'tmpl\\_%' ORDER BY oid DESC"
    )]  # fmt: skip
    if name in known:
        return name
    # A killed run leaves its half-built one.
    for old in [*known[_TEMPLATES_KEPT:], *(one for one in known if one.endswith("_wip"))]:
        _drop(admin, old)
    draft = f"{name}_wip"
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
    subprocess.run(
        [sys.executable, "manage.py", "migrate_all"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url_of(draft)},
        stdout=sys.stderr,
        check=True,
    )
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
            sql.Identifier(draft), sql.Identifier(name)
        )
    )
    return name


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for pattern in _INGREDIENTS:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _copy(admin: "psycopg.Connection[tuple[str]]", source: str, target: str) -> None:
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(target), sql.Identifier(source)
        )
    )


def _drop(admin: "psycopg.Connection[tuple[str]]", name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _admin() -> "psycopg.Connection[tuple[str]]":
    return psycopg.connect(environment.ADMIN_URL, autocommit=True)


def url_of(database: str) -> str:
    return urlunsplit(urlsplit(environment.ADMIN_URL)._replace(path=f"/{database}"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
