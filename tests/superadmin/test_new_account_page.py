"""Guided creation of an account."""

import re
from typing import Any

import pytest

from core.hierarchy.product import product_named
from core.kit.ids import uuid7
from tenants.models import Account, CreditTerms, LlmOffer
from tenants.selectors import standing_of, terms_of
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory

CREDIT = 1_000_000
PATH = "/accounts/new/"


def _form(**changes: Any) -> dict[str, Any]:
    return {
        "account_id": str(uuid7()),
        "name": "Initech",
        "slug": "initech",
        "time_zone": "America/Chicago",
        "credit_factor": "120",
        "copilot_grant": "1,000",
        "copilot_overflow": "50.5",
        "copilot_period": "month",
        "console_grant": "",
        "console_overflow": "",
        "console_period": "none",
        "email": "peter@initech.example",
        "admin_name": "Peter Gibbons",
        **changes,
    }


def test_the_page_offers_what_can_answer(sam_client: AccountClient) -> None:
    llm = LlmFactory()

    page = sam_client.get(PATH).content.decode()

    assert re.search(rf'name="llms"\s+value="{llm.pk}"\s+checked', page)
    assert "Europe/Berlin" in page


def test_an_account_is_created_and_its_link_shown_once(sam_client: AccountClient) -> None:
    llm = LlmFactory()

    answer = sam_client.post(PATH, _form(llms=[str(llm.pk)]))

    assert answer.status_code == 201
    account = Account.objects.get(slug="initech")
    page = answer.content.decode()
    assert re.search(r"http://initech\.localhost:\d+/invitations/\w{43}/", page)
    assert terms_of(account.pk).credit_factor == 120
    terms = CreditTerms.objects.get(account=account, product="copilot")
    assert terms.overflow_limit_microcredits == 50_500_000
    assert CreditTerms.objects.get(account=account, product="console").period == "none"
    standing = standing_of(account, product_named("copilot"))
    assert standing is not None
    assert standing.unallocated == 1_000 * CREDIT
    assert LlmOffer.objects.filter(account=account).count() == 2
    assert "/invitations/" not in sam_client.get("/accounts/initech/admins/").content.decode()


def test_the_same_form_twice_creates_one_account(sam_client: AccountClient) -> None:
    form = _form()
    sam_client.post(PATH, form)

    answer = sam_client.post(PATH, form)

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/initech/")
    assert Account.objects.filter(slug="initech").count() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"slug": "acme"}, "acme is taken"),
        ({"slug": "www"}, "The platform itself needs www"),
        ({"slug": "Not One"}, "lower-case letters, digits and hyphens"),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice"),
        ({"credit_factor": "0"}, "positive number below one million"),
        ({"credit_factor": "much"}, "Enter a number"),
        ({"copilot_grant": "-1"}, "Enter zero or more credits"),
        ({"copilot_grant": "lots"}, "Enter a number of credits"),
        ({"email": "nonsense"}, "valid email address"),
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"llms": ["00000000-0000-7000-8000-000000000000"]}, "Select a valid choice"),
        ({"account_id": "nonsense"}, "nothing has been created"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    sam_client: AccountClient, acme: Account, changes: dict[str, Any], sentence: str
) -> None:
    answer = sam_client.post(PATH, _form(**changes))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert 'value="Peter Gibbons"' in page
    assert not Account.objects.filter(slug="initech").exists()


def test_a_problem_of_the_service_becomes_an_error_of_its_field(
    sam_client: AccountClient, acme: Account
) -> None:
    # The form lets a printable name pass; the service does not take control characters.
    answer = sam_client.post(PATH, _form(name="Two\u2028lines"))

    assert answer.status_code == 422
    assert "1 to 120 characters" in answer.content.decode()


# -- as it is typed --------------------------------------------------------------------------------


def _ask(client: AccountClient, **asked: str) -> str:
    answer = client.get(f"{PATH}slug/", asked, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_short_name_is_suggested_from_the_name(sam_client: AccountClient, acme: Account) -> None:
    part = _ask(sam_client, typing="name", name="Acme GmbH", slug="", suggested="")

    assert re.search(r'name="slug"\s+value="acme-2"', part)
    assert "acme-2 is free." in part
    assert "<html" not in part


def test_a_short_name_that_was_typed_stays(sam_client: AccountClient) -> None:
    part = _ask(sam_client, typing="name", name="Acme", slug="own", suggested="other")

    assert 'name="slug"' not in part
    assert "own is free." in part


def test_a_taken_short_name_is_said_at_once(sam_client: AccountClient, acme: Account) -> None:
    assert "acme is taken" in _ask(sam_client, typing="slug", slug="acme")
    assert "The platform itself needs" in _ask(sam_client, typing="slug", slug="gateway")


def test_the_review_follows_and_creates_nothing(sam_client: AccountClient, acme: Account) -> None:
    answer = sam_client.post(f"{PATH}review/", _form(), headers={"HX-Request": "true"})

    part = answer.content.decode()
    assert answer.status_code == 200
    assert "initech.localhost" in part
    assert "1,000 credits now" in part
    assert "Everything is there." in part
    assert not Account.objects.filter(slug="initech").exists()


def test_the_review_of_half_a_form_is_no_error(sam_client: AccountClient) -> None:
    answer = sam_client.post(
        f"{PATH}review/", {"name": "Ini", "credit_factor": "x"}, headers={"HX-Request": "true"}
    )

    assert answer.status_code == 200
    assert "Everything is there." not in answer.content.decode()
