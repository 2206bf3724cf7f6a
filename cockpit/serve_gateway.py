"""Serves the gateway so that it leaves quietly: first not ready, then no more.

`python -m cockpit.serve_gateway` runs granian with the arguments that it is given. Asked to stop
(SIGTERM, SIGINT), it first says "not ready" for `COCKPIT_DRAIN_SECONDS`, in which load balancers
send new calls elsewhere while everything is still answered; then granian stops taking connections,
running calls end, and what they cost is settled.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from core.gateway.leaving import VARIABLE

MOST_SECONDS = 300
# A worker that is told to stop while it still starts does not hear it (granian's own handlers are
# not there yet), and would stay for ever. Running streams and settlements need less.
KILL_SECONDS = 60
_KILL = "GRANIAN_WORKERS_KILL_TIMEOUT"


def main() -> int:
    """Run granian until it is told to stop; return its exit code."""
    with tempfile.TemporaryDirectory(prefix="cockpit-gateway-") as folder:
        mark = Path(folder) / "leaving"
        command = [sys.executable, "-m", "granian", *sys.argv[1:]]
        server = subprocess.Popen(
            command, env={_KILL: str(KILL_SECONDS), **os.environ, VARIABLE: str(mark)}
        )
        leaving = threading.Event()

        def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  Python passes it
            # The second time somebody means it.
            if leaving.is_set():
                server.send_signal(signal.SIGTERM)
                return
            leaving.set()
            mark.touch()
            threading.Thread(target=_stop_later, args=(server,), daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, leave)
        return server.wait()


def _stop_later(server: "subprocess.Popen[bytes]") -> None:
    seconds = float(os.environ.get("COCKPIT_DRAIN_SECONDS", "0") or 0)
    threading.Event().wait(min(max(seconds, 0.0), MOST_SECONDS))
    server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
