"""How soon a revocation is felt by three gateway processes under load.

    python bench/revocation.py [rounds]

Each round archives a member, blocks an LLM for them, revokes their key and suspends the account,
one after the other, and takes it back. Meanwhile each process is asked over and over with the key
that is about to be refused, beside other calls. What is measured is the time from the moment when
the change is committed until each process refuses; calls that it lets in after that are counted.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from bench import gateway as bench


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


PORTS = tuple(_free_port() for _ in range(3))
# Another bench may run beside this one.
bench.UPSTREAM_PORT = _free_port()
# Calls in flight on each process beside the one that waits to be refused.
BESIDE = 2
PATIENCE_SECONDS = 30.0
WARM_SECONDS = 0.5
AFTERWARDS = 3
CREDITS = 1_000_000_000
ASKED = {"model": "ok", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}


class Victim:
    """A member whose access is taken and given back. Django is set up by now."""

    def __init__(self) -> None:
        from core.credits.models import Book
        from core.credits.services import allocating
        from core.hierarchy.product import product_named
        from core.hierarchy.services.members import invite_member
        from core.identity.models import User
        from core.kit.ids import uuid7
        from core.tenancy.context import in_account
        from tenants.models import Account
        from tests.cast import ORGANIZATION, TEAM, TESTS

        self.actor = TESTS
        self.account = Account.objects.get(slug="acme")
        self.product = product_named("console")
        self.token = ""
        with in_account(self.account):
            team = self.product.team._default_manager.get(name=TEAM)
            above = self.product.organization._default_manager.get(name=ORGANIZATION)
            book = Book.objects.get(product="console")
            allocating.grant_credits(
                book=book, amount=3 * CREDITS, actor=TESTS, idempotency_key=str(uuid7())
            )
            # The victim has nothing of their own, so that nothing is lost with the seat.
            for wallet in (above.wallet, team.wallet):
                allocating.allocate_credits(
                    wallet=wallet, amount=2 * CREDITS, actor=TESTS, idempotency_key=str(uuid7())
                )
            self.member = invite_member(
                product=self.product,
                email="victim@acme.example",
                organization=above,
                team=team,
                actor=TESTS,
            ).member
            User.objects.filter(email="victim@acme.example").update(is_active=True)
            self.new_key()

    def acts(self) -> list[tuple[str, Callable[[], None], Callable[[], None]]]:
        """Return what is measured: its name, how it is done, and how it is taken back."""
        return [
            ("archiving the member", self.archive, self.restore),
            ("blocking the LLM", self.block, self.unblock),
            ("revoking the key", self.revoke, self.new_key),
            ("suspending the account", self.suspend, self.unsuspend),
        ]

    def archive(self) -> None:
        from core.hierarchy.services.members import archive_member

        with self._inside():
            archive_member(product=self.product, member=self._seat(), actor=self.actor)

    def restore(self) -> None:
        from core.hierarchy.services.members import restore_member

        with self._inside():
            restore_member(product=self.product, member=self._seat(), actor=self.actor)

    def block(self) -> None:
        from core.access.models import LlmActivation

        with self._inside():
            llms = frozenset(LlmActivation.objects.values_list("llm_id", flat=True))
        self._say(llms)

    def unblock(self) -> None:
        self._say(frozenset())

    def revoke(self) -> None:
        from console.services.keys import revoke_key

        with self._inside():
            revoke_key(key=self.key, actor=self.actor)

    def new_key(self) -> None:
        from console.models import Membership
        from console.services.keys import create_key

        with self._inside():
            place = Membership.objects.get(member=self.member.pk, is_primary=True)
            made = create_key(
                account=self.account, membership=place, name="Victim", actor=self.actor
            )
        self.token, self.key = made.token, made.key

    def suspend(self) -> None:
        from core.tenancy.context import in_public
        from tenants.services.accounts import suspend_account

        with in_public():
            suspend_account(account=self.account, reason="Bench", actor=self.actor)

    def unsuspend(self) -> None:
        from core.tenancy.context import in_public
        from tenants.services.accounts import restore_account

        with in_public():
            restore_account(account=self.account, actor=self.actor)

    def _say(self, blocked: frozenset[object]) -> None:
        from core.access.rules.llms import LlmPolicy
        from core.access.rules.paths import PathNode
        from core.access.services import set_llm_policy

        with self._inside():
            set_llm_policy(
                product="console",
                node=PathNode("member", self.member.pk, "Victim"),
                policy=LlmPolicy(block=blocked),  # type: ignore[arg-type]
                names={},
                actor=self.actor,
            )

    def _inside(self):  # type: ignore[no-untyped-def]  # noqa: ANN202  imported only later
        from core.tenancy.context import in_account

        return in_account(self.account)

    def _seat(self):  # type: ignore[no-untyped-def]  # noqa: ANN202  imported only later
        return self.product.member._default_manager.get(pk=self.member.pk)


async def main(rounds: int) -> None:
    """Measure and print."""
    with bench.provider(), bench.servers():
        key = await asyncio.to_thread(bench.set_up)
        victim = await _alone(Victim)
        async with _gateways(), httpx.AsyncClient(timeout=60) as client:
            stop = asyncio.Event()
            beside = [
                asyncio.create_task(_load(client, port, key, stop))
                for port in PORTS
                for _ in range(BESIDE)
            ]
            print("| revoked by | p50 ms | p99 ms | let in afterwards |")
            print("| --- | --- | --- | --- |")
            for name, revoke, restore in victim.acts():
                taken, late = await _measure(client, victim, revoke, restore, rounds)
                ordered = sorted(taken)
                p50, p99 = ordered[len(ordered) // 2], ordered[int((len(ordered) - 1) * 0.99)]
                print(f"| {name} | {p50 * 1000:.0f} | {p99 * 1000:.0f} | {late} |", flush=True)
            stop.set()
            calls = sum(await asyncio.gather(*beside))
    print(f"\n{rounds} rounds, three processes, {calls} calls beside; {os.cpu_count()} cores.")


async def _measure(
    client: httpx.AsyncClient,
    victim: Victim,
    revoke: Callable[[], None],
    restore: Callable[[], None],
    rounds: int,
) -> tuple[list[float], int]:
    taken: list[float] = []
    late = 0
    for _ in range(rounds):
        await asyncio.gather(*(_let_in(client, port, victim.token) for port in PORTS))
        waits = [asyncio.create_task(_first_refusal(client, port, victim.token)) for port in PORTS]
        await asyncio.sleep(WARM_SECONDS)
        await _alone(revoke)
        committed = time.perf_counter()
        for refused, let_in in await asyncio.gather(*waits):
            taken.append(max(refused - committed, 0.0))
            late += let_in
        await _alone(restore)
    return taken, late


async def _first_refusal(client: httpx.AsyncClient, port: int, token: str) -> tuple[float, int]:
    """Return when a process refuses, and how many calls it lets in after that."""
    until = time.perf_counter() + PATIENCE_SECONDS
    while not await _is_refused(client, port, token):
        if time.perf_counter() > until:
            raise SystemExit("A process never refuses.")
    refused = time.perf_counter()
    after = [await _is_refused(client, port, token) for _ in range(AFTERWARDS)]
    return refused, after.count(False)


async def _let_in(client: httpx.AsyncClient, port: int, token: str) -> None:
    until = time.perf_counter() + PATIENCE_SECONDS
    while await _is_refused(client, port, token):
        if time.perf_counter() > until:
            raise SystemExit("A process does not let anybody in again.")
        await asyncio.sleep(0.1)


async def _is_refused(client: httpx.AsyncClient, port: int, token: str) -> bool:
    answer = await _ask(client, port, token)
    if answer.status_code not in {200, 401, 403}:
        raise SystemExit(f"Neither let in nor refused: {answer.status_code} {answer.text}")
    return answer.status_code != 200


async def _load(client: httpx.AsyncClient, port: int, token: str, stop: asyncio.Event) -> int:
    calls = 0
    while not stop.is_set():
        answer = await _ask(client, port, token)
        calls += answer.status_code == 200
    return calls


async def _ask(client: httpx.AsyncClient, port: int, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    return await client.post(url, json=ASKED, headers=headers)


async def _alone(work: Callable[[], object]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Run database work in a thread, and give its connections back."""

    def inside() -> object:
        from django.db import connections

        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(inside)


@asynccontextmanager
async def _gateways() -> AsyncIterator[None]:
    processes = [
        subprocess.Popen(  # noqa: ASYNC220  it returns at once
            [
                sys.executable,
                "-m",
                "granian",
                "--host",
                "127.0.0.1",
                "--workers",
                "1",
                "--interface",
                "asgi",
                "--port",
                str(port),
                "--no-log",
                "cockpit.asgi_gateway:app",
            ],
            cwd=bench.ROOT,
        )
        for port in PORTS
    ]
    try:
        until = time.monotonic() + 240
        async with httpx.AsyncClient() as client:
            for port in PORTS:
                while not await _is_ready(client, port):
                    if time.monotonic() > until:
                        raise SystemExit("A gateway does not become ready.")
                    await asyncio.sleep(0.2)
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
