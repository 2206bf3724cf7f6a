"""What the embedded servers need from the operating system: locks, state files, ports.

Standard library only, like the rest of this package but for the servers' binaries, so that
`python -m cockpit.embedded` starts at once and works without Django.
"""

import contextlib
import fcntl
import json
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parents[2]


class EmbeddedError(Exception):
    """Why something cannot run and what to do, as sentences for the person at the keyboard."""


# -- locks ----------------------------------------------------------------------------------------
# The kernel frees a lock (flock) when the last process with the descriptor ends, however it ends.
# That makes locks a safer witness of life than numbers in pid files, which get reused.


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for whoever has it."""
    with lock_file(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def lifeline(path: Path, patience_seconds: float = 10) -> Iterator[int]:
    """Open a lock for a process about to start (`pass_fds`), which holds it as long as it lives.

    Its descendants hold it as well, unless they close the descriptors that they inherit.

    Raises:
        EmbeddedError: An earlier process still holds it after `patience_seconds`.
    """
    with lock_file(path) as descriptor:
        wait_until(
            lambda: _try_lock(descriptor, fcntl.LOCK_EX),
            patience_seconds,
            f"{path} is still held by a process of an earlier start",
        )
        yield descriptor


def is_alive(path: Path) -> bool:
    """Tell whether a process that was started with this lifeline is still there."""
    if not path.exists():
        return False
    with lock_file(path) as descriptor:
        # Shared, so that two processes that look at the same time do not see each other.
        return not _try_lock(descriptor, fcntl.LOCK_SH)


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """Open a lock file, creating it when missing, and say plainly when that is not allowed."""
    descriptor = open_lock_file(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_lock_file(path: Path) -> int:
    """Open a lock file for as long as this process lives."""
    try:
        # To be entered, for the server's own user, but not to be looked around in.
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(path, error) from error


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# -- files ----------------------------------------------------------------------------------------


def read_state(path: Path) -> dict[str, Any]:
    """Read a JSON file of ours; a file that is missing is an empty one."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unusable(path, error) from error
    except ValueError as error:
        raise EmbeddedError(f"{path} is damaged ({error}). `make reset` starts over.") from error
    return content


def write_state(path: Path, content: dict[str, Any]) -> None:
    """Replace a JSON file at once, readable by its owner only; a crash leaves the old one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise unusable(path, error) from error


def unusable(path: Path, error: OSError) -> EmbeddedError:
    """Turn an error of the file system into sentences."""
    if isinstance(error, PermissionError):
        return EmbeddedError(
            f"{path} cannot be used by this user; probably another one made it (root?). "
            f"Run as that user, remove {path.parent}, or choose another folder with COCKPIT_DATA."
        )
    return EmbeddedError(f"{path} cannot be used: {error.strerror}.{full_disk_hint(path)}")


def full_disk_hint(path: Path, needed_megabytes: int = 100) -> str:
    """Say that the disk of a path is full, or nothing."""
    existing = next(parent for parent in [path, *path.parents] if parent.exists())
    free_megabytes = shutil.disk_usage(existing).free // 1_000_000
    if free_megabytes >= needed_megabytes:
        return ""
    return (
        f" The disk is full: {free_megabytes} MB are left for {existing}. Free some space, "
        "or put the data elsewhere with COCKPIT_DATA=/another/folder."
    )


def tail_of(log: Path, lines: int = 4) -> str:
    """Return the last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return ""


# -- ports and time -------------------------------------------------------------------------------


def free_port() -> int:
    """Choose a free port below the range that systems use for outgoing connections.

    A port of that range could be in use by any client connection at the next start.
    """
    for port in random.sample(range(20_000, 32_000), 200):
        if can_bind(port):
            return port
    raise EmbeddedError("No free port between 20000 and 32000 on 127.0.0.1.")


def can_bind(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do; otherwise connections that have just closed would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Tell whether something listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Wait for a condition; after so many seconds, complain."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise EmbeddedError(f"After {seconds:.0f} s, {complaint}.")
        time.sleep(0.01)
