"""A lean client for HTTP/1.1 on kept connections, so that its own cost hardly shows."""

import asyncio
import json
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, how often, and how many at once."""

    host: str
    port: int
    path: str
    body: bytes
    token: str
    calls: int
    in_flight: int
    headers: tuple[tuple[str, str], ...] = ()

    def request(self) -> bytes:
        """Return the bytes of one request."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n"
            f"authorization: Bearer {self.token}\r\ncontent-type: application/json\r\n"
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        end = f"content-length: {len(self.body)}\r\n\r\n"
        return (head + more + end).encode() + self.body


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a load; times in seconds."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency that `share` of the calls do not exceed, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def chat_body(model: str, *, is_stream: bool) -> bytes:
    """Return the request that every peer gets."""
    content = "Explain in two sentences how a ledger keeps credits from being spent twice."
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 100,
    }
    if is_stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body).encode()


async def run(load: Load) -> Figures:
    """Send a load and measure it.

    Raises:
        RuntimeError: a call was not answered with 200, or a stream without its end.
    """
    left = load.calls
    latencies: list[float] = []

    async def work() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(load.host, load.port)
        while left > 0:
            left -= 1
            start = time.perf_counter()
            writer.write(load.request())
            await _read_answer(reader)
            latencies.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(load.in_flight)))
    return Figures(time.perf_counter() - start, latencies)


async def run_at(load: Load, rate: float) -> Figures:
    """Send a load at a rate, whether or not the answers keep up, and measure it.

    A latency counts from when the call was due: one that waits for a free connection waits.

    Raises:
        RuntimeError: as `run`.
    """
    latencies: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(load.in_flight):
        free.put_nowait(await asyncio.open_connection(load.host, load.port))

    async def one(due: float) -> None:
        reader, writer = await free.get()
        writer.write(load.request())
        await _read_answer(reader)
        latencies.append(time.perf_counter() - due)
        free.put_nowait((reader, writer))

    start = time.perf_counter()
    calls = []
    for number in range(load.calls):
        due = start + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        calls.append(asyncio.create_task(one(due)))
    await asyncio.gather(*calls)
    seconds = time.perf_counter() - start
    while not free.empty():
        free.get_nowait()[1].close()
    return Figures(seconds, latencies)


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        if b"[DONE]" not in body:
            raise RuntimeError(f"a stream without its end: {body[-300:]!r}")
    if not head.startswith("HTTP/1.1 200"):
        raise RuntimeError(f"{head.splitlines()[0]}: {body[:300]!r}")
