"""Policies on the caller's path: what is listed is admitted, and a refusal explains itself."""

from dataclasses import replace
from uuid import UUID

import pytest

from core.access.rules.llms import LlmPolicy
from core.access.rules.switches import Switch
from core.gateway.gateway import Gateway
from core.kit.ids import uuid7
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import EVERYBODY, MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio


def ids(directory: FakeDirectory, *names: str) -> frozenset[UUID]:
    return frozenset(directory.llms["console"][name].id for name in names)


async def listed(client: GatewayClient) -> set[str]:
    answer = await client.get("/v1/models")
    return {model["id"] for model in answer.body["data"]}


async def test_what_is_listed_is_what_is_admitted(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.policies[EVERYBODY.id] = LlmPolicy(only=ids(directory, "ok", "demo-chat"))

    assert await listed(client) == {"ok", "demo-chat"}
    assert (await client.chat("Hello", model="ok")).status == 200
    assert (await client.chat("Hello", model="tools")).status == 403


async def test_a_refusal_says_which_node_and_what_would_help(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    member = directory.tokens[MIA].path[-1]
    directory.policies[member.id] = LlmPolicy(block=ids(directory, "ok"))

    error = (await client.chat("Hello", model="ok")).error

    assert error["code"] == "model_not_allowed"
    assert "Mia blocks ok" in error["message"]
    assert error["details"]["reason"] == "block"
    assert error["details"]["would_help"] == ["Stop blocking ok in Mia"]
    assert error["details"]["trace"][-1] == "Mia blocks ok"
    assert not ledger.prints
    assert not upstream.seen


async def test_a_refused_call_is_kept_with_an_id(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, gateway: Gateway
) -> None:
    member = directory.tokens[MIA].path[-1]
    directory.policies[member.id] = LlmPolicy(block=ids(directory, "ok", "tools"))

    # The answer does not wait for the write, however long that takes.
    directory.writes_after.clear()
    first = (await client.chat("Hello", model="ok")).error["details"]["decision_id"]
    again = (await client.chat("Hello", model="ok")).error["details"]["decision_id"]
    other = (await client.chat("Hello", model="tools")).error["details"]["decision_id"]
    directory.version += 1
    gateway.snapshots.moved(directory.account.schema_name, directory.version)
    directory.writes_after.set()
    later = (await client.chat("Hello", model="ok")).error["details"]["decision_id"]
    await gateway._refusals.drain()

    # The same at the same policy is kept once; a move of the policy makes it another decision.
    assert first == again
    assert len({first, other, later}) == 3
    assert {str(kept) for kept in directory.refusal_ids} == {first, other, later}
    assert sorted((kept.title, kept.decision.reason.rule) for kept in directory.refusals) == [
        ("ok", "block"),
        ("ok", "block"),
        ("tools", "block"),
    ]


async def test_an_empty_list_lets_nobody_use_anything(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    directory.policies[EVERYBODY.id] = LlmPolicy(only=frozenset())

    assert await listed(client) == set()
    assert (await client.chat("Hello", model="demo-chat")).status == 403


async def test_images_need_their_feature(
    client: GatewayClient, directory: FakeDirectory, gateway: Gateway
) -> None:
    body = {"model": "demo-image", "prompt": "A boat"}
    assert (await client.post("/v1/images/generations", body)).status == 200
    directory.switches["image_generation"] = {EVERYBODY.id: Switch(is_on=False)}
    directory.version += 1
    gateway.snapshots.moved(directory.account.schema_name, directory.version)

    answer = await client.post("/v1/images/generations", body)

    assert (answer.status, answer.error["code"]) == (403, "feature_off")
    assert "Image generation is off for you" in answer.error["message"]
    assert answer.error["details"]["who_can_help"] == ["account admin"]
    assert "demo-image" not in await listed(client)


async def test_a_running_stream_ends_when_its_llm_is_blocked(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    gateway: Gateway,
) -> None:
    upstream.chunk_seconds = 0.1
    exchange = client.stream("Hello")
    await exchange.until("word02")
    directory.policies[EVERYBODY.id] = LlmPolicy(block=ids(directory, "ok"))
    directory.version += 1

    gateway.snapshots.moved(directory.account.schema_name, directory.version)
    answer = await exchange.done()

    assert answer.events[-1]["error"]["code"] == "model_not_allowed"
    assert "word10" not in answer.text
    [event] = ledger.charges
    assert (event.outcome, event.error_code) == ("blocked", "model_not_allowed")


async def test_a_caller_without_a_product_of_its_own_may_use_nothing(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    directory.tokens[MIA] = replace(directory.tokens[MIA], product="copilot")

    assert await listed(client) == set()


async def test_the_agent_of_a_client_is_kept_and_decides_nothing(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    agent = uuid7()
    directory.policies[EVERYBODY.id] = LlmPolicy(only=ids(directory, "ok"))
    named = {"X-Cockpit-Agent": str(agent)}

    admitted = await client.chat("Hello", model="ok", headers=named)
    refused = await client.chat("Hello", model="tools", headers=named)
    plain = await client.chat("Hello", model="ok")

    assert [answer.status for answer in (admitted, refused, plain)] == [200, 403, 200]
    assert [request.context.agent_id for request in ledger.reserved] == [agent, None]
