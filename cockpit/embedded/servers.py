"""The pair of embedded servers of one data folder, and who uses them."""

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cockpit.embedded.host import PROJECT_ROOT, EmbeddedError, open_lock_file
from cockpit.embedded.postgres import THROWAWAY_SETTINGS, Postgres
from cockpit.embedded.redis import Valkey

Kind = Literal["run", "test"]
KINDS: tuple[Kind, ...] = ("run", "test")


def data_folder() -> Path:
    """Return the folder with everything that this installation stores."""
    return Path(os.environ.get("COCKPIT_DATA") or PROJECT_ROOT / ".data").resolve()


def urls(
    kind: Kind = "run",
    *,
    data: Path | None = None,
    database_url: str = "",
    redis_url: str = "",
) -> tuple[str, str]:
    """Return the URLs of Postgres and Redis, starting the embedded servers where needed.

    A URL that is given (or set as `DATABASE_URL`, `REDIS_URL`) takes the place of a server. Any
    process may call this: the first one starts the servers, which takes a second or two on a new
    machine, and the others attach in milliseconds. Tests have servers of their own, so that they
    never touch the data of a run.

    Raises:
        SystemExit: The servers cannot run. No process of Cockpit can do without, so it ends with
            the reason as a sentence, not with a traceback.
    """
    servers = Servers(data or data_folder(), kind)
    try:
        return database_url or servers.postgres_url(), redis_url or servers.redis_url()
    except EmbeddedError as error:
        raise SystemExit(f"Cockpit: {error}") from None


def show(sentence: str) -> None:
    """Show progress where it does not mix with a command's own output."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


class Servers:
    """Both embedded servers of a run or of the tests."""

    def __init__(
        self, data: Path, kind: Kind = "run", *, announce: Callable[[str], None] = show
    ) -> None:
        is_throwaway = kind == "test"
        self.folder = data.resolve() / "test" if is_throwaway else data.resolve()
        self.postgres = Postgres(
            self.folder, settings=THROWAWAY_SETTINGS if is_throwaway else {}, announce=announce
        )
        self.valkey = Valkey(self.folder, is_durable=not is_throwaway, announce=announce)
        self._users = self.folder / "users.lock"

    def postgres_url(self) -> str:
        """Return DATABASE_URL, or start Postgres or attach to it and count as a user of it."""
        if given := os.environ.get("DATABASE_URL"):
            return given
        self._count_as_user()
        return self.postgres.ensure()

    def redis_url(self) -> str:
        """Return REDIS_URL, or start Valkey or attach to it and count as a user of it."""
        if given := os.environ.get("REDIS_URL"):
            return given
        self._count_as_user()
        return self.valkey.ensure()

    def stop(self, *, even_if_used: bool = False) -> bool:
        """Stop both servers; False, with nothing stopped, when another process uses them."""
        if not self.folder.exists():
            return True
        lock = self._count_as_user()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not even_if_used:
                return False
        self.valkey.stop()
        self.postgres.stop()
        os.close(_user_locks.pop(self._users))
        return True

    def destroy(self) -> None:
        """Stop both servers and remove what they have stored."""
        self.valkey.destroy()
        self.postgres.destroy()

    def _count_as_user(self) -> int:
        lock = _user_locks.get(self._users)
        if lock is None:
            lock = _user_locks[self._users] = open_lock_file(self._users)
            # Waits while another process is stopping the servers.
            fcntl.flock(lock, fcntl.LOCK_SH)
        return lock


# Open for as long as this process lives; the kernel does the counting.
_user_locks: dict[Path, int] = {}
