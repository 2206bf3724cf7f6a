"""Who may not call, and what they are told. Nothing is charged for a refusal."""

import pytest

from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer ck_acme_nobody-knows-this-one"},
        {"authorization": "Bearer eyJ.not.a-token"},
        {"authorization": "Bearer with spaces in it"},
    ],
)
async def test_without_a_known_key_nobody_calls(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, headers: dict[str, str]
) -> None:
    answer = await client.chat("Hello", token=None, headers=headers)

    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
    assert answer.error["type"] == "authentication_error"
    assert not upstream.seen
    assert not ledger.prints
    assert (await client.get("/v1/models", token=None, headers=headers)).status == 401


async def test_unknown_llm_is_not_found(client: GatewayClient, ledger: FakeLedger) -> None:
    answer = await client.chat("Hello", model="gpt-17")

    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert answer.error["param"] == "model"
    assert not ledger.prints


async def test_name_must_match_exactly(client: GatewayClient, upstream: FakeUpstream) -> None:
    for name in ("OK", "ok ", "o", "openai/ok"):
        assert (await client.chat("Hello", model=name)).status in {400, 404}
    assert not upstream.seen


async def test_llm_of_the_other_product_says_who_can_change_that(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    directory.add_llm("only-copilot", product="copilot")

    answer = await client.chat("Hello", model="only-copilot")

    assert (answer.status, answer.error["code"]) == (403, "model_not_allowed")
    assert answer.error["details"]["who_can_help"] == ["account admin"]


async def test_llm_without_a_price_is_refused(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    directory.add_llm("unpriced", price=None)

    answer = await client.chat("Hello", model="unpriced")

    assert (answer.status, answer.error["code"]) == (403, "price_unknown")


async def test_llm_of_another_kind_names_its_path(client: GatewayClient) -> None:
    answer = await client.chat("Hello", model="demo-image")

    assert answer.status == 400
    assert "/v1/images/generations" in answer.error["message"]


async def test_suspended_account_is_refused(
    client: GatewayClient, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.is_suspended = True

    answer = await client.chat("Hello", model="demo-chat")

    assert (answer.status, answer.error["code"]) == (403, "account_suspended")
    assert (await client.get("/v1/models")).error["code"] == "account_suspended"
    assert not ledger.prints


async def test_account_that_is_suspended_a_moment_ago_is_refused_by_the_ledger(
    client: GatewayClient, ledger: FakeLedger
) -> None:
    ledger.is_suspended = True

    answer = await client.chat("Hello", model="demo-chat")

    assert answer.error["code"] == "account_suspended"


async def test_empty_wallet_is_named_together_with_who_can_help(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    ledger.free = 1_500

    answer = await client.chat("Hello", max_tokens=100)

    assert (answer.status, answer.error["code"]) == (402, "insufficient_credits")
    assert answer.error["details"] == {
        "asked": "0.08225",
        "available": "0.0015",
        "wallet": str(directory.tokens[MIA].wallet_id),
        "wallet_label": "the wallet of Mia",
        "wallet_kind": "membership",
        "who_can_help": ["Theo (team admin)", "Ada (account admin)"],
    }
    assert "Theo (team admin)" in answer.error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert not upstream.seen
    assert ledger.free == 1_500


async def test_call_without_a_limit_shrinks_to_what_is_left(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    # 300 output tokens at 8 US dollars a million and 100 credits a dollar, and the input.
    ledger.free = 300 * 800 + 10 * 220

    answer = await client.chat("Hello")

    assert answer.status == 200
    assert 256 <= upstream.seen[0].body["max_tokens"] <= 310


async def test_limit_of_the_caller_is_never_shrunk(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    ledger.free = 300 * 800

    answer = await client.chat("Hello", max_tokens=1000)

    assert answer.status == 402
    assert not upstream.seen


async def test_limit_above_the_llms_own_is_cut(
    client: GatewayClient, upstream: FakeUpstream
) -> None:
    await client.chat("Hello", max_completion_tokens=999_999)

    assert upstream.seen[0].body["max_tokens"] == 4000


async def test_exactly_the_affordable_calls_run(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    upstream.chunk_seconds = 0.02
    exchanges = [client.stream("Hello", max_tokens=100) for _ in range(30)]
    # Room for ten: 8 input tokens with their margin, and 100 output tokens.
    ledger.free = 10 * (9 * 250 + 100 * 800)

    answers = [await exchange.done(seconds=30) for exchange in exchanges]

    assert sorted(answer.status for answer in answers) == [200] * 10 + [402] * 20
    assert len(upstream.seen) == 10


async def test_same_idempotency_key_is_charged_once(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    headers = {"Idempotency-Key": "order-17"}

    first = await client.chat("Hello", headers=headers)
    second = await client.chat("Hello", headers=headers)
    other = await client.chat("Something else", headers=headers)

    assert first.status == 200
    assert (second.status, second.error["code"]) == (409, "idempotency_replay")
    assert second.error["details"] == {"state": "ended"}
    assert second.headers["x-should-retry"] == "false"
    assert (other.status, other.error["code"]) == (422, "idempotency_mismatch")
    assert ledger.charged == 19_800
    assert len(upstream.seen) == 1


async def test_idempotency_key_of_a_free_failure_stays_good(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.add_llm("error-500", api_base=upstream.url)
    headers = {"Idempotency-Key": "order-17"}

    first = await client.chat("Hello", model="error-500", headers=headers)
    second = await client.chat("Hello", model="error-500", headers=headers)

    assert (first.status, second.status) == (502, 502)
    assert len(upstream.seen) == 2
    # Both failures stand on the pages, under ids of their own.
    assert [event.outcome for event in ledger.charges] == ["error", "error"]
    assert ledger.charged == 0


async def test_idempotency_key_belongs_to_its_caller(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.add_caller("ck_acme_theo-and-some-more-letters")
    headers = {"Idempotency-Key": "order-17"}

    first = await client.chat("Hello", headers=headers)
    second = await client.chat("Hello", headers=headers, token="ck_acme_theo-and-some-more-letters")

    assert (first.status, second.status) == (200, 200)


async def test_too_long_input_is_refused_before_anything_is_held(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.add_llm("short", api_base=upstream.url, context_window=50)

    answer = await client.chat("word " * 100, model="short")

    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
    assert not ledger.prints


async def test_unknown_paths_and_methods_speak_the_same_language(client: GatewayClient) -> None:
    unknown = await client.post("/v1/completions/../admin", {})
    wrong = await client.get("/v1/chat/completions")

    assert (unknown.status, unknown.error["code"]) == (404, "unknown_path")
    assert (wrong.status, wrong.error["code"]) == (405, "wrong_method")
    assert "x-request-id" in unknown.headers


async def test_pages_of_account_hosts_may_call(client: GatewayClient) -> None:
    origin = "http://acme.localhost:8000"

    preflight = await client.open(
        "/v1/chat/completions",
        method="OPTIONS",
        token=None,
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-os",
        },
    ).done()
    answer = await client.chat("Hello", model="demo-chat", headers={"origin": origin})

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == origin
    assert "x-request-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://globex.localhost:8000", "null", "http://localhost:8000"],
)
async def test_no_other_page_may_read_an_answer(client: GatewayClient, origin: str) -> None:
    answer = await client.chat("Hello", model="demo-chat", headers={"origin": origin})

    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_key_never_stands_in_an_answer(client: GatewayClient) -> None:
    for model in ("demo-chat", "gpt-17"):
        answer = await client.chat("Hello", model=model)
        assert MIA.encode() not in answer.raw
        assert MIA not in str(answer.headers)
