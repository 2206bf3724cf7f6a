"""Rights that move while the gateway runs: caches, running streams, the ledger's word."""

import asyncio

import pytest

from core.gateway.gateway import Gateway
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio


async def test_caller_and_account_are_read_once(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    for _ in range(3):
        await client.chat("Hello")

    assert directory.reads == ["key", "snapshot"]


async def test_those_who_ask_at_once_share_one_read(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    await asyncio.gather(*(client.chat("Hello") for _ in range(20)))

    assert directory.reads == ["key", "snapshot"]


async def test_push_makes_a_revoked_key_unknown(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    await client.chat("Hello")
    directory.revoke(MIA)

    gateway.snapshots.moved(directory.account.schema_name, directory.version)

    assert (await client.chat("Hello")).status == 401


async def test_older_push_changes_nothing(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    directory.version = 5
    await client.chat("Hello")

    gateway.snapshots.moved(directory.account.schema_name, 4)
    await client.chat("Hello")

    assert directory.reads == ["key", "snapshot"]


async def test_ledger_that_knows_a_newer_policy_makes_the_gateway_look_again(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    await client.chat("Hello")
    directory.version = ledger.policy_version = 2

    answer = await client.chat("Hello")

    assert answer.status == 200
    assert directory.reads == ["key", "snapshot", "key", "snapshot"]


async def test_ledger_that_knows_of_a_revocation_keeps_the_call_from_running(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    await client.chat("Hello")
    directory.revoke(MIA)
    ledger.policy_version = directory.version

    answer = await client.chat("Hello")

    assert answer.status == 401
    assert len(upstream.seen) == 1
    assert not ledger.holds


async def test_running_stream_of_a_revoked_key_is_cut_and_charged(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    upstream.chunk_seconds = 0.1
    exchange = client.stream("Hello")
    await exchange.until("word02")
    directory.revoke(MIA)

    gateway.snapshots.moved(directory.account.schema_name, directory.version)
    answer = await exchange.done(seconds=1.0)

    assert answer.events[-1]["error"]["code"] == "invalid_api_key"
    assert "word10" not in answer.text
    [event] = ledger.charges
    assert (event.outcome, event.error_code) == ("blocked", "invalid_api_key")
    assert event.output_tokens > 0
    assert not ledger.holds


async def test_stream_that_waits_for_its_first_token_is_cut_too(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    directory.add_llm("hangs", api_base=upstream.url)
    exchange = client.stream("Hello", model="hangs")
    while not upstream.seen:  # noqa: ASYNC110  it has no event
        await asyncio.sleep(0.01)
    directory.is_suspended = True

    gateway.snapshots.moved(directory.account.schema_name, 2)
    answer = await exchange.done(seconds=1.0)

    assert (answer.status, answer.error["code"]) == (403, "account_suspended")
    assert ledger.charged > 0


async def test_running_stream_goes_on_when_rights_still_allow_it(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.02
    exchange = client.stream("Hello")
    await exchange.until("word02")
    directory.version = 9

    gateway.snapshots.moved(directory.account.schema_name, 9)

    assert (await exchange.done()).events[-1] == "[DONE]"


async def test_stream_whose_token_has_run_out_meanwhile_goes_on(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    from dataclasses import replace
    from datetime import timedelta

    from core.kit.clock import now

    upstream.chunk_seconds = 0.05
    soon = now() + timedelta(seconds=0.3)
    directory.tokens["eyJ.mia.token"] = replace(directory.tokens[MIA], expires_at=soon)
    exchange = client.stream("Hello", token="eyJ.mia.token")
    await exchange.until("word06")
    directory.version = 2

    gateway.snapshots.moved(directory.account.schema_name, 2)

    assert (await exchange.done()).events[-1] == "[DONE]"
    assert (await client.chat("Hello", token="eyJ.mia.token")).status == 401


async def test_wrong_key_is_not_looked_up_each_time(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    for _ in range(5):
        assert (await client.chat("Hello", token="ck_acme_somebody-else-entirely")).status == 401

    assert directory.reads == ["key"]
