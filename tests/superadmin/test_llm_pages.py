"""The catalogue's pages."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from tenants.models import Account, Llm, PriceRow
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory

CANARY = "sk-canary-0123456789abcdef-wxyz"


@pytest.fixture
def llm(acme: Account) -> Llm:
    return LlmFactory(name="gpt-9", title="GPT-9", offered_to=acme)


def _form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "claude-9",
        "title": "Claude 9",
        "vendor": "Anthropic",
        "kind": "chat",
        "context_window": "200000",
        "max_output_tokens": "64000",
        "capabilities": ["tools", "vision"],
        "provider": "anthropic",
        "upstream_model": "claude-9",
        "input_usd": "3",
        "output_usd": "15.5",
        **changes,
    }


def test_an_llm_is_added_with_its_price(sam_client: AccountClient) -> None:
    answer = sam_client.post("/llms/new/", _form())

    llm = Llm.objects.get(name="claude-9")
    assert answer["Location"] == f"/llms/{llm.pk}/"
    assert llm.capabilities == ["tools", "vision"]
    assert PriceRow.objects.get(llm=llm).output_usd == Decimal("15.5")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "gpt-9"}, "has an LLM called gpt-9 already"),
        ({"name": "two words"}, "Use the exact model name"),
        ({"input_usd": "", "output_usd": ""}, "At least one price must be above zero"),
        ({"input_usd": "-1"}, "US dollars from 0 to 1,000,000"),
        ({"input_usd": "0.0000001"}, "no more than 6 decimal places"),
        ({"kind": "video"}, "Select a valid choice"),
        ({"api_base": "nonsense"}, "Enter an address such as"),
        ({"title": ""}, "This field is required"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    sam_client: AccountClient, llm: Llm, changes: dict[str, Any], sentence: str
) -> None:
    answer = sam_client.post("/llms/new/", _form(**changes))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert 'value="Anthropic"' in page
    assert not Llm.objects.filter(name="claude-9").exists()


def test_a_new_price_is_shown_with_the_old_one(sam_client: AccountClient, llm: Llm) -> None:
    answer = sam_client.post(
        f"/llms/{llm.pk}/price/", {"input_usd": "0.5", "image_each_usd": "0.04"}, follow=True
    )

    page = answer.content.decode()
    assert "Version 2 of the price counts." in page
    assert "$0.50" in page
    assert "$1.00" in page
    assert "image $0.04" in page


def test_the_same_price_twice_is_one_version(sam_client: AccountClient, llm: Llm) -> None:
    for _click in range(2):
        sam_client.post(f"/llms/{llm.pk}/price/", {"input_usd": "0.5"})

    assert PriceRow.objects.filter(llm=llm).count() == 2


def test_a_price_that_cannot_be_opens_its_dialog_again(sam_client: AccountClient, llm: Llm) -> None:
    answer = sam_client.post(f"/llms/{llm.pk}/price/", {"audio_input_usd": "-1"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'id="price"[^>]* data-shown', page)
    assert 'value="-1"' in page
    assert re.search(r"<details[^>]* open", page)


def test_an_unpriced_llm_is_said_loudly(sam_client: AccountClient) -> None:
    bare = Llm.objects.create(name="bare", title="Bare", vendor="Nobody")

    assert "This LLM has no price" in sam_client.get(f"/llms/{bare.pk}/").content.decode()
    assert "No price: refused" in sam_client.get("/tenants/llm/").content.decode()


def test_a_stored_key_never_comes_back(sam_client: AccountClient, llm: Llm, acme: Account) -> None:
    stored = sam_client.post(f"/llms/{llm.pk}/credential/", {"api_key": CANARY}, follow=True)
    refused = sam_client.post(f"/llms/{llm.pk}/credential/", {"api_key": f"{CANARY} {CANARY}"})

    assert "Own key …wxyz" in stored.content.decode()
    assert refused.status_code == 422
    pages = [stored, refused] + [
        sam_client.get(path)
        for path in (
            f"/llms/{llm.pk}/",
            "/tenants/llm/",
            "/accounts/acme/llms/",
            "/audit/",
            "/",
        )
    ]
    for page in pages:
        assert CANARY not in page.content.decode()
        assert CANARY[:12] not in page.content.decode()


def test_a_stored_key_can_be_removed(sam_client: AccountClient, llm: Llm) -> None:
    sam_client.post(f"/llms/{llm.pk}/credential/", {"api_key": CANARY})

    answer = sam_client.post(f"/llms/{llm.pk}/credential/remove/", follow=True)

    assert "Own key" not in answer.content.decode()


def test_another_address_loses_the_key(sam_client: AccountClient, llm: Llm) -> None:
    sam_client.post(f"/llms/{llm.pk}/credential/", {"api_key": CANARY})

    answer = sam_client.post(
        f"/llms/{llm.pk}/deployment/",
        {"provider": "openai", "upstream_model": "gpt-9", "api_base": "https://x.example"},
        follow=True,
    )

    assert "Own key" not in answer.content.decode()


def test_details_are_changed_but_not_the_name(sam_client: AccountClient, llm: Llm) -> None:
    sam_client.post(
        f"/llms/{llm.pk}/details/",
        {**_form(title="GPT-9 Turbo", vendor="OpenAI"), "name": "other"},
    )

    llm.refresh_from_db()
    assert (llm.name, llm.title) == ("gpt-9", "GPT-9 Turbo")


def test_an_llm_is_retired_with_a_reason_and_restored(sam_client: AccountClient, llm: Llm) -> None:
    assert sam_client.post(f"/llms/{llm.pk}/retire/").status_code == 422

    sam_client.post(f"/llms/{llm.pk}/retire/", {"reason": "End of life"})

    llm.refresh_from_db()
    assert llm.retired_at is not None
    assert "GPT-9" not in sam_client.get("/tenants/llm/").content.decode()
    assert "GPT-9" in sam_client.get("/tenants/llm/?use=retired").content.decode()

    sam_client.post(f"/llms/{llm.pk}/restore/")

    llm.refresh_from_db()
    assert llm.retired_at is None


def test_the_page_says_who_is_offered_it_in_their_credits(
    sam_client: AccountClient, llm: Llm
) -> None:
    page = sam_client.get(f"/llms/{llm.pk}/").content.decode()

    # One dollar in, two dollars out, at a factor of 100.
    assert "Console, Copilot" in page
    assert re.search(r"Acme.*>100<.*>200<", page, re.DOTALL)


def test_vertex_asks_for_its_project_and_takes_a_key_file(sam_client: AccountClient) -> None:
    where = {"provider": "vertex_ai", "upstream_model": "gemini-2.5-flash"}
    asked = sam_client.post("/llms/new/", _form(**where))
    sam_client.post(
        "/llms/new/", _form(**where, project="company-project", location="europe-west4")
    )
    llm = Llm.objects.get(name="claude-9")
    page = sam_client.get(f"/llms/{llm.pk}/").content.decode()
    key = {"service_account": json.dumps({"type": "external_account", "canary": CANARY})}
    refused = sam_client.post(f"/llms/{llm.pk}/credential/", key)

    assert asked.status_code == 422
    assert 'name="project"' in asked.content.decode()
    assert llm.deployment.options == {"project": "company-project", "location": "europe-west4"}
    assert 'name="service_account"' in page
    assert 'name="api_key"' not in page
    assert refused.status_code == 422
    assert "Paste the JSON key of a service account" in refused.content.decode()
    assert CANARY not in refused.content.decode()
