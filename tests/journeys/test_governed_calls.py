"""The main job: an unchanged SDK calls, the ledger agrees, the page shows it."""

import time

import openai
import pytest

from tests.journeys.calls import as_microcredits, held, last_event, used, user_token
from tests.journeys.installation import Installation

QUESTION = [{"role": "user", "content": "How do we prepare a good stand-up meeting?"}]


def test_a_developers_call_is_answered_charged_and_shown(
    installation: Installation, developer: openai.OpenAI
) -> None:
    before = used(installation, "acme", "console")

    answer = developer.chat.completions.with_raw_response.create(
        model="gpt-5-mini", messages=QUESTION, max_tokens=200
    )

    body, headers = answer.parse(), answer.headers
    charged = as_microcredits(headers["x-cockpit-credits-charged"])
    event = last_event(installation, "acme", "console")
    assert body.choices[0].message.content
    assert charged > 0
    assert used(installation, "acme", "console") - before == charged
    assert held(installation, "acme", "console") == 0
    assert event["credits"] == charged == sum(part["amount"] for part in event["charges"])
    assert (event["input_tokens"], event["output_tokens"]) == (
        body.usage.prompt_tokens,
        body.usage.completion_tokens,
    )
    ada = installation.browse("acme", installation.demo["accounts"]["acme"]["admin"])
    page = ada.get(f"/console/usage/calls/{event['id']}/")
    assert page.status_code == 200
    assert headers["x-cockpit-credits-charged"] in page.text
    assert all(name in page.text for name in ("Mia Torres", "Platform API", "Demo key"))


def test_a_developers_stream_is_charged_like_a_plain_call(
    installation: Installation, developer: openai.OpenAI
) -> None:
    before = used(installation, "acme", "console")

    chunks = list(
        developer.chat.completions.create(
            model="claude-haiku-4-5",
            messages=QUESTION,
            max_tokens=200,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    event = last_event(installation, "acme", "console")
    assert text
    assert event["outcome"] == "ok"
    assert event["output_tokens"] == chunks[-1].usage.completion_tokens
    assert used(installation, "acme", "console") - before == event["credits"] > 0


def test_a_copilot_member_calls_with_a_five_minute_token(installation: Installation) -> None:
    client = openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1",
        api_key=user_token(installation, "acme", "mia"),
        max_retries=0,
    )
    before = used(installation, "acme", "copilot")
    console_before = used(installation, "acme", "console")

    answer = client.chat.completions.create(model="gpt-5", messages=QUESTION, max_tokens=150)
    streamed = list(
        client.chat.completions.create(
            model="gpt-5", messages=QUESTION, max_tokens=150, stream=True
        )
    )

    assert answer.choices[0].message.content
    assert len(streamed) > 3
    last = installation.rows(
        "acme",
        """SELECT credits, m.id = member_id AS is_mia FROM credits_usageevent
           JOIN copilot_member m ON m.id = member_id JOIN identity_user u ON u.id = m.user_id
           WHERE product = 'copilot' AND u.email = 'mia@acme.example'
           ORDER BY credits_usageevent.created_at DESC LIMIT 2""",
    )
    assert used(installation, "acme", "copilot") - before == sum(row["credits"] for row in last)
    assert used(installation, "acme", "console") == console_before
    ada = installation.browse("acme", installation.demo["accounts"]["acme"]["admin"])
    assert "Mia Torres" in ada.get("/copilot/usage/").text


def test_personal_data_is_masked_on_its_way_out(installation: Installation) -> None:
    client = openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1", api_key=user_token(installation, "acme", "mia")
    )

    client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": "Write to jane.doe@example.com about invoices"}],
        max_tokens=100,
    )

    event = last_event(installation, "acme", "copilot")
    assert event["guardrails"][0]["outcome"] == "masked"
    assert "jane.doe" not in str(event)


def test_tools_embeddings_and_images_go_the_same_way(
    installation: Installation, developer: openai.OpenAI
) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    before = used(installation, "acme", "console")

    called = developer.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": "Use get_weather for Lisbon"}],
        tools=[tool],
        max_tokens=200,
    )
    vectors = developer.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    image = developer.images.generate(model="gpt-image-1", prompt="A lighthouse", n=1)

    assert called.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert len(vectors.data) == 2
    assert image.data[0].b64_json
    kinds = installation.rows(
        "acme",
        """SELECT kind, credits FROM credits_usageevent WHERE product = 'console'
           ORDER BY created_at DESC LIMIT 3""",
    )
    assert {row["kind"] for row in kinds} == {"chat", "embedding", "image"}
    assert all(row["credits"] > 0 for row in kinds)
    assert used(installation, "acme", "console") - before == sum(row["credits"] for row in kinds)


def test_the_list_of_models_is_what_is_on(
    installation: Installation, developer: openai.OpenAI
) -> None:
    listed = {model.id for model in developer.models.list()}

    assert listed == set(installation.demo["accounts"]["acme"]["llms"])


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("ck_acme_thisKeyWasNeverMade", openai.AuthenticationError),
        ("ck_nobody_thisKeyWasNeverMade", openai.AuthenticationError),
        ("not a key", openai.AuthenticationError),
    ],
)
def test_an_unknown_key_is_refused(
    installation: Installation, key: str, error: type[openai.APIStatusError]
) -> None:
    before = used(installation, "acme", "console")
    client = openai.OpenAI(base_url=f"{installation.gateway_url}/v1", api_key=key, max_retries=0)

    with pytest.raises(error):
        client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)

    assert used(installation, "acme", "console") == before


def test_an_llm_that_is_not_on_is_refused(
    installation: Installation, developer: openai.OpenAI
) -> None:
    before = used(installation, "acme", "console")

    for name in ("gemini-2.5-pro", "no-such-llm", "GPT-5-MINI"):
        with pytest.raises((openai.NotFoundError, openai.PermissionDeniedError)):
            developer.chat.completions.create(model=name, messages=QUESTION)

    assert used(installation, "acme", "console") == before


def test_a_revoked_key_is_refused_at_once(installation: Installation) -> None:
    ada = installation.browse("acme", installation.demo["accounts"]["acme"]["admin"])
    place = installation.rows(
        "acme", "SELECT id FROM console_membership WHERE team_id IS NOT NULL LIMIT 1"
    )[0]["id"]
    page = ada.post("/console/keys/", name="Short-lived", place=str(place), expires_at="")
    assert page.status_code == 200, page.text[:3000]
    token = page.text.split('id="new-token"')[1].split(">")[1].split("<")[0]
    client = openai.OpenAI(base_url=f"{installation.gateway_url}/v1", api_key=token, max_retries=0)
    client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, max_tokens=50)
    key = installation.rows(
        "acme", "SELECT id FROM console_virtualkey WHERE name = 'Short-lived' LIMIT 1"
    )[0]["id"]
    before = used(installation, "acme", "console")

    ada.post(f"/console/keys/{key}/revoke/", page="/console/keys/")

    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
    assert used(installation, "acme", "console") == before


def test_a_suspended_account_is_refused_and_comes_back(installation: Installation) -> None:
    sam = installation.browse(None, installation.demo["super_admin"])
    globex = installation.demo["accounts"]["globex"]
    client = openai.OpenAI(
        base_url=f"{installation.gateway_url}/v1", api_key=globex["console_key"], max_retries=0
    )
    client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, max_tokens=50)
    eve = installation.browse("globex", globex["admin"])
    before = used(installation, "globex", "console")
    page = "/accounts/globex/"

    sam.post(f"{page}suspend/", page=page, reason="Invoice is overdue")

    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, max_tokens=50)
    assert refused.value.code == "account_suspended"
    assert eve.get("/copilot/").status_code == 403
    assert used(installation, "globex", "console") == before

    sam.post(f"{page}restore/", page=page, reason="Paid")

    # Closing is certain at once; opening is a message that takes its moment.
    assert _answers_within(120.0, client)
    assert eve.get("/copilot/").status_code == 200


def _answers_within(seconds: float, client: openai.OpenAI) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, max_tokens=50)
        except openai.PermissionDeniedError:
            time.sleep(0.1)
        else:
            return True
    return False
