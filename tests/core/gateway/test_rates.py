"""Requests and tokens by the minute: the script and its stand-in, several processes, the client."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from uuid import UUID

import pytest
import pytest_asyncio
from django.conf import settings as django_settings
from redis.asyncio import Redis

from core.gateway.gateway import Gateway
from core.gateway.limits import KeyLimits
from core.gateway.rates import RateLimiter, Taken, Window
from core.kit.addresses import client_address
from core.kit.ids import uuid7
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

KEY = UUID(int=77)


def limit(directory: FakeDirectory, **limits: object) -> None:
    """Give Mia's key limits."""
    mia = directory.tokens[MIA]
    directory.tokens[MIA] = replace(
        mia,
        key_id=KEY,
        limits=KeyLimits(**limits),  # type: ignore[arg-type]
    )


# -- the window ------------------------------------------------------------------------------------

Take = Callable[[int, int, int], Awaitable[Taken]]


@pytest_asyncio.fixture(params=["valkey", "alone"])
async def take(request: pytest.FixtureRequest) -> AsyncIterator[Take]:
    """Take tokens out of a window of so many requests and tokens a minute."""
    key_id = uuid7()
    url = django_settings.REDIS_URL if request.param == "valkey" else ""
    limiter = RateLimiter(redis_url=url, answer_seconds=30)

    async def once(tokens: int, requests_a_minute: int, tokens_a_minute: int) -> Taken:
        limits = KeyLimits(requests_per_minute=requests_a_minute, tokens_per_minute=tokens_a_minute)
        rate = await limiter.take(key_id, limits, tokens=tokens)
        assert rate.is_shared is (request.param == "valkey")
        return rate.taken

    yield once
    await limiter.close()


async def test_requests_fit_up_to_the_limit_and_not_one_more(take: Take) -> None:
    taken = [await take(0, 3, 100) for _ in range(5)]

    assert [each.is_taken for each in taken] == [True, True, True, False, False]
    assert [each.requests for each in taken] == [1, 2, 3, 3, 3]
    assert 1 <= taken[-1].wait <= 61
    assert 1 <= taken[-1].reset <= 61


async def test_tokens_fit_up_to_the_limit(take: Take) -> None:
    taken = [await take(tokens, 100, 50) for tokens in (30, 30, 20)]

    assert [each.is_taken for each in taken] == [True, False, True]
    assert taken[-1].tokens == 50
    # What was refused took no request either.
    assert taken[-1].requests == 2


async def test_what_alone_is_over_the_limit_never_fits(take: Take) -> None:
    assert (await take(51, 100, 50)).wait == -1


async def test_no_process_lets_through_what_another_has_taken() -> None:
    key_id, limits = uuid7(), KeyLimits(requests_per_minute=10)
    processes = [
        RateLimiter(redis_url=django_settings.REDIS_URL, answer_seconds=30) for _ in range(3)
    ]

    rates = await asyncio.gather(
        *(process.take(key_id, limits, tokens=0) for process in processes for _ in range(20))
    )

    assert sum(rate.taken.is_taken for rate in rates) == 10
    assert sorted(rate.taken.requests for rate in rates if rate.taken.is_taken) == [*range(1, 11)]
    await asyncio.gather(*(process.close() for process in processes))


async def test_counters_last_no_longer_than_the_window() -> None:
    key_id = uuid7()
    limiter = RateLimiter(redis_url=django_settings.REDIS_URL, answer_seconds=30)
    await limiter.take(key_id, KeyLimits(requests_per_minute=1), tokens=0)

    async with Redis.from_url(django_settings.REDIS_URL) as valkey:
        left = await valkey.ttl(f"cockpit:rate:{{{key_id}}}")

    assert 55 <= left <= 62
    await limiter.close()


async def test_a_minute_later_there_is_room_again() -> None:
    clock = [1000.9]
    window = Window(lambda: clock[0])
    window.take(KEY, (1, 0), (1, -1))

    clock[0] = 1060.8
    refused = window.take(KEY, (1, 0), (1, -1))
    clock[0] = 1061.0
    passed = window.take(KEY, (1, 0), (1, -1))

    assert (refused.is_taken, refused.wait) == (False, 1)
    assert passed.is_taken


async def test_without_valkey_a_process_keeps_to_its_share() -> None:
    limits = KeyLimits(requests_per_minute=10, tokens_per_minute=100)
    # Nobody listens there.
    limiter = RateLimiter(redis_url="redis://127.0.0.1:1/0", processes=3)

    rates = [await limiter.take(KEY, limits, tokens=1) for _ in range(5)]

    assert [rate.taken.is_taken for rate in rates] == [True, True, True, False, False]
    assert rates[0].headers()["x-ratelimit-limit-requests"] == "3"
    await limiter.close()


async def test_with_valkey_back_the_counters_are_shared_again() -> None:
    limits = KeyLimits(requests_per_minute=5)
    limiter = RateLimiter(redis_url="redis://127.0.0.1:1/0")
    alone = await limiter.take(KEY, limits, tokens=0)
    limiter._scripts, limiter._away_until = None, 0.0
    limiter.redis_url = django_settings.REDIS_URL

    shared = await limiter.take(uuid7(), limits, tokens=0)

    assert (alone.is_shared, shared.is_shared) == (False, True)
    await limiter.close()


@pytest.mark.parametrize("url", [True, False])
async def test_what_a_call_did_not_use_is_given_back(*, url: bool) -> None:
    limiter = RateLimiter(redis_url=django_settings.REDIS_URL if url else "", answer_seconds=30)
    key_id, limits = uuid7(), KeyLimits(tokens_per_minute=100)
    rate = await limiter.take(key_id, limits, tokens=90)

    limiter.correct(rate, 15)
    await asyncio.sleep(0.2)
    after = await limiter.take(key_id, limits, tokens=85)

    assert after.taken.is_taken
    assert after.taken.tokens == 100
    await limiter.close()


# -- over the gateway ------------------------------------------------------------------------------


async def test_a_key_at_its_rate_hears_when_to_come_back(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    limit(directory, requests_per_minute=2)

    answers = [await client.chat("Hello") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert "x-ratelimit-limit-tokens" not in answers[0].headers
    refused = answers[2]
    assert refused.error["code"] == "rate_limit_exceeded"
    assert refused.error["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-reset-requests"].endswith("s")
    assert refused.headers["x-request-id"]
    assert len(upstream.seen) == 2
    assert not ledger.holds


async def test_streams_carry_the_headers_too(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    limit(directory, tokens_per_minute=5_000)

    answer = await client.stream("Hello").done()

    assert answer.headers["x-ratelimit-limit-tokens"] == "5000"
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) < 5_000


async def test_tokens_are_counted_as_used_once_the_call_has_ended(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    limit(directory, tokens_per_minute=1_000)
    first = await client.chat("Hello", max_tokens=900)
    await asyncio.sleep(0.05)
    used = json.loads(first.raw)["usage"]["total_tokens"]

    second = await client.chat("Hello", max_tokens=900)

    assert second.status == 200
    assert used < 100
    left = int(second.headers["x-ratelimit-remaining-tokens"])
    # By our own count, a little less than the provider's.
    assert 0 < 1_000 - used - 900 - left < 20


async def test_a_call_over_the_limit_is_not_to_be_repeated(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    limit(directory, tokens_per_minute=100)

    answer = await client.chat("Hello", max_tokens=500)

    assert (answer.status, answer.error["code"]) == (429, "over_tokens_per_minute")
    assert answer.headers["x-should-retry"] == "false"


async def test_a_key_calls_the_llms_it_names(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    limit(directory, llms=frozenset({"ok"}))

    answers = [await client.chat("Hello", model=name) for name in ("ok", "demo-chat")]
    listed = await client.get("/v1/models")

    assert [answer.status for answer in answers] == [200, 403]
    assert answers[1].error["code"] == "model_not_allowed"
    assert "This key may not call demo-chat" in answers[1].error["message"]
    assert [llm["id"] for llm in listed.body["data"]] == ["ok"]


async def test_an_empty_list_admits_no_llm(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    limit(directory, llms=frozenset())

    assert (await client.chat("Hello")).status == 403


async def test_a_key_is_used_from_its_addresses(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    limit(directory, networks=(ip_network("203.0.113.0/24"),))
    directory.tokens["ck_acme_from-this-machine"] = replace(
        directory.tokens[MIA], limits=KeyLimits(networks=(ip_network("127.0.0.0/8"),))
    )

    answer = await client.chat("Hello")
    listed = await client.get("/v1/models")
    other = await client.chat("Hello", token="ck_acme_from-this-machine")

    assert (answer.status, answer.error["code"]) == (403, "address_not_allowed")
    assert listed.status == 403
    assert other.status == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "198.51.100.2", "10.1.1.1"),
        (1, "198.51.100.2", "198.51.100.2"),
        # What a client claims stands before what our proxy saw.
        (1, "127.0.0.1, 198.51.100.2", "198.51.100.2"),
        (2, "127.0.0.1, 198.51.100.2, 10.2.2.2", "198.51.100.2"),
        (2, "198.51.100.2", "198.51.100.2"),
        (1, "", "10.1.1.1"),
    ],
)
async def test_proxies_are_believed_as_far_as_they_are_ours(
    proxies: int, forwarded: str, found: str
) -> None:
    assert client_address("10.1.1.1", forwarded, proxies=proxies) == found


async def test_addresses_are_compared_as_what_they_are() -> None:
    limits = KeyLimits(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))

    assert limits.has_address("192.0.2.200")
    assert limits.has_address("::ffff:192.0.2.7")
    assert limits.has_address("2001:db8::7")
    for other in ("192.0.3.1", "2001:db9::1", "", "junk"):
        assert not limits.has_address(other)
