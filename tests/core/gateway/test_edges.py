"""What clients meet before a call: paths, methods, and headers that contradict the key."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from core.guardrails.presets.pii import PersonalData
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream
from tests.log_lines import log_lines

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


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/batches", "make single calls"),
        ("/v1/messages/batches", "make single calls"),
        ("/v1/responses/resp_1", "Nothing is kept"),
        ("/v1/files", "Nothing is kept"),
        ("/v1/images/edits", "/v1/images/generations"),
    ],
)
async def test_paths_that_sdks_know_say_what_to_do_instead(
    client: GatewayClient, path: str, hint: str
) -> None:
    answer = await client.post(path, {})

    assert (answer.status, answer.error["code"]) == (404, "unknown_path")
    assert hint in answer.error["message"]


async def test_squeezed_body_is_named_as_such(client: GatewayClient) -> None:
    answer = await client.post(
        "/v1/chat/completions", {"model": "ok"}, headers={"Content-Encoding": "gzip"}
    )

    assert answer.status == 400
    assert "Content-Encoding" in answer.error["message"]


async def test_tokens_of_a_message_are_counted_for_nothing(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    body = {
        "model": "ok",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello there"}],
        "tools": [{"name": "look", "description": "Looks", "input_schema": {"type": "object"}}],
    }

    answer = await client.post("/v1/messages/count_tokens", body)
    longer = await client.post("/v1/messages/count_tokens", {**body, "system": "Be brief. " * 50})

    assert answer.status == 200
    assert 10 < answer.body["input_tokens"] < longer.body["input_tokens"]
    assert not upstream.seen
    assert not ledger.charges


@pytest.mark.parametrize(
    ("token", "body", "status", "kind"),
    [
        ("ck_nobody_0123456789abcdef", {"model": "ok"}, 401, "authentication_error"),
        (MIA, {"model": "none", "messages": []}, 400, "invalid_request_error"),
        (
            MIA,
            {"model": "none", "messages": [{"role": "user", "content": "Hello"}]},
            404,
            "not_found_error",
        ),
    ],
)
async def test_tokens_are_counted_for_callers_only(
    client: GatewayClient, token: str, body: dict[str, Any], status: int, kind: str
) -> None:
    answer = await client.post("/v1/messages/count_tokens", body, token=token)

    assert answer.status == status
    assert (answer.body["type"], answer.error["type"]) == ("error", kind)


@pytest.mark.usefixtures("upstream")
async def test_every_line_of_a_call_says_whose_it_is(
    client: GatewayClient, directory: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[object]:
        raise RuntimeError("no")

    monkeypatch.setattr(PersonalData, "find", fail)
    directory.bind("flag", "input", "output")
    with log_lines() as lines:
        # One checked where it is, one in a thread, and a provider that fails.
        answers = [
            await client.chat("Call +1 650 253 0000", model=model) for model in ("ok", "error-500")
        ]
        answers.append(await client.chat("Call +1 650 253 0000. " * 50))

    found = [json.loads(line) for line in lines]
    ids = [answer.headers["x-request-id"] for answer in answers]
    told = [line for line in found if line["event"] in {"guardrail_failed", "call"}]
    assert len(told) >= 6
    for line in found:
        assert line["request_id"] in ids, line
        assert line["account"] == directory.account.slug, line
    assert "253 0000" not in "".join(lines)
    assert MIA not in "".join(lines)
