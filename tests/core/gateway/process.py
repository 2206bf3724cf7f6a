"""The gateway as it is run: granian in a process of its own, on the test's database."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent.parent
START_SECONDS = 600


class GatewayProcess:
    """One gateway. `kill()` is what the out-of-memory killer does."""

    def __init__(
        self, port: int, *, served_by: str = "granian", drain_seconds: int = 0, **environment: str
    ) -> None:
        self.port = port
        self._served_by = served_by
        self._environment = {"COCKPIT_DRAIN_SECONDS": str(drain_seconds), **environment}
        self.url = f"http://127.0.0.1:{port}"
        self._log = Path(os.environ["COCKPIT_DATA"]) / f"gateway-{port}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [
            sys.executable, "-m", self._served_by, "--host", "127.0.0.1", "--workers", "1",
            "--interface", "asgi", "--port", str(self.port), "cockpit.asgi_gateway:app",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  it returns at once
                command,
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient() as client:
            while not await self._is_ready(client):
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < until, self.log()
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """End it without a chance to do anything, granian and its worker."""
        self._signal_all(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end, and wait until it has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=300)

    def ask_to_stop(self) -> None:
        """Ask it to end, and go on at once."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=300)

    def log(self) -> str:
        """Return what it has written."""
        return self._log.read_text()

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def _signal_all(self, number: int) -> None:
        assert self._process is not None
        # Its session is its own, so the group is granian and its workers and nothing else.
        os.killpg(self._process.pid, number)
        self._process.wait(timeout=120)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[GatewayProcess]:
    """Yield a gateway that is ready."""
    process = GatewayProcess(free_port(), **options)
    await process.start()
    try:
        yield process
    finally:
        if process._process is not None and process._process.poll() is None:
            process.kill()
