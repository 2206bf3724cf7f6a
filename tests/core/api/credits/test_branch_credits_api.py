"""Olga divides what Marketing has, Theo what its team Content has, and neither sees beyond that."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from core.credits.models import WalletKind
from core.credits.selectors import book_of, book_wallet
from core.credits.services import allocating, capping
from core.hierarchy.product import Product
from core.hierarchy.services import members, nodes
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.api.hierarchy.conftest import *  # noqa: F403  the same people and nodes
from tests.core.api.rest import Rest, refused
from tests.factories.credits import a_key, allocate, free_in, spend, split

CREDIT = 1_000_000


@pytest.fixture
def olgas(
    client_for: Callable[..., AccountClient], olga: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(olga, acme), product)


@pytest.fixture
def theos(
    client_for: Callable[..., AccountClient], theo: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(theo, acme), product)


@pytest.fixture(autouse=True)
def given(marketing: Any, content: Any, product: Product) -> None:
    """Marketing has 600 credits and Content 200 of these; the pool has 100."""
    book = book_of(product.slug)
    allocating.grant_credits(book=book, amount=1000 * CREDIT, actor=TESTS, idempotency_key=a_key())
    allocate(marketing.wallet, 600 * CREDIT)
    allocate(content.wallet, 200 * CREDIT)
    allocate(book_wallet(book, WalletKind.POOL), 100 * CREDIT)


@pytest.fixture
def mias_wallet(content: Any, product: Product, mia: User) -> Any:
    places: Any = product.membership._default_manager
    return places.get(team=content, member__user=mia).wallet


@pytest.fixture
def field(inside: None, product: Product) -> Any:
    """A team of Sales, beside Marketing, with somebody in it."""
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    team = nodes.create_team(product=product, organization=sales, name="Field", actor=TESTS)
    members.invite_member(
        product=product, email="sara@acme.example", organization=sales, team=team, actor=TESTS
    )
    assert sales.wallet is not None
    allocate(sales.wallet, 90 * CREDIT)
    return team


def sent(rest: Rest, path: str, body: dict[str, Any], query: str = "") -> Any:
    headers = {"Idempotency-Key": str(uuid4())}
    return rest.post(f"credits/{path}{query}", body, **headers)


def test_lists_hold_the_wallets_of_the_branch(
    olgas: Rest, theos: Rest, marketing: Any, content: Any, mias_wallet: Any, field: Any
) -> None:
    def seen(rest: Rest, path: str) -> set[str]:
        return {one["id"] for one in rest.get(f"credits/{path}").json()["items"]}

    assert str(marketing.wallet_id) in seen(olgas, "wallets")
    assert str(marketing.wallet_id) not in seen(theos, "wallets")
    for rest in (olgas, theos):
        assert {str(content.wallet_id), str(mias_wallet.pk)} <= seen(rest, "wallets")
        assert str(field.wallet_id) not in seen(rest, "wallets")
        assert refused(rest.get(f"credits/wallets/{field.wallet_id}"))[0] == 404
    assert seen(theos, "allocations") == {str(content.wallet_id)}


def test_movements_are_those_of_the_branch(theos: Rest, content: Any, field: Any) -> None:
    found = theos.get("credits/transfers").json()["items"]

    assert [(one["destination"], one["amount"]) for one in found] == [
        (str(content.wallet_id), "200")
    ]


@pytest.mark.parametrize("path", ["plan", "pool", "statements", "forecast"])
def test_the_book_is_not_a_branchs(olgas: Rest, path: str) -> None:
    assert refused(olgas.get(f"credits/{path}"))[0] == 403


def test_the_pool_and_the_switches_are_not_a_branchs(olgas: Rest, product: Product) -> None:
    assert refused(sent(olgas, "pool", {"amount": "1"}))[0] == 403
    assert refused(olgas.patch("credits/spill", {"pool": True}))[0] == 403
    pool = str(book_wallet(book_of(product.slug), WalletKind.POOL).pk)
    for path in ("top-ups", "reclaims", "allocations"):
        assert sent(olgas, path, {"wallet": pool, "amount": "1"}).status_code == 422


def test_what_the_own_node_has_is_set_from_above(
    olgas: Rest, theos: Rest, marketing: Any, content: Any
) -> None:
    for rest, own in ((olgas, marketing), (theos, content)):
        wallet = str(own.wallet_id)
        for path in ("top-ups", "reclaims", "allocations"):
            assert sent(rest, path, {"wallet": wallet, "amount": "1"}).status_code == 422
        assert refused(sent(rest, f"allocations/{wallet}/end", {}))[0] == 404

    given = sent(olgas, "allocations", {"wallet": str(content.wallet_id), "amount": "250"})

    assert given.status_code == 201
    assert free_in(content.wallet) == 250 * CREDIT


def test_only_what_the_own_wallet_has_is_divided(
    theos: Rest, content: Any, mias_wallet: Any
) -> None:
    wish = {"source": str(content.wallet_id), "level": "membership", "total": "201"}

    assert refused(sent(theos, "splits", wish)) == (409, "insufficient_credits")
    done = sent(theos, "splits", {**wish, "total": "200"})

    assert done.status_code == 200
    assert free_in(content.wallet) == 0
    assert free_in(mias_wallet) > 0


def test_nothing_above_the_branch_is_split(
    theos: Rest, marketing: Any, mias_wallet: Any, product: Product
) -> None:
    unallocated = str(book_wallet(book_of(product.slug), WalletKind.UNALLOCATED).pk)
    for source in (str(marketing.wallet_id), unallocated):
        wish = {"source": source, "level": "membership", "total": "1"}
        assert sent(theos, "splits", wish).status_code == 422
        chosen = {"source": source, "wallets": [str(mias_wallet.pk)], "total": "1"}
        assert sent(theos, "splits", chosen, "?preview=1").status_code == 422


def test_two_teams_of_one_admin_stay_apart(
    olgas: Rest, content: Any, marketing: Any, product: Product
) -> None:
    other = nodes.create_team(product=product, organization=marketing, name="Events", actor=TESTS)
    body = {
        "source": str(content.wallet_id),
        "destination": str(other.wallet_id),
        "amount": "10",
    }

    # Marketing stands above both, and is hers.
    assert sent(olgas, "moves", body).status_code == 201


def test_wallets_above_pay_without_their_figures(
    theos: Rest, content: Any, mias_wallet: Any, product: Product
) -> None:
    body = theos.get("credits/effective", {"wallet": str(mias_wallet.pk)}).json()

    shown = {one["kind"]: one["free"] for one in body["payers"]}
    assert shown["team"] == "200"
    assert shown["overflow"] is None
    assert body["spendable"] == "200"


def test_a_cap_from_above_stays(theos: Rest, content: Any, mias_wallet: Any, mia: User,
                                product: Product) -> None:  # fmt: skip
    book = book_of(product.slug)
    cap = capping.set_cap(book=book, subject=content.pk, window="day", amount=CREDIT, actor=TESTS)

    assert theos.delete(f"credits/caps/{cap.pk}").status_code == 403
    own = {"subject": str(content.pk), "window": "week", "amount": "9"}
    assert theos.post("credits/caps", own).status_code == 422
    places: Any = product.membership._default_manager
    place = places.get(wallet=mias_wallet)
    assert theos.post("credits/caps", {**own, "subject": str(place.pk)}).status_code == 201
    # It names the team, so who administers that reads it.
    newest = theos.get("audit").json()["items"][0]
    assert (newest["verb"], newest["actor"]["label"]) == ("credits.cap_set", "Theo Teamlead")


def test_an_act_from_above_is_not_undone_below(theos: Rest, olgas: Rest, content: Any) -> None:
    act = allocate(content.wallet, 150 * CREDIT)

    assert refused(sent(theos, f"acts/{act.pk}/undo", {}))[0] == 404
    assert sent(olgas, f"acts/{act.pk}/undo", {}).status_code == 200


def test_a_split_from_above_is_not_undone_below(
    theos: Rest, olgas: Rest, mias_wallet: Any, marketing: Any, content: Any
) -> None:
    act = split(marketing.wallet, [mias_wallet, content.wallet], 10 * CREDIT,
                keeps_overrides=True)  # fmt: skip

    assert refused(sent(theos, f"acts/{act.pk}/undo", {}))[0] == 404


def test_acts_of_others_leave_no_holes_in_the_pages_of_a_branch(
    theos: Rest, olgas: Rest, mias_wallet: Any, content: Any
) -> None:
    mine = [allocate(mias_wallet, amount * CREDIT) for amount in (10, 20, 30)]
    for amount in (150, 160, 170, 180):
        olgas_act = allocate(content.wallet, amount * CREDIT)

    first = theos.get("credits/acts?limit=2").json()
    then = theos.get(f"credits/acts?limit=2&cursor={first['next']}").json()

    shown = [act["id"] for act in first["items"] + then["items"]]
    assert shown == [str(act.pk) for act in reversed(mine)]
    assert then["next"] is None
    assert olgas.get("credits/acts?limit=1").json()["items"][0]["id"] == str(olgas_act.pk)


def test_an_earlier_cycle_is_looked_back_at(theos: Rest, content: Any, mias_wallet: Any) -> None:
    allocate(mias_wallet, 20 * CREDIT)
    spend(mias_wallet, 5 * CREDIT)

    now = theos.get("credits/wallets", {"cycle": "1", "kind": "membership"}).json()["items"]

    assert {"id": str(mias_wallet.pk), "used": "5", "allocation": "20"}.items() <= next(
        one for one in now if one["id"] == str(mias_wallet.pk)
    ).items()
    assert theos.get("credits/wallets", {"cycle": "7"}).status_code == 422
