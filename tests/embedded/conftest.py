"""Servers in folders of their own; nothing here needs Django's database."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.embedded.postgres import THROWAWAY_SETTINGS, Postgres
from cockpit.embedded.redis import Valkey
from cockpit.embedded.servers import Servers
from tests.embedded.starting import FirstStart, start_in_child


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's own, so that root's server can use it."""
    made = Path(tempfile.mkdtemp(prefix="cockpit-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def first_start() -> Iterator[FirstStart]:
    """The one cluster of these tests; making one takes longer than all else here."""
    made = Path(tempfile.mkdtemp(prefix="cockpit-test-"))
    made.chmod(0o755)
    racers = [start_in_child("postgres", made / "test") for _ in range(4)]
    answers = [racer.communicate(timeout=900)[0].strip() for racer in racers]
    yield FirstStart(made / "test", answers, [racer.returncode for racer in racers])
    Postgres(made / "test").destroy()
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def postgres(first_start: FirstStart) -> Iterator[Postgres]:
    """A Postgres that has run before."""
    server = Postgres(first_start.folder, settings=THROWAWAY_SETTINGS)
    yield server
    server.stop()


@pytest.fixture
def servers(first_start: FirstStart, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """A pair of test servers whose Postgres has run before; they stand still."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    pair = Servers(first_start.folder.parent, "test")
    yield pair
    pair.postgres.stop()
    pair.valkey.destroy()


@pytest.fixture
def new_postgres(folder: Path) -> Iterator[Postgres]:
    """A Postgres on a machine that has never had one."""
    server = Postgres(folder / "data", settings=THROWAWAY_SETTINGS)
    yield server
    server.destroy()


@pytest.fixture
def valkey(folder: Path) -> Iterator[Valkey]:
    """A Valkey that is not started yet."""
    server = Valkey(folder / "data")
    yield server
    server.destroy()


@pytest.fixture
def bare_environment(folder: Path) -> dict[str, str]:
    """What a process gets whose machine has no servers and no settings of ours."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return {**kept, "PATH": "/nonexistent", "COCKPIT_DATA": str(folder / "data")}
