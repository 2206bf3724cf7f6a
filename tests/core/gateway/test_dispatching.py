"""Several places behind one name: who is asked, in which order, and who is charged for."""

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from core.gateway.dispatching import Dispatcher, Health
from core.gateway.errors import UpstreamFailed, UpstreamLimited
from core.gateway.ports import Deployment, Llm
from core.gateway.wire import Reply
from core.kit.problems import Problem
from core.tenancy.context import AccountRef
from tests.core.gateway.client import Answer, GatewayClient
from tests.fakes.directory import PRICE, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

both_lanes = pytest.mark.parametrize("lane", ["fast", "litellm"])
plain_and_stream = pytest.mark.parametrize("is_stream", [False, True])


def spread(
    directory: FakeDirectory, upstream: FakeUpstream, *places: str | Deployment, **more: Any
) -> Llm:
    """Let the LLM `spread` run at several places; a word is how the fake behaves there."""
    llm = directory.add_llm("spread", api_base=upstream.url)
    first, *rest = [
        place
        if isinstance(place, Deployment)
        else replace(llm.deployment, upstream_model=place, order=index, id=uuid4())
        for index, place in enumerate(places)
    ]
    made = replace(llm, deployment=first, alternatives=tuple(rest), **more)
    directory.llms[directory.product]["spread"] = made
    return made


@both_lanes
@plain_and_stream
@pytest.mark.parametrize("broken", ["error-500", "error-429", "error-401", "reset-first"])
async def test_call_is_answered_by_the_next_place_and_charged_once(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    broken: str,
    is_stream: bool,
) -> None:
    spread(directory, upstream, broken, "ok")

    answer = await client.chat("Hello", model="spread", stream=is_stream)

    assert answer.status == 200
    assert answer.text == "".join(upstream.words)
    [event] = ledger.charges
    assert (event.outcome, event.deployment, event.upstream_model) == ("ok", "openai/ok", "ok")
    # 11 tokens in and 22 out, at 2 and 8 dollars a million and 100 credits a dollar.
    assert ledger.charged == 19_800
    assert not ledger.holds


@both_lanes
@plain_and_stream
async def test_when_all_fail_the_last_says_why_and_nothing_is_charged(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    spread(directory, upstream, "error-500", "error-503", "error-429")

    answer = await client.chat("Hello", model="spread", stream=is_stream)

    assert (answer.status, answer.error["code"]) == (429, "upstream_rate_limited")
    assert [seen.body["model"] for seen in upstream.seen] == ["error-500", "error-503", "error-429"]
    assert ledger.charged == 0
    [event] = ledger.charges
    assert event.outcome == "error"


@both_lanes
@plain_and_stream
async def test_slow_place_gives_way_after_its_own_time(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    llm = spread(directory, upstream, "hangs", "ok")
    slow = replace(llm.deployment, timeout_seconds=0.2)
    directory.llms["console"]["spread"] = replace(llm, deployment=slow)

    answer = await client.chat("Hello", model="spread", stream=is_stream)

    assert answer.text == "".join(upstream.words)
    assert ledger.charged == 19_800


@both_lanes
async def test_request_that_is_wrong_itself_is_not_sent_elsewhere(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    spread(directory, upstream, "error-400", "ok")

    answer = await client.chat("Hello", model="spread")

    assert (answer.status, len(upstream.seen)) == (400, 1)


@both_lanes
async def test_stream_that_breaks_after_its_first_word_is_not_started_again(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    spread(directory, upstream, "reset-middle", "ok")

    answer = await client.stream("Hello", model="spread").done()

    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    assert len(upstream.seen) == 1
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert ledger.charged > 0


@both_lanes
async def test_place_that_breaks_in_the_middle_is_asked_last_from_then_on(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    spread(directory, upstream, "reset-middle", "ok")
    broken = await client.stream("Hello", model="spread").done()
    assert broken.events[-1]["error"]["code"] == "upstream_failed"

    answer = await client.stream("Hello", model="spread").done()

    assert answer.text == "".join(upstream.words)
    assert [seen.body["model"] for seen in upstream.seen] == ["reset-middle", "ok"]


@both_lanes
async def test_retries_go_round_again_without_a_long_wait(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    spread(directory, upstream, "error-500", retries=2)

    answer = await client.chat("Hello", model="spread")

    assert answer.status == 502
    assert len(upstream.seen) == 3


@both_lanes
async def test_fallback_is_charged_at_its_own_price(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    spread(directory, upstream, "error-500", fallbacks=("dear",))
    dear = replace(PRICE, output=Decimal(80), version="own-3")
    directory.add_llm("dear", api_base=upstream.url, price=dear)

    answer = await client.chat("Hello", model="spread", max_tokens=100)

    assert answer.body["model"] == "spread"
    assert answer.headers["x-cockpit-answered-by"] == "dear"
    # 11 at 2 and 22 at 80 dollars a million.
    assert ledger.charged == 178_200
    [event] = ledger.charges
    assert event.deployment == "openai/dear"
    assert (event.llm, event.price_version) == ("dear", "own-3")


@both_lanes
async def test_what_is_held_covers_the_dearest_that_may_answer(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    spread(directory, upstream, "ok", fallbacks=("dear",))
    directory.add_llm("dear", api_base=upstream.url, price=replace(PRICE, output=Decimal(80)))
    ledger.free = 400_000

    answer = await client.chat("Hello", model="spread", max_tokens=100)

    # A hundred tokens of the fallback would cost 800,000.
    assert (answer.status, answer.error["code"]) == (402, "insufficient_credits")


@both_lanes
async def test_fallback_that_the_caller_may_not_use_stays_out(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    spread(directory, upstream, "error-500", fallbacks=("unpriced", "gone"))
    directory.add_llm("unpriced", api_base=upstream.url, price=None)

    answer = await client.chat("Hello", model="spread")

    assert answer.status == 502
    assert [seen.body["model"] for seen in upstream.seen] == ["error-500"]


# -- under load ------------------------------------------------------------------------------------

CALLS, IN_FLIGHT = 64, 16


async def load(client: GatewayClient, *, is_stream: bool) -> list[Answer]:
    """Make many calls, some of them at once."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> Answer:
        async with places:
            return await client.chat("Hello", model="spread", stream=is_stream)

    return list(await asyncio.gather(*(one() for _ in range(CALLS))))


@both_lanes
@plain_and_stream
@pytest.mark.parametrize("broken", ["error-500", "error-429", "reset-first", "wrong-key"])
async def test_no_call_is_lost_while_one_of_equals_answers(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    broken: str,
    is_stream: bool,
) -> None:
    llm = spread(directory, upstream, broken, "ok")
    equals = [replace(each, order=1) for each in llm.targets]
    directory.llms["console"]["spread"] = replace(
        llm, deployment=equals[0], alternatives=(equals[1],)
    )

    answers = await load(client, is_stream=is_stream)

    assert {(each.status, each.text) for each in answers} == {(200, "".join(upstream.words))}
    assert ledger.charged == CALLS * 19_800
    assert (len(ledger.charges), ledger.holds) == (CALLS, {})
    asked = Counter(seen.body["model"] for seen in upstream.seen)
    # Those that were on their way when it first failed, and hardly one after that.
    assert (asked["ok"], asked[broken] <= 2 * IN_FLIGHT) == (CALLS, True)


@both_lanes
@plain_and_stream
async def test_slow_place_delays_but_loses_nothing(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    llm = spread(directory, upstream, "hangs", "ok")
    slow = replace(llm.deployment, timeout_seconds=0.3)
    directory.llms["console"]["spread"] = replace(llm, deployment=slow)

    answers = await load(client, is_stream=is_stream)

    assert {(each.status, each.text) for each in answers} == {(200, "".join(upstream.words))}
    assert ledger.charged == CALLS * 19_800
    assert not ledger.holds
    asked = Counter(seen.body["model"] for seen in upstream.seen)
    assert asked["hangs"] <= 2 * IN_FLIGHT


@both_lanes
@plain_and_stream
async def test_when_all_fail_under_load_nothing_is_charged_or_held(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    spread(directory, upstream, "error-500", "error-503")

    answers = await load(client, is_stream=is_stream)

    assert {each.status for each in answers} == {502}
    assert (len(ledger.charges), ledger.charged, ledger.holds) == (CALLS, 0, {})


@both_lanes
@plain_and_stream
async def test_fallback_answers_all_that_the_llm_itself_cannot(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    spread(directory, upstream, "error-500", fallbacks=("ok",))

    answers = await load(client, is_stream=is_stream)

    assert {each.status for each in answers} == {200}
    assert {each.headers["x-cockpit-answered-by"] for each in answers} == {"ok"}
    assert ledger.charged == CALLS * 19_800


# -- order, weights and cooling down, without a gateway --------------------------------------------


ACCOUNT = AccountRef(uuid4(), "acme", "account_acme")


class Places:
    """Fails where it is told to and remembers who was asked."""

    def __init__(self, *broken: str) -> None:
        self.broken: dict[str, Problem] = {name: UpstreamFailed() for name in broken}
        self.asked: list[str] = []

    async def answer(self, _account: Any, llm: Llm, _params: Any, *, seconds: float) -> Reply:
        assert seconds
        name = llm.deployment.upstream_model
        self.asked.append(name)
        if name in self.broken:
            raise self.broken[name]
        return Reply({}, None, name)


def an_llm(*places: Deployment) -> Llm:
    llm = FakeDirectory().add_llm("it")
    return replace(llm, deployment=places[0], alternatives=places[1:])


async def ask(dispatcher: Dispatcher, llm: Llm) -> str:
    reply = await dispatcher.answer(ACCOUNT, [llm], lambda _: {}, seconds=5, on_try=lambda _: None)
    return reply.upstream_model


async def test_weights_share_the_calls_among_equals() -> None:
    llm = an_llm(
        Deployment("openai", "three", weight=3),
        Deployment("openai", "one", weight=1),
        Deployment("openai", "later", order=2),
    )
    dispatcher = Dispatcher(Places())  # type: ignore[arg-type]  # only what is called

    answered = Counter([await ask(dispatcher, llm) for _ in range(4_000)])

    # Six standard deviations each way.
    assert 2_830 < answered["three"] < 3_170
    assert answered["three"] + answered["one"] == 4_000


async def test_place_that_fails_is_asked_last_until_it_has_cooled_down() -> None:
    at = [100.0]
    places = Places("first")
    health = Health(clock=lambda: at[0])
    dispatcher = Dispatcher(places, health)  # type: ignore[arg-type]  # only what is called
    llm = an_llm(Deployment("openai", "first"), Deployment("openai", "second", order=2))

    assert await ask(dispatcher, llm) == "second"
    assert await ask(dispatcher, llm) == "second"
    assert places.asked == ["first", "second", "second"]

    at[0] += 3
    places.broken.clear()
    assert await ask(dispatcher, llm) == "first"


async def test_all_that_cool_down_are_asked_all_the_same() -> None:
    places = Places("first", "second")
    places.broken["first"] = UpstreamLimited(retry_after_seconds=50)
    dispatcher = Dispatcher(places)  # type: ignore[arg-type]  # only what is called
    llm = an_llm(Deployment("openai", "first"), Deployment("openai", "second", order=2))
    with pytest.raises(UpstreamFailed):
        await ask(dispatcher, llm)

    places.broken.clear()

    assert await ask(dispatcher, llm) == "second"
    assert await ask(dispatcher, an_llm(Deployment("openai", "first"))) == "first"


async def test_one_account_s_trouble_is_not_another_s() -> None:
    health = Health()
    key = (ACCOUNT.id, Deployment("openai", "first"))
    health.failed(key, UpstreamFailed())

    assert health.cools_until(key) > 0
    assert health.cools_until((uuid4(), key[1])) == 0
