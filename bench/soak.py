"""Streams for a long time, some of whose clients leave: nothing lost, nothing left, memory flat.

    python bench/soak.py [seconds] [in flight]

Starts what bench/gateway.py starts. A third of the clients hang up at a random moment. At the end:
no open reservation, no broken invariant of the ledger, as many usage events as calls admitted, no
call refused (else by which code), and the gateway's memory at each tenth of the time.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from bench import gateway as bench
from bench.load import Load, chat_body

# One stream of the fake is over in milliseconds; a real one takes seconds.
CHUNK_SECONDS = 0.05
SHARE_THAT_LEAVES = 1 / 3


@dataclass(slots=True)
class Tally:
    """What the clients have seen."""

    answered: int = 0
    left: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    megabytes: list[int] = field(default_factory=list)


async def main(seconds: float, in_flight: int) -> bool:
    """Run, print and return whether all of it held."""
    with bench.provider(chunk_seconds=CHUNK_SECONDS), bench.servers():
        key = await asyncio.to_thread(bench.set_up)
        with bench.gateway_process() as process:
            await bench.until_ready()
            tally = Tally()
            until = time.monotonic() + seconds
            watcher = asyncio.create_task(_watch(tally, process, seconds / 10))
            await asyncio.gather(*(_client(tally, key, until) for _ in range(in_flight)))
            watcher.cancel()
            # The last to leave have just left.
            await asyncio.sleep(10)
            found = await asyncio.to_thread(_look)
    calls = tally.answered + tally.left
    refused = dict(tally.refused)
    print(json.dumps({"calls": calls, "left": tally.left, "refused": refused, **found,
                      "megabytes": tally.megabytes}, indent=1))  # fmt: skip
    is_whole = found["events"] == calls and not refused
    return is_whole and not found["open"] and not found["broken"]


async def _client(tally: Tally, key: str, until: float) -> None:
    chance = random.Random()  # noqa: S311  no secret
    load = Load("127.0.0.1", bench.GATEWAY_PORT, "/v1/chat/completions",
                chat_body("ok", is_stream=True), key, 0, 0)  # fmt: skip
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection(load.host, load.port)
        writer.write(load.request())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            tally.refused[await _why(head, reader)] += 1
        elif chance.random() < SHARE_THAT_LEAVES:
            await asyncio.sleep(chance.uniform(0, 22 * CHUNK_SECONDS))
            tally.left += 1
        else:
            await _to_the_end(reader)
            tally.answered += 1
        writer.transport.abort()


async def _why(head: bytes, reader: asyncio.StreamReader) -> str:
    """Return the status and the code of a refusal."""
    status = head.split(b" ", 2)[1].decode()
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
    body = await reader.readexactly(int(length or 0))
    return f"{status} {json.loads(body)['error']['code']}" if body else status


async def _to_the_end(reader: asyncio.StreamReader) -> None:
    while size := int((await reader.readline()).strip() or b"0", 16):
        await reader.readexactly(size + 2)


async def _watch(tally: Tally, process: psutil.Process, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        tally.megabytes.append(round(bench.memory_megabytes(process)))


def _look() -> dict[str, int]:
    from django.db import connections

    from core.credits.invariants import broken_invariants
    from core.credits.models import Reservation, UsageEvent
    from core.tenancy.context import in_account
    from tenants.models import Account

    with in_account(Account.objects.get(slug="acme")):
        found = {
            "events": UsageEvent.objects.filter(llm="ok").count(),
            "open": Reservation.objects.filter(state="open").count(),
            "broken": len(list(broken_invariants())),
        }
    connections.close_all()
    return found


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        numbers = [float(each) for each in sys.argv[1:]]
        span, streams = [*numbers, *(600.0, 256.0)[len(numbers) :]]
        sys.exit(0 if asyncio.run(main(span, int(streams))) else 1)
