"""Other gateways as servers, for bench/gateway.py: LiteLLM's proxy and Portkey's gateway, bare.

Each is started only where the environment says where it is; see there.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

LITELLM_PORT, PORTKEY_PORT = 9873, 9874
START_SECONDS = 120

_CONFIG = """\
model_list:
  - model_name: ok
    litellm_params:
      model: openai/ok
      api_base: {api_base}
      api_key: none
litellm_settings:
  num_retries: 0
general_settings:
  master_key: sk-bench
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that takes the same calls."""

    title: str
    port: int
    process: psutil.Process
    token: str
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def peer_servers(upstream_port: int) -> Iterator[list[Peer]]:
    """Start what is there, and say what is not."""
    api_base = f"http://127.0.0.1:{upstream_port}/v1"
    with ExitStack() as stack:
        found = []
        if command := os.environ.get("COCKPIT_BENCH_LITELLM"):
            found.append(stack.enter_context(_litellm(command, api_base)))
        else:
            _missing("LiteLLM's proxy", "COCKPIT_BENCH_LITELLM")
        if folder := os.environ.get("COCKPIT_BENCH_PORTKEY"):
            found.append(stack.enter_context(_portkey(Path(folder), api_base)))
        else:
            _missing("Portkey's gateway", "COCKPIT_BENCH_PORTKEY")
        yield found


@contextmanager
def _litellm(command: str, api_base: str) -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(_CONFIG.format(api_base=api_base))
        started = [command, "--config", str(config), "--port", str(LITELLM_PORT),
                   "--host", "127.0.0.1", "--num_workers", "1"]  # fmt: skip
        environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
        # It must not find the bench's own database.
        environment.pop("DATABASE_URL", None)
        with _running(started, environment) as process:
            _until(f"http://127.0.0.1:{LITELLM_PORT}/health/liveliness")
            yield Peer("LiteLLM proxy, bare", LITELLM_PORT, process, "sk-bench")


@contextmanager
def _portkey(folder: Path, api_base: str) -> Iterator[Peer]:
    server = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    started = ["node", str(server), "--headless", f"--port={PORTKEY_PORT}"]
    with _running(
        started, {**os.environ, "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    ) as process:
        _until(f"http://127.0.0.1:{PORTKEY_PORT}/")
        headers = (("x-portkey-provider", "openai"), ("x-portkey-custom-host", api_base))
        yield Peer("Portkey gateway, ungoverned", PORTKEY_PORT, process, "none", headers)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _until(url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=2).status_code < 500:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise SystemExit(f"{url} does not answer.")


def _missing(title: str, variable: str) -> None:
    sys.stderr.write(f"{title} is left out: {variable} is not set.\n")
