"""Servers that other processes start."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cockpit.embedded.host import PROJECT_ROOT


@dataclass(frozen=True)
class FirstStart:
    """Four processes that asked for Postgres at the same time, on a machine that had none."""

    folder: Path
    answers: list[str]
    exit_codes: list[int]


_START = {
    "postgres": "from cockpit.embedded.postgres import THROWAWAY_SETTINGS, Postgres;"
    "server = Postgres(Path(sys.argv[1]), settings=THROWAWAY_SETTINGS)",
    "valkey": "from cockpit.embedded.redis import Valkey; server = Valkey(Path(sys.argv[1]))",
}


def start_in_child(
    server: str, folder: Path, *arguments: str, first: str = "", then: str = ""
) -> subprocess.Popen[str]:
    """Start a server in another process, which prints its URL."""
    code = f"import sys; from pathlib import Path; {_START[server]}; {first}"
    return subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint(server.ensure(), flush=True)\n{then}",
         str(folder), *arguments],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
