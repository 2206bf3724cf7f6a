"""What a call leaves in its log: steps, refusals, and what was said, as far as it may be kept."""

import asyncio
from typing import Any

import pytest
from django.db import DataError

from core.access.features import CONTENT_LOGGING
from core.access.rules.switches import Switch
from core.gateway.gateway import Gateway
from core.gateway.limits import KeyLimits
from core.usage.models import CallLog
from core.usage.policies import Kept
from tests.core.gateway.client import GatewayClient
from tests.core.gateway.test_dispatching import spread
from tests.core.gateway.test_rates import limit
from tests.fakes.directory import EVERYBODY, FakeDirectory
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

FULL, REDACTED = Kept("full", 30), Kept("redacted", 30)


def keep(directory: FakeDirectory, kept: Kept, *, is_on: bool = True) -> None:
    """Let the account keep content, and switch the feature for everybody."""
    directory.content["console"] = kept
    directory.switches[CONTENT_LOGGING] = {EVERYBODY.id: Switch(is_on=is_on)}


async def logged(gateway: Gateway, directory: FakeDirectory) -> list[tuple[CallLog, Any]]:
    """Return what was logged so far, once the running calls have ended."""
    async with asyncio.timeout(5):
        while gateway.calls:  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.01)
    await gateway._journal.flush()
    return directory.logs


async def test_a_call_leaves_its_steps_tokens_and_price(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    answer = await client.chat("Hello")

    [(log, content)] = await logged(gateway, directory)
    assert str(log.request_id) == answer.headers["x-request-id"]
    assert [step["step"] for step in log.steps] == [
        "principal", "access", "limits", "input_guardrails", "reserve", "provider", "settle",
    ]  # fmt: skip
    assert all(step["ms"] >= 0 for step in log.steps)
    assert (log.status_code, log.outcome, log.error_code) == (200, "ok", "")
    assert (log.input_tokens, log.output_tokens) == (
        answer.body["usage"]["prompt_tokens"], answer.body["usage"]["completion_tokens"],
    )  # fmt: skip
    assert log.price["version"] == "7"
    assert log.price["credit_factor"] == "100"
    assert log.credits is not None
    assert log.credits > 0
    assert log.tried == ["openai/ok"]
    # Nobody has decided to keep anything that was said.
    assert content is None
    assert log.content_kind == ""


async def test_refused_calls_are_logged_too(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    limit(directory, requests_per_minute=1)
    for model in ("ok", "ok", "absent"):
        await client.chat("Hello", model=model)

    found = [log for log, _ in await logged(gateway, directory)]

    assert [(log.status_code, log.error_code) for log in found] == [
        (200, ""), (429, "rate_limit_exceeded"), (404, "model_not_found"),
    ]  # fmt: skip
    assert (found[1].credits, found[1].input_tokens) == (0, 0)
    assert found[2].llm == "absent"


async def test_failures_of_the_provider_are_logged(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    directory.add_llm("error-500", api_base=upstream.url)
    await client.chat("Hello", model="error-500")

    [(log, _)] = await logged(gateway, directory)

    assert (log.status_code, log.error_code) == (502, "upstream_failed")


@pytest.mark.parametrize("is_stream", [False, True])
async def test_who_could_not_answer_is_logged_with_the_reason(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway,
    is_stream: bool,
) -> None:  # fmt: skip
    spread(directory, upstream, "error-500", "error-429", "ok")
    await client.chat("Hello", model="spread", stream=is_stream)

    [(log, _)] = await logged(gateway, directory)

    assert log.tried == ["openai/error-500", "openai/error-429", "openai/ok"]
    assert log.passed_over == [
        {"deployment": "openai/error-500", "code": "upstream_failed"},
        {"deployment": "openai/error-429", "code": "upstream_rate_limited"},
    ]


async def test_the_one_with_which_a_call_ended_was_not_passed_over(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    spread(directory, upstream, "error-500", "error-503")
    await client.chat("Hello", model="spread")

    [(log, _)] = await logged(gateway, directory)

    # The failure of the last one is the call's own, and stands in its event.
    assert log.status_code == 502
    assert [each["deployment"] for each in log.passed_over] == ["openai/error-500"]


async def test_nobody_we_know_leaves_no_log(
    client: GatewayClient, directory: FakeDirectory, gateway: Gateway
) -> None:
    await client.chat("Hello", token="ck_acme_somebody-else-entirely")

    assert await logged(gateway, directory) == []


async def test_an_account_that_keeps_nothing_has_no_logs(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    directory.content["console"] = Kept("nothing", 30)
    await client.chat("Hello")

    assert await logged(gateway, directory) == []


async def test_full_content_is_what_was_asked_and_answered(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, FULL)
    await client.stream("My mail is mia@example.com", temperature=0.5, max_tokens=77).done()

    [(log, content)] = await logged(gateway, directory)

    assert log.content_kind == "full"
    assert content["request"]["messages"][0]["content"] == "My mail is mia@example.com"
    assert (content["request"]["temperature"], content["request"]["max_tokens"]) == (0.5, 77)
    assert content["answer"] == [
        {"role": "assistant", "content": "".join(upstream.words), "finish_reason": "stop"}
    ]


async def test_redacted_content_holds_no_personal_data_and_no_secrets(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, REDACTED)
    await client.chat("I am mia@example.com and my key is sk-proj-abcdefghijklmnopqrstuvwxyz012345")

    [(log, content)] = await logged(gateway, directory)

    said = content["request"]["messages"][0]["content"]
    assert log.content_kind == "redacted"
    assert "mia@example.com" not in str(content)
    assert "abcdefghijklmnopqrstuvwxyz" not in str(content)
    assert said.startswith("I am ")


async def test_where_the_feature_is_off_nothing_said_is_kept(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, FULL, is_on=False)
    await client.chat("Hello")

    [(log, content)] = await logged(gateway, directory)

    assert (log.content_kind, content) == ("", None)


async def test_tool_calls_are_put_together(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, FULL)
    tool = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}
    await client.stream("lookup", model="tools", tools=[tool]).done()

    [(_, content)] = await logged(gateway, directory)

    [call] = content["answer"][0]["tool_calls"]
    assert call["name"] == "lookup"
    assert call["arguments"].startswith("{")


async def test_images_and_long_texts_are_cut(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, FULL)
    await client.chat("x" * 150_000, max_tokens=5)

    [(_, content)] = await logged(gateway, directory)

    assert content["request"]["messages"][0]["content"].endswith("… [50000 more characters]")


async def test_a_log_that_cannot_be_written_keeps_no_call_from_ending(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(account: object, logs: object) -> int:
        raise OSError("Postgres is away")

    monkeypatch.setattr(FakeDirectory, "keep_calls", fail)

    assert (await client.chat("Hello")).status == 200
    await gateway._journal.flush()
    assert (await client.chat("Hello")).status == 200


async def test_limits_without_rates_cost_no_round_trip() -> None:
    assert not KeyLimits(llms=frozenset({"ok"})).has_rates


async def test_log_that_postgres_does_not_take_costs_no_other_its_place(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = FakeDirectory.keep_calls

    def keep_calls(self: FakeDirectory, account: Any, logs: Any) -> int:
        if any(log.llm == "tools" for log, _ in logs):
            raise DataError("unsupported Unicode escape sequence")
        return take(self, account, logs)

    monkeypatch.setattr(FakeDirectory, "keep_calls", keep_calls)
    for model in ("ok", "tools", "ok"):
        await client.chat("Hello", model=model)

    assert [log.llm for log, _ in await logged(gateway, directory)] == ["ok", "ok"]


async def test_content_logging_that_is_switched_off_during_a_call_keeps_nothing_of_it(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, FULL)
    upstream.chunk_seconds = 0.05
    exchange = client.stream("My mail is mia@example.com")
    await exchange.until("word02")
    keep(directory, FULL, is_on=False)
    directory.version += 1
    gateway.snapshots.moved(directory.account.schema_name, directory.version)

    assert (await exchange.done()).events[-1] == "[DONE]"

    [(log, content)] = await logged(gateway, directory)
    assert (log.content_kind, content) == ("", None)


async def test_redacted_content_hides_nothing_between_parts_in_keys_or_in_escapes(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    keep(directory, REDACTED)
    parts = [{"type": "text", "text": text} for text in ("Write to mia@exam", "ple.com")]
    arguments = '{"ada\\u0040example.com": "bob\\u0040example.com"}'
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Done."},
    ]
    schema = {"type": "object", "properties": {"cy@example.com": {}, "dee@example.com": {}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]

    await client.post("/v1/chat/completions", {"model": "ok", "messages": messages, "tools": tools})

    [(_, content)] = await logged(gateway, directory)
    kept = content["request"]
    assert kept["messages"][0]["content"] == [{"type": "text", "text": "Write to <EMAIL>"}]
    said = kept["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert said == '{"<EMAIL>":"<EMAIL>"}'
    properties = kept["tools"][0]["function"]["parameters"]["properties"]
    assert list(properties) == ["<EMAIL>", "<EMAIL>_"]
