"""Governed calls beside their peers, in one run, on one machine, against one fake provider.

    python bench/gateway.py [calls] [most in flight]

It starts all it needs: a fake provider, Postgres and Valkey of their own (durable, as in a run),
an account with a key, a guardrail for personal data on input and output, and the gateway under
granian with one worker. Peers: the provider called directly; LiteLLM's Router as a library in a
process of its own, which has no server, no key, no guardrail and no ledger; LiteLLM's proxy, bare,
where COCKPIT_BENCH_LITELLM names the `litellm` command of an environment that has `litellm[proxy]`;
and Portkey's gateway, a bare pass-through, where COCKPIT_BENCH_PORTKEY names the folder in which
`npm install @portkey-ai/gateway` was run. A peer that is not there is named and left out.

Then calls come at a fixed rate below saturation, up to 16 at once, directly and through the
gateway: what the gateway adds to a call while it has time. Figures go to standard output as two
Markdown tables.

The Portkey of November 2026 answers every stream with 500 if npm takes the newest
`@hono/node-server`, which hands it headers that cannot be written. The one that it was made with
works: `"overrides": {"@hono/node-server": "1.13.8"}` in the folder's package.json.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".data" / "bench"
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(DATA),
    COCKPIT_LOG_LEVEL="WARNING",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)
for name in ("COCKPIT_DEMO", "COCKPIT_TESTING"):
    os.environ.pop(name, None)

import httpx  # noqa: E402
import psutil  # noqa: E402

from bench.load import Figures, Load, chat_body, run, run_at  # noqa: E402
from bench.peer_servers import Peer, peer_servers  # noqa: E402

UPSTREAM_PORT, GATEWAY_PORT = 9871, 9872
# Micro-credits; a call takes some 20,000, and a soak makes a hundred thousand of them.
CREDITS = 1_000_000_000_000
WARM_UP = 30
# A peer that hangs with many in flight is left out there.
PEER_SECONDS = 180
# Calls a second below what one worker answers on two cores, by what is called.
RATES = {"plain": (50, 100, 200), "stream of 22 chunks": (50, 100)}
RATE_SECONDS = 10


async def main(calls: int, most_in_flight: int) -> None:
    """Measure and print."""
    with provider(), servers(), peer_servers(UPSTREAM_PORT) as peers:
        # Django refuses its database to a coroutine.
        key = await asyncio.to_thread(set_up)
        with gateway_process() as gateway:
            await until_ready()
            rows = [
                row
                for is_stream in (False, True)
                for in_flight in (1, 16, 64)
                if in_flight <= most_in_flight
                for row in await _compare(
                    key, gateway, peers, is_stream=is_stream, calls=calls, in_flight=in_flight
                )
            ]
            added = [
                row
                for kind, rates in RATES.items()
                for rate in rates
                for row in await _at_rate(key, gateway, kind, rate)
            ]
            memory = memory_megabytes(gateway)
    print("| call | in flight | path | calls/s | p50 ms | p99 ms | CPU ms a call |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    print("\n| call | calls/s offered | path | p50 ms | p99 ms | CPU ms a call |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(added))
    print(f"\n{calls} calls each; {os.cpu_count()} cores; gateway {memory:.0f} MB.")


async def _compare(
    key: str,
    gateway: psutil.Process,
    peers: Sequence[Peer],
    *,
    is_stream: bool,
    calls: int,
    in_flight: int,
) -> list[str]:
    body = chat_body("ok", is_stream=is_stream)
    path = "/v1/chat/completions"

    def load(port: int, count: int) -> Load:
        return Load("127.0.0.1", port, path, body, key, count, in_flight)

    for port in (UPSTREAM_PORT, GATEWAY_PORT):
        await run(load(port, WARM_UP))
    direct = await run(load(UPSTREAM_PORT, calls))
    router, router_cpu = _router(is_stream=is_stream, calls=calls, in_flight=in_flight)
    before = _cpu_seconds(gateway)
    governed = await run(load(GATEWAY_PORT, calls))
    governed_cpu = _cpu_seconds(gateway) - before
    kind = "stream of 22 chunks" if is_stream else "plain"
    others = []
    for peer in peers:
        asked = replace(load(peer.port, calls), headers=peer.headers, token=peer.token)
        try:
            async with asyncio.timeout(PEER_SECONDS):
                await run(replace(asked, calls=WARM_UP))
                began = _cpu_seconds(peer.process)
                figures = await run(asked)
        except (RuntimeError, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            sys.stderr.write(f"{peer.title} does not answer and is left out: {error!r}\n")
            continue
        others.append(
            _row(kind, in_flight, peer.title, figures, (_cpu_seconds(peer.process) - began) / calls)
        )
    return [
        _row(kind, in_flight, "direct", direct, None),
        _row(kind, in_flight, "LiteLLM Router, no server", router, router_cpu / calls),
        *others,
        _row(kind, in_flight, "Cockpit, governed", governed, governed_cpu / calls),
    ]


async def _at_rate(key: str, gateway: psutil.Process, kind: str, rate: int) -> list[str]:
    """Return what a call takes at a rate, directly and governed."""
    rows = []
    body = chat_body("ok", is_stream=kind != "plain")
    for path, port in (("direct", UPSTREAM_PORT), ("Cockpit, governed", GATEWAY_PORT)):
        load = Load("127.0.0.1", port, "/v1/chat/completions", body, key, WARM_UP, 16)
        await run_at(load, rate)
        before = _cpu_seconds(gateway)
        figures = await run_at(replace(load, calls=rate * RATE_SECONDS), rate)
        cpu = (_cpu_seconds(gateway) - before) / (rate * RATE_SECONDS)
        spent = f"{cpu * 1000:.1f}" if port == GATEWAY_PORT else "–"
        p50, p99 = figures.percentile(0.5), figures.percentile(0.99)
        rows.append(f"| {kind} | {rate} | {path} | {p50:.1f} | {p99:.1f} | {spent} |")
    return rows


def _row(kind: str, in_flight: int, path: str, figures: Figures, cpu: float | None) -> str:
    cells = (
        kind,
        str(in_flight),
        path,
        f"{figures.rate:.0f}",
        f"{figures.percentile(0.5):.1f}",
        f"{figures.percentile(0.99):.1f}",
        "–" if cpu is None else f"{cpu * 1000:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _router(*, is_stream: bool, calls: int, in_flight: int) -> tuple[Figures, float]:
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "bench" / "router_peer.py"),
            f"http://127.0.0.1:{UPSTREAM_PORT}/v1",
            "stream" if is_stream else "plain",
            str(calls),
            str(in_flight),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return Figures(found["seconds"], found["latencies"]), found["cpu_seconds"]


@contextmanager
def provider(*, chunk_seconds: float = 0) -> Iterator[None]:
    """Run the fake provider."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.upstream", str(UPSTREAM_PORT), str(chunk_seconds)],
        cwd=ROOT,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def servers() -> Iterator[None]:
    """Run Postgres and Valkey of the bench's own."""
    from cockpit.embedded.servers import Servers

    servers = Servers(DATA, "run")
    # The servers of a run of one's own are left alone.
    for variable in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(variable, None)
    try:
        yield
    finally:
        servers.destroy()
        shutil.rmtree(DATA, ignore_errors=True)


def set_up() -> str:
    """Migrate, make an account with a guardrail, and return a key with plenty of credits."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate_all", verbosity=0)
    from core.guardrails.services import bind_guardrail, create_guardrail
    from core.tenancy.context import in_account
    from tenants.models import Account
    from tests import world
    from tests.cast import TESTS
    from tests.core.gateway.stage import set_stage

    world.build()
    acme = Account.objects.get(slug="acme")
    api_base = f"http://127.0.0.1:{UPSTREAM_PORT}/v1"
    stage = set_stage(acme, api_base=api_base, names=("ok",), credits=CREDITS)
    with in_account(acme):
        guardrail = create_guardrail(name="Personal data", preset="pii", actor=TESTS)
        bind_guardrail(
            product="console",
            guardrail=guardrail,
            action="mask",
            stages=("input", "output"),
            actor=TESTS,
        )
    connections.close_all()
    return stage.key


@contextmanager
def gateway_process() -> Iterator[psutil.Process]:
    """Run the gateway with one worker."""
    command = [
        sys.executable, "-m", "granian", "--host", "127.0.0.1", "--workers", "1",
        "--interface", "asgi", "--port", str(GATEWAY_PORT), "--no-log",
        "cockpit.asgi_gateway:app",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


async def until_ready() -> None:
    """Wait until the gateway takes calls."""
    until = time.monotonic() + 120
    async with httpx.AsyncClient() as client:
        while time.monotonic() < until:
            try:
                if (await client.get(f"http://127.0.0.1:{GATEWAY_PORT}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
    raise SystemExit("The gateway does not become ready.")


def _cpu_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def memory_megabytes(process: psutil.Process) -> float:
    """Return what a process and its children hold in memory."""
    family = (process, *process.children(recursive=True))
    return float(sum(each.memory_info().rss for each in family) / 1024 / 1024)


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    asyncio.run(main(*[*numbers, *(400, 64)[len(numbers) :]]))
