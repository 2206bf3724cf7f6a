"""Processor time of other processes, which depends less than a rate on what else a machine does."""

import os
from contextlib import suppress
from pathlib import Path


def postgres_seconds(server: int) -> float:
    """Return what a server's processes have taken, those that have ended included.

    0 where there is no /proc.
    """
    try:
        own = _stat(server)
        spent = sum(own[11:15]) / os.sysconf("SC_CLK_TCK")
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and _stat(int(entry.name))[1] == server:
                    spent += int((entry / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0
    return spent


def _stat(process: int) -> list[int]:
    """Return what /proc says from the state on: 1 is the parent, 11 to 14 are times in ticks."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [int(word) if word.lstrip("-").isdigit() else 0 for word in words]
