"""One account's pages: terms, credits by hand, offers, admins, state."""

import re
from decimal import Decimal
from typing import Any

import pytest

from core.hierarchy.product import product_named
from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account, CreditTerms, LlmOffer
from tenants.selectors import admins_of, standing_of, terms_of, withheld_features
from tests.cast import ADA, MIA
from tests.clients import AccountClient
from tests.core.ui.branch import branch_of
from tests.factories.credits import allocate, set_overflow
from tests.factories.tenants import LlmFactory

CREDIT = 1_000_000
HOME = "/accounts/acme/"


def _unallocated(account: Account) -> int:
    standing = standing_of(account, product_named("copilot"))
    assert standing is not None
    return standing.unallocated


def _move(**changes: str) -> dict[str, str]:
    return {"amount": "100", "reason": "Goodwill", "nonce": str(uuid7()), **changes}


# -- state and name --------------------------------------------------------------------------------


def test_a_suspension_asks_for_a_reason_and_says_what_happens(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(f"{HOME}suspend/", {"reason": " "})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'id="suspend"[^>]* data-shown', page)
    assert "Virtual keys and tokens are refused" in page
    acme.refresh_from_db()
    assert acme.state == "active"


@pytest.mark.parametrize(("act", "state"), [("suspend", "suspended"), ("archive", "archived")])
def test_an_account_is_closed_and_restored(
    sam_client: AccountClient, acme: Account, act: str, state: str
) -> None:
    answer = sam_client.post(f"{HOME}{act}/", {"reason": "Unpaid"}, follow=True)

    assert f"This account is {state}" in answer.content.decode()
    acme.refresh_from_db()
    assert acme.state == state

    sam_client.post(f"{HOME}restore/", {"reason": "Paid"})

    acme.refresh_from_db()
    assert acme.state == "active"


def test_a_second_suspension_is_an_error_not_a_crash(
    sam_client: AccountClient, acme: Account
) -> None:
    sam_client.post(f"{HOME}suspend/", {"reason": "Unpaid"})

    answer = sam_client.post(f"{HOME}suspend/", {"reason": "Unpaid"})

    assert answer.status_code == 422
    assert "Acme is suspended." in answer.content.decode()


def test_a_rename_keeps_what_was_typed_when_it_cannot_be(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(f"{HOME}rename/", {"name": "Acme\u2028Sons"})

    assert answer.status_code == 422
    assert "1 to 120 characters" in answer.content.decode()

    sam_client.post(f"{HOME}rename/", {"name": "Acme & Sons"})

    acme.refresh_from_db()
    assert acme.name == "Acme & Sons"


# -- credits ---------------------------------------------------------------------------------------


def test_a_new_factor_counts_and_history_is_shown(sam_client: AccountClient, acme: Account) -> None:
    answer = sam_client.post(
        f"{HOME}credits/factor/", {"factor": "110.5", "reason": "Contract"}, follow=True
    )

    assert terms_of(acme.pk).credit_factor == Decimal("110.5")
    page = answer.content.decode()
    assert "110.5" in page
    assert page.count("in force") == 1


@pytest.mark.parametrize("factor", ["0", "-1", "x", "", "1e9"])
def test_a_factor_that_cannot_be_opens_its_dialog_again(
    sam_client: AccountClient, acme: Account, factor: str
) -> None:
    answer = sam_client.post(f"{HOME}credits/factor/", {"factor": factor})

    assert answer.status_code == 422
    assert re.search(r'id="factor"[^>]* data-shown', answer.content.decode())
    assert terms_of(acme.pk).credit_factor == 100


def test_terms_are_set_for_one_product(sam_client: AccountClient, acme: Account) -> None:
    sam_client.post(
        f"{HOME}credits/console/terms/",
        {"grant": "2,500", "period": "month", "overflow_limit": "0.5"},
    )

    row = CreditTerms.objects.get(account=acme, version=2)
    assert (row.product, row.grant_microcredits) == ("console", 2_500 * CREDIT)
    assert row.overflow_limit_microcredits == CREDIT // 2


def test_an_overflow_limit_is_recommended_by_what_cycles_drew(
    sam_client: AccountClient, acme: Account
) -> None:
    with in_account(acme):
        branch = branch_of(product_named("copilot"))
        set_overflow(branch.book, 900 * CREDIT)
        allocate(branch.place.wallet, 0)
        branch.call(80 * CREDIT)

    page = " ".join(sam_client.get(f"{HOME}credits/").content.decode().split())

    # A quarter more than was drawn.
    assert 'Recommended overflow limit: <span class="ck-strong">100</span>' in page
    assert "Recommended overflow limit: 0." in page


def test_terms_that_cannot_be_are_kept_on_the_page(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(
        f"{HOME}credits/console/terms/",
        {"grant": "a lot", "period": "month", "overflow_limit": "7"},
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="a lot"' in page
    assert not CreditTerms.objects.filter(version=2).exists()


def test_a_top_up_sent_twice_counts_once(sam_client: AccountClient, acme: Account) -> None:
    form = _move()

    for _click in range(2):
        answer = sam_client.post(f"{HOME}credits/copilot/top-up/", form)
        assert answer.status_code == 302

    assert _unallocated(acme) == 100 * CREDIT


def test_each_page_brings_a_nonce_of_its_own(sam_client: AccountClient, acme: Account) -> None:
    first, second = (
        re.findall(
            r'name="nonce" value="([^"]+)"', sam_client.get(f"{HOME}credits/").content.decode()
        )
        for _ in range(2)
    )

    assert len({*first, *second}) == 8


@pytest.mark.parametrize(
    "changes", [{"reason": ""}, {"amount": "0"}, {"amount": "-5"}, {"amount": "x"},
                {"amount": "0.0000001"}, {"nonce": "x"}, {"nonce": ""}]
)  # fmt: skip
def test_a_top_up_that_cannot_be_moves_nothing(
    sam_client: AccountClient, acme: Account, changes: dict[str, str]
) -> None:
    answer = sam_client.post(f"{HOME}credits/copilot/top-up/", _move(**changes))

    assert answer.status_code == 422
    assert _unallocated(acme) == 0


def test_taking_back_more_than_there_is_says_how_much_there_is(
    sam_client: AccountClient, acme: Account
) -> None:
    sam_client.post(f"{HOME}credits/copilot/top-up/", _move())

    answer = sam_client.post(f"{HOME}credits/copilot/take-back/", _move(amount="101"))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Unallocated has 100 credits free" in page
    assert 'value="101"' in page
    assert _unallocated(acme) == 100 * CREDIT


def test_credits_are_taken_back(sam_client: AccountClient, acme: Account) -> None:
    sam_client.post(f"{HOME}credits/copilot/top-up/", _move())
    sam_client.post(f"{HOME}credits/copilot/take-back/", _move(amount="40"))

    assert _unallocated(acme) == 60 * CREDIT


# -- offers ----------------------------------------------------------------------------------------


def test_offers_are_saved_for_each_product(sam_client: AccountClient, acme: Account) -> None:
    first, second = LlmFactory(offered_to=acme), LlmFactory()

    sam_client.post(
        f"{HOME}llms/save/", {"copilot": [first.name, second.name], "console": [second.name]}
    )

    offers = LlmOffer.objects.filter(account=acme).values_list("product", "llm__name")
    assert set(offers) == {
        ("copilot", first.name),
        ("copilot", second.name),
        ("console", second.name),
    }


def seen_on(page: str) -> dict[str, str]:
    """Return the fields of a form that say what was ticked when it was shown."""
    return dict(re.findall(r'name="(seen-\w+)"\s+value="([^"]*)"', page))


def test_offers_that_somebody_else_has_changed_are_not_overwritten(
    sam_client: AccountClient, acme: Account
) -> None:
    first, second, third = LlmFactory(offered_to=acme), LlmFactory(), LlmFactory()
    stale = seen_on(sam_client.get(f"{HOME}llms/").content.decode())
    both = [first.name, second.name]
    sam_client.post(f"{HOME}llms/save/", {"copilot": both, "console": [first.name], **stale})

    mine = {"copilot": [first.name, third.name], "console": [first.name]}
    refused = sam_client.post(f"{HOME}llms/save/", {**mine, **stale})

    assert refused.status_code == 409
    page = refused.content.decode()
    assert "nothing is saved yet" in page
    assert offered_names(acme, "copilot") == {first.name, second.name}
    # What was ticked is still there, and what the other did stands out.
    ticked = set(re.findall(r'name="copilot"\s+value="([^"]*)" checked', page))
    assert ticked == {first.name, third.name}
    assert page.count("Ticked meanwhile") == 1
    assert "Unticked meanwhile" not in page

    again = sam_client.post(f"{HOME}llms/save/", {**mine, **seen_on(page)})

    assert again.status_code == 302
    assert offered_names(acme, "copilot") == {first.name, third.name}


def offered_names(account: Account, product: str) -> set[str]:
    offers = LlmOffer.objects.filter(account=account, product=product)
    return set(offers.values_list("llm__name", flat=True))


def test_features_that_somebody_else_has_changed_are_not_overwritten(
    sam_client: AccountClient, acme: Account
) -> None:
    stale = seen_on(sam_client.get(f"{HOME}features/").content.decode())
    everything = {name.removeprefix("seen-"): keys.split() for name, keys in stale.items()}
    less = {**everything, "copilot": []}
    sam_client.post(f"{HOME}features/save/", {**less, **stale})

    mine = {**everything, "console": ["playground"]}
    refused = sam_client.post(f"{HOME}features/save/", {**mine, **stale})

    assert refused.status_code == 409
    page = refused.content.decode()
    assert withheld_features(acme.pk, "console") == frozenset()
    assert re.findall(r'name="console"\s+value="([^"]*)" checked', page) == ["playground"]
    assert page.count("Unticked meanwhile") == len(everything["copilot"])

    sam_client.post(f"{HOME}features/save/", {**mine, **seen_on(page)})

    assert withheld_features(acme.pk, "copilot") == frozenset()
    assert "playground" not in withheld_features(acme.pk, "console")
    assert "personal_keys" in withheld_features(acme.pk, "console")


def test_prices_stand_in_dollars_and_in_the_accounts_credits(
    sam_client: AccountClient, acme: Account
) -> None:
    LlmFactory(offered_to=acme, prices={"input_usd": Decimal("1.25"), "output_usd": Decimal(10)})

    page = sam_client.get(f"{HOME}llms/").content.decode()

    assert "$1.25" in page
    assert "125 credits" in page
    assert "1,000 credits" in page


# -- admins ----------------------------------------------------------------------------------------


def test_a_new_admins_link_is_shown_once(sam_client: AccountClient, acme: Account) -> None:
    answer = sam_client.post(
        f"{HOME}admins/appoint/", {"email": "nora@acme.example", "name": "Nora"}
    )

    assert re.search(r"/invitations/\w{43}/", answer.content.decode())
    assert "/invitations/" not in sam_client.get(f"{HOME}admins/").content.decode()
    assert {admin.email for admin in admins_of(acme)} == {ADA.email, "nora@acme.example"}


def test_an_admin_of_before_is_an_error_of_the_form(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(f"{HOME}admins/appoint/", {"email": ADA.email})

    assert answer.status_code == 422
    assert "is an admin of Acme already" in answer.content.decode()


def test_a_new_link_is_made_for_who_has_not_joined(
    sam_client: AccountClient, acme: Account, ada: User
) -> None:
    sam_client.post(f"{HOME}admins/appoint/", {"email": "nora@acme.example"})
    [nora] = [admin for admin in admins_of(acme) if admin.email == "nora@acme.example"]

    answer = sam_client.post(f"{HOME}admins/{nora.user_id}/invite/")

    assert "/invitations/" in answer.content.decode()

    refused = sam_client.post(f"{HOME}admins/{ada.pk}/invite/", follow=True)

    assert "needs no invitation" in refused.content.decode()


def test_the_last_admin_cannot_be_removed(
    sam_client: AccountClient, acme: Account, ada: User
) -> None:
    answer = sam_client.post(f"{HOME}admins/{ada.pk}/remove/", follow=True)

    assert "Make somebody else account admin first" in answer.content.decode()
    assert [admin.email for admin in admins_of(acme)] == [ADA.email]


def test_an_admin_is_removed(sam_client: AccountClient, acme: Account, ada: User) -> None:
    sam_client.post(f"{HOME}admins/appoint/", {"email": MIA.email})

    sam_client.post(f"{HOME}admins/{ada.pk}/remove/", {"reason": "Left"})

    assert [admin.email for admin in admins_of(acme)] == [MIA.email]


# -- what it costs to show -------------------------------------------------------------------------


@pytest.mark.parametrize("tab", ["", "credits/", "llms/", "admins/", "audit/"])
def test_a_page_costs_the_same_however_much_there_is(
    sam_client: AccountClient, acme: Account, tab: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        LlmFactory(offered_to=acme)
        sam_client.post(f"{HOME}admins/appoint/", {"email": f"n{number}@acme.example"})
    sam_client.get(f"{HOME}{tab}")

    # Of both products' books, a page of credits shows more than one figure.
    most = 45 if tab == "credits/" else 30
    with django_assert_max_num_queries(most) as few:
        sam_client.get(f"{HOME}{tab}")
    for number in range(10):
        LlmFactory(offered_to=acme)
        sam_client.post(f"{HOME}admins/appoint/", {"email": f"m{number}@acme.example"})
    with django_assert_max_num_queries(most) as many:
        sam_client.get(f"{HOME}{tab}")

    assert len(many) == len(few)
