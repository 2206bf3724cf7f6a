"""Money under load and in crashes: only the affordable runs, nothing is lost or charged twice."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import httpx
import openai
import pytest

from tests.journeys.calls import MICRO, held, used
from tests.journeys.installation import Installation, Visitor

_NOTHING_HELD = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM credits_balance WHERE reserved > 0)"

# 120 tokens of output at most; the input is the same few words each time.
CALL: dict[str, Any] = {
    "model": "gpt-5-mini",
    "messages": [{"role": "user", "content": "[demo:chunk_ms=150] Tell me about lighthouses"}],
    "max_tokens": 120,
}

# As many tokens, but slow enough that all 64 have asked before the first one ends.
SLOW_CALL: dict[str, Any] = {
    **CALL,
    "messages": [{"role": "user", "content": "[demo:chunk_ms=400] Tell me about lighthouses"}],
}


@pytest.fixture
def lonely_team(installation: Installation) -> tuple[Visitor, UUID, openai.OpenAI]:
    """A new team in Globex's Console with a key of its own and nobody to spill to."""
    globex = installation.demo["accounts"]["globex"]
    eve = installation.browse("globex", globex["admin"])
    name = f"Team {uuid4().hex[:6]}"
    organization = installation.rows(
        "globex", "SELECT id FROM console_organization WHERE name = 'IT'"
    )[0]["id"]
    eve.post("/console/team/add/", name=name, organization=str(organization))
    team = installation.rows("globex", "SELECT * FROM console_team WHERE name = %s", name)[0]
    member = installation.rows(
        "globex",
        """SELECT m.id FROM console_member m JOIN identity_user u ON u.id = m.user_id
           WHERE u.email = 'kim@globex.example'""",
    )[0]["id"]
    page = f"/console/team/{team['id']}/"
    eve.post(f"{page}members/", page=f"{page}change/", member=str(member))
    place = installation.rows(
        "globex", "SELECT id FROM console_membership WHERE team_id = %s", team["id"]
    )[0]["id"]
    eve.post("/console/credits/spill/", page="/console/credits/")
    shown = eve.post("/console/keys/", name=name, place=str(place), expires_at="")
    token = shown.text.split('id="new-token"')[1].split(">")[1].split("<")[0]
    client = openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1", api_key=token, max_retries=0, timeout=600
    )
    return eve, team["wallet_id"], client


def test_no_credits_no_call_and_the_refusal_names_wallet_and_help(
    installation: Installation, lonely_team: tuple[Visitor, UUID, openai.OpenAI]
) -> None:
    eve, wallet, client = lonely_team
    _allocate(eve, wallet, "0.001")
    before = used(installation, "globex", "console")

    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**CALL)

    assert refused.value.status_code == 402
    assert refused.value.code == "insufficient_credits"
    assert "Team " in refused.value.message
    assert "admin" in refused.value.message
    assert used(installation, "globex", "console") == before
    assert held(installation, "globex", "console") == 0


def test_of_64_parallel_streams_exactly_the_affordable_ones_run(
    installation: Installation, lonely_team: tuple[Visitor, UUID, openai.OpenAI]
) -> None:
    eve, wallet, client = lonely_team
    bound = _upper_bound(installation, eve, wallet, client)
    # Room for ten reservations, and for less than an eleventh.
    spent = installation.rows(
        "globex", "SELECT used FROM credits_balance WHERE wallet_id = %s", wallet
    )[0]["used"]
    _allocate(eve, wallet, f"{(spent + 10 * bound + bound // 2) / MICRO:.6f}")
    before = _calls(installation, wallet)

    def stream(_: int) -> str:
        try:
            chunks = list(client.chat.completions.create(**SLOW_CALL, stream=True))
        except openai.APIStatusError as error:
            return str(error.code)
        return "ran" if chunks[-1].choices[0].finish_reason else "cut"

    with ThreadPoolExecutor(64) as pool:
        outcomes = Counter(pool.map(stream, range(64)))

    assert set(outcomes) == {"ran", "insufficient_credits"}
    # Ten fit at once. What they do not use comes free when they end, so a late one may follow.
    assert 10 <= outcomes["ran"] <= 12
    assert _calls(installation, wallet) - before == outcomes["ran"]
    assert held(installation, "globex", "console") == 0
    assert installation.verify_credits() == ""


def test_crashes_in_the_middle_lose_nothing_that_was_acknowledged(
    installation: Installation, lonely_team: tuple[Visitor, UUID, openai.OpenAI]
) -> None:
    eve, wallet, client = lonely_team
    _allocate(eve, wallet, "200")
    acknowledged: list[str] = []

    def call(_: int) -> None:
        with suppress(openai.APIError, httpx.HTTPError):
            answer = client.chat.completions.with_raw_response.create(**CALL)
            acknowledged.append(answer.headers["x-request-id"])

    def stream(_: int) -> None:
        with suppress(openai.APIError, httpx.HTTPError):
            list(client.chat.completions.create(**CALL, stream=True))

    for _ in range(2):
        call(0)
    with ThreadPoolExecutor(24) as pool:
        for number in range(12):
            pool.submit(call, number)
            pool.submit(stream, number)
        time.sleep(1.2)
        installation.kill("gateway")
        installation.kill("worker")
        installation.kill_postgres()
    time.sleep(2)
    installation.wait_until_ready()

    assert len(acknowledged) >= 2
    events = {
        str(row["id"]): row
        for row in installation.rows("globex", "SELECT id, credits FROM credits_usageevent")
    }
    for request_id in acknowledged:
        assert events[request_id]["credits"] > 0
    # What was dispatched when the gateway died is charged its estimate by the next sweep after its
    # time; the test only moves that time forward.
    installation.write("globex", "UPDATE credits_reservation SET expires_at = now()")
    installation.wait_for("globex", _NOTHING_HELD, seconds=900)
    assert held(installation, "globex", "console") == 0
    assert installation.verify_credits() == ""
    answer = client.chat.completions.create(**CALL)
    assert answer.choices[0].message.content


def _allocate(eve: Visitor, wallet: UUID, credits: str) -> None:
    answer = eve.post(
        f"/console/credits/{wallet}/", act="allocate", amount=credits, reason="", nonce=uuid4().hex
    )
    assert answer.status_code == 302, answer.text[:3000]


def _upper_bound(
    installation: Installation, eve: Visitor, wallet: UUID, client: openai.OpenAI
) -> int:
    """Return what the gateway reserves for one such call, in micro-credits."""
    _allocate(eve, wallet, "5")
    client.chat.completions.create(**CALL)
    rows = installation.rows(
        "globex", "SELECT reserved FROM credits_usageevent ORDER BY created_at DESC LIMIT 1"
    )
    return int(rows[0]["reserved"])


def _calls(installation: Installation, wallet: UUID) -> int:
    rows = installation.rows(
        "globex",
        """SELECT count(*) AS calls FROM credits_usageevent
           WHERE charges::text LIKE %s""",
        f"%{wallet}%",
    )
    return int(rows[0]["calls"])
