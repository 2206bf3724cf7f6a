"""Who gets which URL, and when the pair of servers may stop."""

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.embedded.host import PROJECT_ROOT
from cockpit.embedded.secrets import installation_secrets
from cockpit.embedded.servers import Servers, urls

USE_AND_WAIT = """
import sys
from cockpit.embedded import urls
print(urls("test"), flush=True)
sys.stdin.read()
"""


def test_urls_of_the_environment_take_the_place_of_servers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db/cockpit")
    monkeypatch.setenv("REDIS_URL", "redis://cache/0")

    assert urls("test", data=folder) == ("postgresql://u:p@db/cockpit", "redis://cache/0")
    assert list(folder.iterdir()) == []


def test_urls_that_are_given_take_the_place_of_servers(folder: Path) -> None:
    given = urls(data=folder, database_url="postgresql://u:p@db/c", redis_url="redis://cache/0")

    assert given == ("postgresql://u:p@db/c", "redis://cache/0")


def test_tests_have_servers_of_their_own(servers: Servers) -> None:
    urls("test", data=servers.folder.parent)

    assert servers.folder.name == "test"
    assert servers.postgres.is_running()
    assert servers.valkey.is_running()
    assert not (servers.folder.parent / "postgres").exists()


def test_servers_that_somebody_uses_go_on(
    servers: Servers, bare_environment: dict[str, str]
) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT],
        cwd=PROJECT_ROOT,
        env={**bare_environment, "COCKPIT_DATA": str(servers.folder.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert user.stdout is not None
    assert "postgresql://" in user.stdout.readline()

    assert servers.stop() is False
    assert servers.postgres.is_running()

    user.communicate("")
    assert servers.stop() is True
    assert not servers.postgres.is_running()
    assert not servers.valkey.is_running()


def test_servers_that_cannot_start_end_the_process_with_a_sentence(
    folder: Path, bare_environment: dict[str, str]
) -> None:
    (folder / "file").touch()

    ended = subprocess.run(
        [sys.executable, "-c", "from cockpit.embedded import urls; urls()"],
        cwd=PROJECT_ROOT,
        env={**bare_environment, "COCKPIT_DATA": str(folder / "file" / "data")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("Cockpit: ")
    assert "cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_secrets_are_generated_once_and_kept_private(folder: Path) -> None:
    first = dict(installation_secrets(folder))

    assert dict(installation_secrets(folder)) == first
    assert len(set(first.values())) == 3
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_secrets_that_are_not_asked_for_are_not_written(folder: Path) -> None:
    installation_secrets(folder)

    assert not (folder / "secrets.json").exists()
