"""What clients meet before a call: paths, methods, and headers that contradict the key."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger

pytestmark = pytest.mark.asyncio

TEAM = UUID(int=5)


async def test_a_wrong_method_is_told_the_right_one(client: GatewayClient) -> None:
    answer = await client.get("/v1/chat/completions")

    assert (answer.status, answer.error["code"]) == (405, "wrong_method")
    assert answer.headers["allow"] == "POST"


async def test_a_slash_too_many_is_forgiven(client: GatewayClient) -> None:
    listed = await client.get("//v1/models")
    inside = await client.get("/v1//models")

    assert listed.status == 200
    assert (inside.status, inside.error["code"]) == (404, "unknown_path")


async def test_unknown_paths_below_messages_answer_as_anthropic_does(client: GatewayClient) -> None:
    answer = await client.post("/v1/messages/batches", {})

    assert answer.status == 404
    assert answer.body["type"] == "error"
    assert answer.error["type"] == "not_found_error"


@pytest.mark.parametrize(("account", "status"), [("acme", 200), ("globex", 401)])
async def test_key_and_header_must_name_the_same_account(
    client: GatewayClient, ledger: FakeLedger, account: str, status: int
) -> None:
    headers = {"X-Cockpit-Account": account}

    answer = await client.chat("Hello", model="demo-chat", headers=headers)

    assert answer.status == status
    assert status == 200 or answer.error["code"] == "invalid_api_key"
    assert bool(ledger.prints) is (status == 200)


@pytest.mark.parametrize(("team", "status"), [(str(TEAM), 200), (str(UUID(int=6)), 403)])
async def test_a_key_acts_from_its_own_place_alone(
    client: GatewayClient, directory: FakeDirectory, ledger: FakeLedger, team: str, status: int
) -> None:
    directory.tokens[MIA] = replace(directory.tokens[MIA], team_id=TEAM)

    answer = await client.chat("Hello", model="demo-chat", headers={"X-Cockpit-Team": team})

    assert answer.status == status
    assert status == 200 or answer.error["code"] == "not_allowed"
    assert bool(ledger.prints) is (status == 200)
