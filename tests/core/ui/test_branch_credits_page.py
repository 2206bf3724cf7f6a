"""Credits as Olga and Theo see them: what is theirs to divide, and nothing from above."""

from collections.abc import Callable
from typing import Any

import pytest

from core.credits.models import Wallet
from core.credits.selectors import balance_of
from core.hierarchy.selections import unallocated_id
from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of, whole
from tests.factories.credits import seats, split


@pytest.fixture
def home(branch: ProductBranch) -> str:
    return f"/{branch.product.slug}/credits/"


@pytest.fixture
def theos(client_for: Callable[..., AccountClient], theo: User, acme: Account) -> AccountClient:
    return client_for(theo, acme)


@pytest.fixture
def olgas(client_for: Callable[..., AccountClient], olga: User, acme: Account) -> AccountClient:
    return client_for(olga, acme)


def free_in(acme: Account, wallet: Wallet) -> int:
    with in_account(acme):
        return balance_of(wallet).free


def test_the_only_team_is_open_and_its_own_figures_stand_above(
    theos: AccountClient, home: str
) -> None:
    text = text_of(theos.get(home))

    assert "Mia Member" in text
    assert "Credits of your branch" in text
    for word in ("Unallocated", "Overflow comes last", "Save thresholds", "Marketing"):
        assert word not in text


def test_what_the_team_has_is_divided_by_who_administers_it(
    theos: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    page = f"{home}{branch.team.wallet_id}/split/"
    sent = {"level": "membership", "nonce": str(uuid7())}

    def apply(total: str) -> Any:
        seen = theos.get(page, {**sent, "total": total}).context["plan"].mark
        return theos.post(page, {**sent, "total": total, "seen": seen, "apply": "1"})

    too_much, done = apply("401"), apply("90")

    assert "has 400 credits free; this takes 401" in text_of(too_much)
    assert done.status_code == 302
    assert free_in(acme, branch.team.wallet) == whole(310)
    assert f"Split equally: {branch.team.name}" in text_of(theos.get(home))


def test_split_equally_leads_to_the_one_node_there_is(
    theos: AccountClient, olgas: AccountClient, branch: ProductBranch, home: str
) -> None:
    for client, node in ((theos, branch.team), (olgas, branch.organization)):
        answer = client.get(f"{home}split/")

        assert answer["Location"] == f"{home}{node.wallet_id}/split/"


def test_nothing_above_is_split(
    theos: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    with in_account(acme):
        above = (unallocated_id(branch.product), branch.pool.pk, branch.organization.wallet_id)
    for wallet in above:
        assert theos.get(f"{home}{wallet}/split/").status_code == 404
        assert theos.get(f"{home}{wallet}/").status_code == 404


def test_a_share_of_a_split_from_above_is_not_pinned_below(
    theos: AccountClient, olgas: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    with in_account(acme):
        wallets = [branch.place.wallet, *seats(branch.team.wallet, 2)]
        split(branch.organization.wallet, wallets, whole(90))
    page = f"{home}{branch.place.wallet_id}/override/"

    assert theos.get(page).status_code == 404
    assert page not in text_of(theos.get(home))
    assert olgas.get(page).status_code == 200


def test_an_amount_typed_in_a_row_comes_from_the_team(
    theos: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    sent = {"amount": "15", "nonce": str(uuid7())}

    assert theos.post(f"{home}{branch.place.wallet_id}/amount/", sent).status_code == 302
    assert theos.post(f"{home}{branch.team.wallet_id}/amount/", sent).status_code == 404
    assert free_in(acme, branch.team.wallet) == whole(385)


def test_wallets_above_pay_without_their_figures(
    theos: AccountClient, branch: ProductBranch, home: str
) -> None:
    text = text_of(theos.get(f"{home}{branch.place.wallet_id}/"))

    assert "above your branch" in text
    assert "400 credits, taken in this order" in text


def test_switches_and_thresholds_are_the_account_admins(olgas: AccountClient, home: str) -> None:
    assert olgas.post(f"{home}spill/", {"pool": "on"}).status_code == 403
    assert olgas.post(f"{home}alerts/", {"percents": "10"}).status_code == 403
