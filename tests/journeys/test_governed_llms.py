"""An organization has GPT-5 and Claude but not Gemini, a team in it only Haiku.

Through the unchanged OpenAI SDK: a member of that team, of another team, and of both.
"""

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.journeys.calls import user_token
from tests.journeys.installation import Installation, Visitor

QUESTION = [{"role": "user", "content": "Which word means the sea at rest?"}]
GPT, SONNET, HAIKU, GEMINI = "gpt-5", "claude-sonnet-4-5", "claude-haiku-4-5", "gemini-2.5-pro"
EVERYTHING = (GPT, SONNET, HAIKU, GEMINI)
API = "/api/copilot/v1"


@pytest.fixture(scope="module")
def ada(installation: Installation) -> Visitor:
    return installation.browse("acme", installation.demo["accounts"]["acme"]["admin"])


@pytest.fixture(scope="module")
def governed(ada: Visitor) -> Iterator[dict[str, str]]:
    """Marketing without Gemini, and its team Brand with Haiku alone; by REST, as Ada."""
    llms = {llm["name"]: llm["id"] for llm in ada.get(f"{API}/llms?limit=200").json()["items"]}
    ada.send("POST", f"{API}/llms/{llms[GEMINI]}/switch-on")
    marketing = _id(ada, "organizations", "Marketing")
    brand = _id(ada, "teams", "Brand")
    of_marketing = f"{API}/llm-policies/organization/{marketing}"
    of_brand = f"{API}/llm-policies/team/{brand}"
    _set(ada, of_marketing, [llms[GPT], llms[SONNET], llms[HAIKU]])
    _set(ada, of_brand, [llms[HAIKU]])
    yield {"brand": of_brand, "marketing": of_marketing, **llms}
    for path in (of_brand, of_marketing):
        ada.send("DELETE", path)
    ada.send("POST", f"{API}/llms/{llms[GEMINI]}/switch-off")


def test_a_member_of_that_team_has_haiku_alone(
    installation: Installation, governed: dict[str, str]
) -> None:
    assert _usable(installation, "ada") == {HAIKU}


def test_a_member_of_another_team_has_what_the_organization_has(
    installation: Installation, governed: dict[str, str]
) -> None:
    assert _usable(installation, "ines") == {GPT, SONNET, HAIKU}


def test_a_member_of_both_has_what_the_acting_team_has(
    installation: Installation, governed: dict[str, str]
) -> None:
    assert _usable(installation, "mia", team="Brand") == {HAIKU}
    assert _usable(installation, "mia", team="Growth") == {GPT, SONNET, HAIKU}
    with pytest.raises(openai.PermissionDeniedError):
        _usable(installation, "mia", team="Platform")
    # Neither the organization nor `global` is a way around the team's policy.
    with pytest.raises(openai.PermissionDeniedError):
        _usable(installation, "mia", team="global")


def test_a_refusal_can_be_looked_up_and_fixed(
    installation: Installation, governed: dict[str, str], ada: Visitor
) -> None:
    client = _client(installation, "mia", "Brand")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model=GPT, messages=QUESTION, max_tokens=20)
    assert isinstance(refused.value.body, dict)
    decision_id = refused.value.body["details"]["decision_id"]

    kept = _kept(ada, decision_id)
    page = ada.get(f"/copilot/access/refused/{decision_id}/")

    assert (kept["caller"], kept["decision"]["reason"]) == ("Mia Torres", "only")
    assert [node["name"] for node in kept["path"]] == [
        "global",
        "Marketing",
        "Brand",
        "Mia Torres",
    ]
    assert "Brand has a list of its own, and gpt-5 is not on it" in page.text

    # What it suggests, done: one edit of the node that it names.
    [change] = kept["decision"]["would_flip"]
    node = f"{API}/llm-policies/{change['node']['kind']}/{change['node']['id']}"
    assert ada.send("PUT", node, {"add": [governed[GPT]]}).status_code == 200
    try:
        answer = client.chat.completions.create(model=GPT, messages=QUESTION, max_tokens=20)
        assert answer.choices[0].message.content
        assert ada.get(f"{API}/explain/{decision_id}").json()["now"]["is_allowed"]
    finally:
        ada.send("DELETE", node)


def _kept(ada: Visitor, decision_id: str) -> Any:
    """Return a refused call as it was kept: the refusal did not wait for that."""
    until = time.monotonic() + 10
    while True:
        answer = ada.get(f"{API}/explain/{decision_id}")
        if answer.status_code != 404 or time.monotonic() > until:
            return answer.json()
        time.sleep(0.05)


def _usable(installation: Installation, nick: str, team: str = "") -> set[str]:
    """Return what a member may call, and see that it is exactly what is listed."""
    client = _client(installation, nick, team)
    listed = {llm.id for llm in client.models.list()} & set(EVERYTHING)
    answered = {name for name in EVERYTHING if _answers(client, name)}
    assert listed == answered
    return answered


def _answers(client: openai.OpenAI, name: str) -> bool:
    try:
        client.chat.completions.create(model=name, messages=QUESTION, max_tokens=20)
    except openai.PermissionDeniedError as refused:
        if refused.code != "model_not_allowed":
            raise
        return False
    return True


def _client(installation: Installation, nick: str, team: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1",
        api_key=user_token(installation, "acme", nick),
        default_headers={"X-Cockpit-Team": team} if team else {},
        max_retries=0,
    )


def _id(ada: Visitor, what: str, name: str) -> str:
    found: list[dict[str, Any]] = ada.get(f"{API}/{what}?q={name}").json()["items"]
    return str(next(each["id"] for each in found if each["name"] == name))


def _set(ada: Visitor, path: str, only: list[str]) -> None:
    answer = ada.send("PUT", path, {"only": only})
    assert answer.status_code == 200, answer.text
