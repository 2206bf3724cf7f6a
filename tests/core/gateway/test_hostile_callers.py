"""Callers who mean harm: bodies that break, calls that take away what another call holds."""

import asyncio
from ipaddress import ip_address

import orjson
import pytest
from django.db import OperationalError

from core.gateway import media, strangers as strangers_of
from core.gateway.errors import TooManyUnknownKeys
from core.gateway.gateway import Gateway
from core.gateway.inflight import Bodies
from core.gateway.strangers import Strangers
from tests.core.gateway.client import GatewayClient, chat_body
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

DEEP = '{"a":' * 600 + "1" + "}" * 600


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/chat/completions",
            '{"model": "ok", "messages": [{"role": "user", "content": "Hi"}],'
            ' "tools": [{"type": "function", "function": {"name": "f", "parameters": DEEP}}]}',
        ),
        (
            "/v1/chat/completions",
            '{"model": "ok", "messages": [{"role": "user", "content": "Hi"}],'
            ' "response_format": {"type": "json_schema", "json_schema":'
            ' {"name": "f", "schema": DEEP}}}',
        ),
        (
            "/v1/messages",
            '{"model": "ok", "max_tokens": 5, "messages": [{"role": "assistant", "content":'
            ' [{"type": "tool_use", "id": "1", "name": "f", "input": DEEP}]}]}',
        ),
        (
            "/v1/responses",
            '{"model": "ok", "input": "Hi", "tools": '
            '[{"type": "function", "name": "f", "parameters": DEEP}]}',
        ),
    ],
)
async def test_object_without_a_bottom_is_a_bad_request(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    path: str,
    body: str,
) -> None:
    directory.bind("mask", "input")

    answer = await client.post(path, raw=body.replace("DEEP", DEEP).encode())

    assert answer.status == 400
    assert not upstream.seen


async def test_deep_arguments_are_looked_at_as_one_text(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    arguments = '{"a":' * 600 + '"mia@acme.example"' + "}" * 600
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "Go on"}]

    answer = await client.post("/v1/chat/completions", {"model": "ok", "messages": messages})

    assert answer.status == 200
    assert "mia@acme.example" not in str(upstream.seen[0].body)


async def test_stranger_s_large_body_is_not_even_read(client: GatewayClient) -> None:
    raw = orjson.dumps(chat_body("word " * 100_000, "ok", {}))
    size = {"content-length": str(len(raw))}

    exchange = client.open("/v1/chat/completions", raw=raw, token="ck_acme_nobody-at-all-here-x",
                           headers=size)  # fmt: skip
    answer = await exchange.done()

    assert answer.status == 401
    # What it has sent still waits to be read.
    assert exchange.unread == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_bodies_on_their_way_in_hold_a_bounded_share_of_memory(
    client: GatewayClient, gateway: Gateway, upstream: FakeUpstream, path: str
) -> None:
    gateway.bodies = Bodies(100_000)
    body = {**chat_body("word " * 12_000, "ok", {}), "max_tokens": 5}
    raw = orjson.dumps(body)
    slow = client.open(path, raw=raw, more=True)
    for _ in range(100):
        await asyncio.sleep(0)
    assert gateway.bodies.held == len(raw)

    refused = await client.open(path, raw=raw).done()

    assert refused.status == 503
    assert refused.error["code"] == "overloaded"
    assert int(refused.headers["retry-after"]) > 0
    assert ("type" in refused.body) is (path == "/v1/messages")
    slow.hang_up()
    await slow.done()
    assert gateway.bodies.held == 0
    assert (await client.open(path, raw=raw).done()).status == 200
    assert (await client.open(path, raw=raw + b"}").done()).status == 400
    assert gateway.bodies.held == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_who_tries_keys_is_soon_not_even_looked_up(
    client: GatewayClient, directory: FakeDirectory, upstream: FakeUpstream, path: str
) -> None:
    body = {**chat_body("Hello", "ok", {}), "max_tokens": 5}
    assert (await client.post(path, body)).status == 200
    directory.reads.clear()

    tried = [client.open(path, body, token=f"ck_acme_guess-{n:04d}") for n in range(200)]
    answers = [await exchange.done() for exchange in tried]

    assert {answer.status for answer in answers} == {401, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.error["code"] == "too_many_unknown_keys"
    assert refused.headers["retry-after"] == "1"
    assert ("type" in refused.body) is (path == "/v1/messages")
    assert directory.reads.count("key") < 80
    # Known callers are served, and so is everybody elsewhere.
    assert (await client.post(path, body)).status == 200
    elsewhere = await client.post(path, body, token="ck_acme_guess-xxxx", address="192.0.2.7")
    assert elsewhere.status == 401


async def test_address_has_a_bounded_share_of_memory_and_gets_its_tries_back() -> None:
    at = [0.0]
    strangers = Strangers(clock=lambda: at[0])
    for n in range(strangers_of.MOST_ADDRESSES + 10):
        strangers.missed(str(ip_address(2**32 - 1 - n)))
    assert len(strangers._tried) == strangers_of.MOST_ADDRESSES
    for n in range(strangers_of.MOST_AT_ONCE):
        strangers.check("2001:db8::1")
        strangers.missed(f"2001:db8::{n + 2:x}")
    with pytest.raises(TooManyUnknownKeys):
        strangers.check("2001:db8::1")
    strangers.check("2001:db8:0:1::1")
    at[0] += 1.0
    strangers.check("2001:db8::1")


async def test_who_hangs_up_takes_nothing_from_the_call_under_the_same_key(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    upstream.chunk_seconds = 0.05
    headers = {"idempotency-key": "once"}
    running = client.stream("Hello", headers=headers)
    await running.until("word02")
    [held] = ledger.holds

    ledger.reserve_seconds = 0.2
    other = client.stream("Hello", headers=headers)
    await asyncio.sleep(0.1)
    other.hang_up()
    await other.done()
    await asyncio.sleep(0.2)

    assert list(ledger.holds) == [held]
    await running.done()
    [event] = ledger.charges
    assert event.outcome == "ok"


@pytest.mark.parametrize("failures", [1, 4])
async def test_call_whose_question_got_lost_takes_no_other_s_hold_for_its_own(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, failures: int
) -> None:
    upstream.chunk_seconds = 0.2
    headers = {"idempotency-key": "once"}
    running = client.stream("Hello", headers=headers)
    await running.until("word01")
    [held] = ledger.holds

    ledger.failures_before = failures
    other = await client.stream("Hello", headers=headers).done()

    assert other.status == (409 if failures == 1 else 503)
    assert list(ledger.holds) == [held]
    assert len(upstream.seen) == 1
    await running.done()
    assert len(ledger.charges) == 1


def _wave(*, codec: int = 1, samples: int = 8_000, bits: int = 8, says: int = 8_000) -> bytes:
    fields = (codec, 2), (1, 2), (samples, 4), (says, 4), (1, 2), (bits, 2)
    head = b"".join(value.to_bytes(size, "little") for value, size in fields)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + head + b"data\0\0\0\0" + b"\x80" * 800_000


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [
        (_wave(), 101),
        # What the header says of bytes a second, no player reads.
        (_wave(says=2**32 - 1), 101),
        (_wave(samples=2**32 - 1), 801),
        (_wave(codec=0x55, says=2**32 - 1), 801),
        (b"RIFF\0\0\0\0WAVEfmt ", 1),
    ],
)
async def test_sound_is_as_long_as_it_plays(sound: bytes, seconds: int) -> None:
    assert media.seconds_of(sound) == seconds


async def test_postgres_that_restarts_is_no_fault_of_ours(
    client: GatewayClient, directory: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(token: str) -> None:
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(directory.__class__, "principal_for_key", lambda _, token: away(token))

    answer = await client.chat("Hello")

    assert answer.status == 503
    assert answer.error["code"] == "ledger_unavailable"
