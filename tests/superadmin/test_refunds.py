"""The super admin gives back what a call was charged: on the page and over REST."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.audit.models import AuditEntry
from core.credits.models import UsageEvent
from core.hierarchy.product import product_named
from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.api.rest import JSON, faults, refused
from tests.core.ui.branch import branch_of, whole

PAGE = "/accounts/acme/credits/console/refund/"
REST = "/api/superadmin/v1/accounts/acme/refunds"


@pytest.fixture
def call(acme: Account) -> UUID:
    """A call of Mia's that was charged 30 credits of Content."""
    with in_account(acme):
        return branch_of(product_named("console")).call(whole(30))


def back(account: Account) -> list[int]:
    with in_account(account):
        rows = UsageEvent.objects.filter(refund_of__isnull=False).order_by("created_at")
        return list(rows.values_list("credits", flat=True))


def sent(client: AccountClient, call: object, query: str = "", **changes: Any) -> Any:
    body = {"product": "console", "call": str(call), "amount": "12.5", "reason": "It broke off."}
    headers = {"Idempotency-Key": changes.pop("key", str(uuid4()))}
    return client.post(f"{REST}{query}", {**body, **changes}, content_type=JSON, headers=headers)


def test_a_call_is_looked_up_before_anything_moves(
    sam_client: AccountClient, acme: Account, call: UUID
) -> None:
    page = sam_client.get(PAGE, {"call": str(call)})

    assert page.context["call"].left == whole(30)
    assert page.context["outcome"].back == (("Team", whole(30)),)
    assert page.context["form"].initial["amount"] == "30"
    assert back(acme) == []


def test_what_is_typed_is_previewed(sam_client: AccountClient, acme: Account, call: UUID) -> None:
    htmx = {"HX-Request": "true"}
    at = f"{PAGE}preview/?call={call}&amount="
    fine = sam_client.get(f"{at}10", headers=htmx)
    too_much = sam_client.get(f"{at}31", headers=htmx)

    assert '<td class="ck-end ck-subtle">20</td>' in fine.content.decode()
    assert "30 credits of the charge are left" in too_much.content.decode()
    assert sam_client.get(f"{at}10")["Location"] == f"{PAGE}?call={call}"
    assert back(acme) == []


def test_it_is_given_back_once_with_a_reason_in_both_logs(
    sam_client: AccountClient, acme: Account, call: UUID
) -> None:
    form = {"amount": "10", "reason": "It broke off.", "nonce": str(uuid7())}

    first = sam_client.post(f"{PAGE}?call={call}", form)
    sam_client.post(f"{PAGE}?call={call}", form)

    assert first.status_code == 302
    assert back(acme) == [-whole(10)]
    assert AuditEntry.objects.get(verb="account.call_refunded").reason == "It broke off."
    with in_account(acme):
        assert AuditEntry.objects.get(verb="credits.refunded").reason == "It broke off."


@pytest.mark.parametrize(
    "changes",
    [{"amount": "31"}, {"amount": "0"}, {"amount": "-1"}, {"amount": "much"}, {"reason": ""}],
)
def test_what_cannot_be_comes_back_with_the_form(
    sam_client: AccountClient, acme: Account, call: UUID, changes: dict[str, str]
) -> None:
    form = {"amount": "10", "reason": "It broke off.", "nonce": str(uuid7()), **changes}

    answer = sam_client.post(f"{PAGE}?call={call}", form)

    assert answer.status_code == 422
    assert back(acme) == []


@pytest.mark.parametrize("named", ["", "nonsense", str(UUID(int=7))])
def test_a_call_that_is_not_there_is_said(
    sam_client: AccountClient, acme: Account, named: str
) -> None:
    answer = sam_client.get(PAGE, {"call": named})

    assert answer.status_code == 422
    assert answer.context["named"].errors["call"]


def test_the_call_of_the_other_product_is_not_there(
    sam_client: AccountClient, acme: Account, call: UUID
) -> None:
    answer = sam_client.get("/accounts/acme/credits/copilot/refund/", {"call": str(call)})

    assert answer.status_code == 422


def test_over_rest_it_is_previewed_and_done_once(
    sam_client: AccountClient, acme: Account, call: UUID
) -> None:
    looked = sent(sam_client, call, "?preview=1").json()
    nothing = back(acme)
    done = sent(sam_client, call, key="k1")
    again = sent(sam_client, call, key="k1")

    assert looked == {
        "preview": True,
        "call": str(call),
        "charged": "30",
        "refunded": "12.5",
        "left": "17.5",
        "back": [{"kind": "Team", "amount": "12.5"}],
    }
    assert nothing == []
    assert (done.status_code, again["Idempotency-Replayed"]) == (200, "true")
    assert back(acme) == [-12_500_000]


def test_bad_input_over_rest_is_a_clear_problem(
    sam_client: AccountClient, acme: Account, call: UUID
) -> None:
    without = sam_client.post(REST, {}, content_type=JSON)

    assert refused(sent(sam_client, call, amount="31")) == (409, "refund_too_large")
    assert refused(sent(sam_client, uuid4())) == (404, "not_found")
    assert faults(sent(sam_client, call, amount="0")) == [("/amount", "amount")]
    assert faults(sent(sam_client, call, reason=" ")) == [("/reason", "required")]
    assert refused(sent(sam_client, "x"))[0] == 422
    assert refused(without) == (400, "idempotency_key_missing")
    sent(sam_client, call, key="k2")
    assert refused(sent(sam_client, call, key="k2", amount="1"))[0] == 422
    assert len(back(acme)) == 1


def test_a_refund_stands_on_the_calls_page_and_the_wallets_statement(
    sam_client: AccountClient,
    client_for: Callable[..., AccountClient],
    ada: User,
    acme: Account,
    call: UUID,
) -> None:
    sent(sam_client, call)
    ada_client = client_for(ada, acme)
    with in_account(acme):
        event = UsageEvent.objects.get(pk=call)
        payer = event.charges[0]["wallet"]

    of_the_call = ada_client.get(f"/console/usage/calls/{call}/").content.decode()
    page = ada_client.get(f"/console/credits/{payer}/").content.decode()
    over_rest = ada_client.get(f"/api/console/v1/credits/wallets/{payer}/statement").json()
    file = ada_client.get(f"/api/console/v1/credits/wallets/{payer}/statement.csv").content.decode()

    assert "It broke off." in of_the_call
    assert "Refund of a call" in page
    assert over_rest["used"] == "30"
    assert [(row["call"], row["amount"]) for row in over_rest["refunds"]] == [(str(call), "12.5")]
    assert f"refund,call {call},12.5,It broke off." in file
