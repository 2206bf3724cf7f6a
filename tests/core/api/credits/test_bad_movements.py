"""Every movement over REST with every input that cannot be: a clear problem, and nothing moved."""

from typing import Any
from uuid import uuid4

import pytest

from core.credits.invariants import broken_invariants
from core.credits.models import Act, AllocationRule, Balance, Cap, Transfer
from core.credits.selectors import book_of
from core.credits.services import allocating
from core.hierarchy.product import Product, products
from core.hierarchy.services import nodes
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.api.hierarchy.conftest import *  # noqa: F403  the same people and nodes
from tests.core.api.rest import Rest, refused
from tests.factories.credits import a_key, allocate
from tests.factories.cycles import open_cycle, renew, set_plan

CREDIT = 1_000_000
KINDS = ("allocations", "top-ups", "reclaims", "moves to", "moves from", "splits", "pool")
# Zero is an allocation, a split of nothing and an empty pool, but no movement.
MAY_BE_ZERO = {"allocations", "splits", "pool"}
NO_AMOUNTS: tuple[object, ...] = (
    "-1", "-0.000001", "0.0000001", "1e30", "NaN", "Infinity", "-Infinity", "many", "", " ", "1,5",
    "٣x", "0x10", 5, 5.5, True, None, ["5"], {},
)  # fmt: skip


@pytest.fixture(autouse=True)
def granted(inside: None, product: Product) -> None:
    """Acme has 1,000 credits in Unallocated."""
    allocating.grant_credits(
        book=book_of(product.slug), amount=1000 * CREDIT, actor=TESTS, idempotency_key=a_key()
    )


def body_of(kind: str, wallet: str, other: str, amount: object) -> dict[str, Any]:
    match kind:
        case "moves to":
            return {"source": other, "destination": wallet, "amount": amount}
        case "moves from":
            return {"source": wallet, "destination": other, "amount": amount}
        case "splits":
            return {"source": wallet, "level": "team", "total": amount}
        case "pool":
            return {"amount": amount}
        case _:
            return {"wallet": wallet, "amount": amount}


def send(rest: Rest, kind: str, body: dict[str, Any], key: str = "") -> Any:
    path = kind.split(maxsplit=1)[0]
    return rest.post(f"credits/{path}", body, **{"Idempotency-Key": key or str(uuid4())})


def everything() -> tuple[Any, ...]:
    """All that a movement could change, in both books."""
    return (
        sorted(Balance.objects.values_list("wallet_id", "cycle_id", "credited", "used", "limit")),
        sorted(AllocationRule.objects.values_list("wallet_id", "amount", "mode", "pinned")),
        Transfer.objects.count(),
        Act.objects.count(),
        Cap.objects.count(),
    )


def assert_refused(answer: Any, *statuses: int) -> None:
    status, code = refused(answer)
    assert status in statuses, (status, code)
    assert answer.json()["title"], code


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_amount_moves_nothing(
    rest: Rest, marketing: Any, content: Any, kind: str
) -> None:
    allocate(marketing.wallet, 100 * CREDIT)
    before = everything()

    for amount in (*NO_AMOUNTS, *(() if kind in MAY_BE_ZERO else ("0", "0.000000"))):
        body = body_of(kind, str(marketing.wallet_id), str(content.wallet_id), amount)
        answer = send(rest, kind, body)
        assert answer.status_code == 422, (amount, answer.content)
        assert_refused(answer, 422)
        missing = {name: one for name, one in body.items() if one is not amount}
        assert_refused(send(rest, kind, missing), 422)

    assert everything() == before


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_there_is_moves_nothing(
    rest: Rest, marketing: Any, content: Any, kind: str
) -> None:
    allocate(marketing.wallet, 100 * CREDIT)
    before = everything()
    body = body_of(kind, str(marketing.wallet_id), str(content.wallet_id), "1000.000001")

    assert_refused(send(rest, kind, body), 409)

    assert everything() == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pool"])
@pytest.mark.parametrize(
    "whose", ["another account's", "the other product's", "nobody's", "the book's", "archived"]
)
def test_a_wallet_that_cannot_be_given_moves_nothing(
    rest: Rest, product: Product, globex: Account, marketing: Any, content: Any,
    kind: str, whose: str,
) -> None:  # fmt: skip
    allocate(marketing.wallet, 100 * CREDIT)
    wallet = _wallet_of(whose, rest, product, globex, marketing)
    before = everything()
    body = body_of(kind, wallet, str(content.wallet_id), "1")

    answer = send(rest, kind, body)

    assert_refused(answer, 404, 409, 422)
    assert everything() == before
    with in_account(globex):
        assert broken_invariants() == []


def _wallet_of(whose: str, rest: Rest, product: Product, globex: Account, marketing: Any) -> str:
    match whose:
        case "another account's":
            with in_account(globex):
                theirs: Any = product.organization._default_manager.first()
                return str(theirs.wallet_id)
        case "the other product's":
            other = next(one for one in products() if one.slug != product.slug)
            node: Any = other.organization._default_manager.get(name="Marketing")
            return str(node.wallet_id)
        case "the book's":
            found = rest.get("credits/wallets").json()["items"]
            return str(next(one["id"] for one in found if one["kind"] == "overflow"))
        case "archived":
            old: Any = nodes.create_team(
                product=product, organization=marketing, name="Old", actor=TESTS
            )
            nodes.archive_node(product=product, node=old, actor=TESTS)
            return str(old.wallet_id)
        case _:
            return str(uuid4())


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_comes_back_with_another_body_moves_nothing(
    rest: Rest, marketing: Any, content: Any, kind: str
) -> None:
    allocate(marketing.wallet, 100 * CREDIT)
    allocate(content.wallet, 50 * CREDIT)
    at = str(marketing.wallet_id), str(content.wallet_id)
    if kind == "moves from":
        at = at[1], at[0]
    key = str(uuid4())
    first, second = ("60", "61") if kind == "allocations" else ("10", "11")
    assert send(rest, kind, body_of(kind, *at, first), key).status_code < 300
    before = everything()

    assert_refused(send(rest, kind, body_of(kind, *at, second), key), 422)

    assert everything() == before


def test_an_act_of_a_closed_cycle_is_not_undone(
    rest: Rest, product: Product, marketing: Any
) -> None:
    book = book_of(product.slug)
    set_plan(book, grant=500 * CREDIT, period="month")
    act = allocate(marketing.wallet, 100 * CREDIT)
    renew(book, open_cycle(book).ends_at)
    before = everything()

    answer = rest.post(f"credits/acts/{act.pk}/undo", {}, **{"Idempotency-Key": str(uuid4())})

    assert refused(answer) == (409, "cycle_ended")
    assert everything() == before
