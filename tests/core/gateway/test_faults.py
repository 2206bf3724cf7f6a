"""What a provider may do to a call, and what is charged for it: never nothing for something."""

import asyncio
from collections.abc import Callable

import pytest

from core.gateway.gateway import Gateway
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("lane", ["fast", "litellm"])]


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("error-400", 400, "upstream_rejected"),
        ("error-401", 502, "upstream_misconfigured"),
        ("error-404", 502, "upstream_misconfigured"),
        ("error-429", 429, "upstream_rate_limited"),
        ("error-500", 502, "upstream_failed"),
        ("error-503", 502, "upstream_failed"),
        ("reset-first", 502, "upstream_failed"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
async def test_provider_that_fails_before_the_first_token_costs_nothing(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    model: str,
    status: int,
    code: str,
    is_stream: bool,
) -> None:
    directory.add_llm(model, api_base=upstream.url)

    answer = await client.chat("Hello", model=model, stream=is_stream)

    assert answer.status == status
    assert answer.error["code"] == code
    [event] = ledger.charges
    assert (event.outcome, event.error_code, event.status_code) == ("error", code, status)
    assert ledger.charged == 0
    assert not ledger.holds


async def test_rate_limit_says_when_to_come_back(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.add_llm("error-429", api_base=upstream.url)

    answer = await client.chat("Hello", model="error-429")

    assert answer.headers["retry-after"] == "7"
    # Once, and not again behind the caller's back.
    assert len(upstream.seen) == 1


async def test_credential_and_address_never_reach_the_caller(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.add_llm("secret-error", api_base=upstream.url)

    answer = await client.chat("Hello", model="secret-error")

    assert answer.status == 400
    assert b"canary" not in answer.raw
    assert b"127.0.0.1" not in answer.raw


@pytest.mark.parametrize("model", ["reset-middle", "malformed"])
async def test_stream_that_breaks_is_charged_for_what_came(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    model: str,
) -> None:
    directory.add_llm(model, api_base=upstream.url)

    answer = await client.stream("Hello", model=model).done()

    assert answer.status == 200
    assert answer.text == "word00 word01 word02 word03 "
    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert event.input_tokens > 0
    # Four words of about three tokens.
    assert 4 <= event.output_tokens <= 20
    assert ledger.charged > 0
    assert not ledger.holds


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("model", ["no-usage", "zero-usage", "absurd-usage"])
async def test_usage_that_is_missing_or_cannot_be_true_is_counted_by_us(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    model: str,
    is_stream: bool,
) -> None:
    directory.add_llm(model, api_base=upstream.url)

    await client.chat("Hello", model=model, stream=is_stream)

    [event] = ledger.charges
    assert event.outcome == "ok"
    assert event.is_estimated
    assert 5 <= event.input_tokens <= 15
    assert 20 <= event.output_tokens <= 100


async def test_provider_that_lies_about_its_model_changes_no_price(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.add_llm("lies", api_base=upstream.url)

    answer = await client.chat("Hello", model="lies")

    assert answer.body["model"] == "lies"
    [event] = ledger.charges
    assert event.upstream_model == "gpt-9-ultra"
    assert ledger.charged == 19_800


async def test_stream_without_an_end_is_not_passed_off_as_whole(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.add_llm("cut", api_base=upstream.url)

    answer = await client.stream("Hello", model="cut").done()

    assert answer.text == "".join(upstream.words)
    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert event.output_tokens >= 20
    assert ledger.charged > 0


async def test_empty_stream_costs_its_input(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.add_llm("empty", api_base=upstream.url)

    answer = await client.stream("Hello", model="empty").done()

    assert answer.events[-1] == "[DONE]"
    assert ledger.charged > 0


async def test_client_that_leaves_a_stream_pays_for_input_and_what_came(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.05
    exchange = client.stream("Hello")
    await exchange.until("word03")

    exchange.hang_up()
    await exchange.done()
    await _until_settled(gateway)

    [event] = ledger.charges
    assert (event.outcome, event.status_code) == ("client_gone", 499)
    assert event.input_tokens > 0
    assert 4 <= event.output_tokens <= 24
    assert event.is_estimated
    assert ledger.charged > 0
    assert not ledger.holds


async def test_client_that_leaves_before_the_first_token_pays_for_its_input(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    directory.add_llm("hangs", api_base=upstream.url)
    exchange = client.stream("Hello", model="hangs")
    await _until(lambda: bool(upstream.seen))

    exchange.hang_up()
    await _until_settled(gateway)

    [event] = ledger.charges
    assert (event.outcome, event.output_tokens) == ("client_gone", 0)
    assert ledger.charged > 0


async def test_client_that_leaves_a_plain_call_pays_for_its_input(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    directory.add_llm("hangs", api_base=upstream.url)
    exchange = client.open(
        "/v1/chat/completions",
        {"model": "hangs", "messages": [{"role": "user", "content": "Hello"}]},
    )
    await _until(lambda: bool(upstream.seen))

    exchange.hang_up()
    await _until_settled(gateway)

    assert [event.outcome for event in ledger.charges] == ["client_gone"]
    assert ledger.charged > 0


async def test_request_that_the_server_cancels_is_settled(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.05
    exchange = client.stream("Hello")
    await exchange.until("word02")

    exchange.task.cancel()
    await _until_settled(gateway)

    assert [event.outcome for event in ledger.charges] == ["client_gone"]
    assert not ledger.holds


async def test_gateway_that_stops_settles_what_runs(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.1
    exchange = client.stream("Hello")
    await exchange.until("word01")

    await gateway.stop()
    answer = await exchange.done()

    assert answer.events[-1]["error"]["code"] == "gateway_stopping"
    assert [event.outcome for event in ledger.charges] == ["error"]
    assert ledger.charged > 0
    assert (await client.chat("Hello")).error["code"] == "overloaded"


async def test_call_that_takes_too_long_ends(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    directory.add_llm("hangs", api_base=upstream.url)
    object.__setattr__(gateway.settings, "call_seconds", 0.3)

    answer = await client.chat("Hello", model="hangs")

    assert answer.status == 504
    assert [event.outcome for event in ledger.charges] == ["timeout"]
    assert ledger.charged == 0


async def test_settlement_is_repeated_until_the_ledger_answers(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.01
    exchange = client.stream("Hello")
    await exchange.until("word05")
    ledger.failures_before = 3

    answer = await exchange.done()

    assert answer.events[-1] == "[DONE]"
    assert ledger.charged == 19_800


async def test_settlement_whose_answer_was_lost_is_charged_once(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    upstream.chunk_seconds = 0.01
    exchange = client.stream("Hello")
    await exchange.until("word05")
    ledger.failures_after = 1

    await exchange.done()

    assert ledger.charged == 19_800
    assert ledger.free == 1_000_000_000 - 19_800


async def test_answer_does_not_wait_for_ever_for_its_settlement(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    object.__setattr__(gateway.settings, "settle_wait_seconds", 0.05)
    ledger.settle_seconds = 0.5

    answer = await client.chat("Hello")

    assert answer.status == 200
    assert "x-cockpit-credits-charged" not in answer.headers
    await gateway.stop()
    assert ledger.charged == 19_800


async def test_reservation_whose_answer_was_lost_is_ours(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    ledger.failures_after = 1

    answer = await client.chat("Hello")

    assert answer.status == 200
    assert len(ledger.events) == 1
    assert not ledger.holds


async def test_without_the_ledger_nothing_runs(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    ledger.failures_before = 4

    answer = await client.chat("Hello")

    assert (answer.status, answer.error["code"]) == (503, "ledger_unavailable")
    assert not upstream.seen


async def test_long_call_renews_its_hold_and_reports_its_cost(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, gateway: Gateway
) -> None:
    upstream.chunk_seconds = 0.05
    object.__setattr__(gateway.settings, "heartbeat_seconds", 0.1)
    exchange = client.stream("Hello")
    await exchange.until("word06")

    await gateway._settler.beat(list(gateway._calls))

    await exchange.done()
    [beat] = ledger.beats
    assert beat.reported_microcredits > 0


async def test_hundreds_of_streams_need_no_threads(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    upstream.chunk_seconds = 0.02

    exchanges = [client.stream("Hello") for _ in range(100)]
    answers = [await exchange.done(seconds=60) for exchange in exchanges]

    assert {answer.text for answer in answers} == {"".join(upstream.words)}
    assert ledger.charged == 100 * 19_800
    assert not ledger.holds


async def _until_settled(gateway: Gateway) -> None:
    await _until(lambda: gateway.calls == 0)
    await gateway._settler.drain(5)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.01)
