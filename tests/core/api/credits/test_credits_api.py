"""Credits over REST, once for each product. Amounts are credits as decimal strings."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from core.access.scopes import EVERYTHING
from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import Transfer
from core.credits.selectors import book_of
from core.credits.services import allocating
from core.hierarchy.allocation_file import plan_file
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.api.hierarchy.conftest import *  # noqa: F403  the same people and nodes
from tests.core.api.rest import Rest, faults, refused
from tests.factories.credits import a_key, free_in
from tests.factories.cycles import set_plan

CREDIT = 1_000_000


@pytest.fixture(autouse=True)
def granted(inside: None, product: Product) -> None:
    """Acme has 1,000 credits in Unallocated."""
    allocating.grant_credits(
        book=book_of(product.slug), amount=1000 * CREDIT, actor=TESTS, idempotency_key=a_key()
    )


@pytest.fixture
def post(rest: Rest) -> Callable[..., Any]:
    """Send a change under a key that nobody has used."""

    def send(path: str, body: dict[str, Any], **headers: str) -> Any:
        headers = {"Idempotency-Key": str(uuid4()), **headers}
        return rest.post(f"credits/{path}", body, **headers)

    return send


def wallet(rest: Rest, node: Any) -> dict[str, Any]:
    found: dict[str, Any] = rest.get(f"credits/wallets/{node.wallet_id}").json()
    return found


# -- reading ---------------------------------------------------------------------------------------


def test_the_plan_says_what_is_where(rest: Rest, product: Product) -> None:
    set_plan(book_of(product.slug), grant=500 * CREDIT)

    body = rest.get("credits/plan").json()

    assert body["figures"]["granted"] == "1000"
    assert body["figures"]["unallocated"] == "1000"
    assert body["spill"] == {"team": False, "organization": False, "pool": True}
    # Where there is a plan already, the new one waits for the next cycle.
    versions = [one for one in (body["plan"], body["next_plan"]) if one is not None]
    assert versions[-1]["grant"] == "500"


def test_the_switches_change_one_by_one(rest: Rest) -> None:
    body = rest.patch("credits/spill", {"team": True}).json()

    assert body["spill"] == {"team": True, "organization": False, "pool": True}
    entry = AuditEntry.objects.latest("id")
    assert (entry.verb, entry.actor_label) == ("credits.spill_set", "Ada Admin")


def test_a_wallet_is_shown_with_its_node(
    rest: Rest, post: Callable[..., Any], marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "12.5"})

    assert wallet(rest, marketing) == {
        "id": str(marketing.wallet_id),
        "kind": "organization",
        "node": {"id": str(marketing.pk), "name": "Marketing"},
        "parent": None,
        "allocation": "12.5",
        "short": "0",
        "credited": "12.5",
        "used": "0",
        "reserved": "0",
        "limit": "0",
        "free": "12.5",
    }
    assert wallet(rest, content)["allocation"] is None


def test_wallets_are_listed_page_by_page(rest: Rest, inside: None) -> None:
    first = rest.get("credits/wallets", {"limit": "2"}).json()
    second = rest.get("credits/wallets", {"limit": "200", "cursor": first["next"]}).json()

    kinds = [item["kind"] for item in (*first["items"], *second["items"])]
    assert kinds[:3] == ["unallocated", "pool", "overflow"]
    assert {"organization", "team", "membership"} <= set(kinds)
    assert second["next"] is None


def test_a_list_of_wallets_takes_the_same_queries_for_any_number(
    rest: Rest, django_assert_max_num_queries: Any
) -> None:
    rest.get("credits/wallets")
    with django_assert_max_num_queries(20):
        rest.get("credits/wallets", {"limit": "200"})


def test_who_pays_for_whom(
    rest: Rest, post: Callable[..., Any], marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "20"})
    post("pool", {"amount": "5"})

    body = rest.get("credits/effective", {"wallet": str(content.wallet_id)}).json()

    assert body["spendable"] == "25"
    found = [(payer["kind"], payer["via"], payer["free"]) for payer in body["payers"]]
    assert found == [
        ("team", "leftover", "0"),
        ("organization", "inherits", "20"),
        ("pool", "spill", "5"),
        ("overflow", "overflow", "0"),
    ]


def test_cycles_and_statements(rest: Rest) -> None:
    cycles = rest.get("credits/cycles").json()["items"]

    assert [(one["number"], one["state"]) for one in cycles] == [(1, "open")]
    assert rest.get("credits/statements").json() == {"items": [], "next": None}


# -- moving ----------------------------------------------------------------------------------------


def test_an_allocation_moves_the_difference(
    rest: Rest, post: Callable[..., Any], marketing: Any
) -> None:
    at = str(marketing.wallet_id)
    post("allocations", {"wallet": at, "amount": "100", "reason": "Autumn"})
    response = post("allocations", {"wallet": at, "amount": "40"})

    assert response.status_code == 201
    assert response.json()["verb"] == "credits.allocated"
    assert wallet(rest, marketing)["free"] == "40"
    moved = rest.get("credits/transfers", {"wallet": at}).json()["items"]
    assert [(one["kind"], one["amount"]) for one in moved] == [
        ("reclaim", "60"),
        ("allocate", "100"),
    ]
    by_act = rest.get("credits/transfers", {"act": response.json()["id"]}).json()["items"]
    assert by_act == moved[:1]
    assert rest.get("credits/allocations").json()["items"][0]["allocation"] == "40"
    assert broken_invariants() == []


def test_an_allocation_ends(rest: Rest, post: Callable[..., Any], marketing: Any) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "100"})

    response = post(f"allocations/{marketing.wallet_id}/end", {"reason": "Merged"})

    assert response.status_code == 201
    assert wallet(rest, marketing)["allocation"] is None
    assert wallet(rest, marketing)["free"] == "0"


def test_topping_up_reclaiming_and_moving(
    rest: Rest, post: Callable[..., Any], marketing: Any, content: Any
) -> None:
    organization, team = str(marketing.wallet_id), str(content.wallet_id)

    assert post("top-ups", {"wallet": organization, "amount": "50"}).status_code == 201
    assert post("top-ups", {"wallet": team, "amount": "30"}).status_code == 201
    assert post("reclaims", {"wallet": team, "amount": "10.25"}).status_code == 201
    moved = post("moves", {"source": team, "destination": organization, "amount": "1"})

    assert moved.status_code == 201
    assert wallet(rest, marketing)["free"] == "31.25"
    assert wallet(rest, content)["free"] == "18.75"
    assert broken_invariants() == []


def test_a_split_is_looked_at_and_then_applied(
    rest: Rest, post: Callable[..., Any], marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "100"})
    body = {"source": str(marketing.wallet_id), "level": "team", "total": "60"}

    looked = post("splits?preview=1", body).json()
    assert (looked["preview"], looked["possible"], looked["act"]) == (True, True, None)
    assert wallet(rest, content)["free"] == "0"
    applied = post("splits", body).json()

    assert applied["changes"] == looked["changes"]
    assert applied["changes"][0]["wallet"] == str(marketing.wallet_id)
    assert (applied["changes"][0]["free_before"], applied["changes"][0]["free_after"]) == (
        "100",
        "40",
    )
    assert wallet(rest, content)["free"] == "60"
    assert applied["act"]["verb"] == "credits.split"


def test_a_split_of_others_than_were_seen_is_refused(
    rest: Rest, post: Callable[..., Any], marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "100"})
    body = {"source": str(marketing.wallet_id), "level": "team", "total": "60"}
    mark = post("splits?preview=1", body).json()["mark"]
    post("allocations", {"wallet": str(content.wallet_id), "amount": "5"})

    assert refused(post("splits", {**body, "mark": mark})) == (409, "split_changed")

    assert wallet(rest, content)["free"] == "5"
    looked = post("splits?preview=1", body).json()
    applied = post("splits", {**body, "mark": looked["mark"]}).json()
    assert (applied["mark"], applied["changes"]) == (looked["mark"], looked["changes"])


def test_chosen_wallets_share(rest: Rest, post: Callable[..., Any], marketing: Any) -> None:
    body = {"wallets": [str(marketing.wallet_id)], "total": "10"}

    assert post("splits", body).status_code == 200
    assert wallet(rest, marketing)["allocation"] == "10"


def test_an_act_is_taken_back(rest: Rest, post: Callable[..., Any], marketing: Any) -> None:
    act = post("allocations", {"wallet": str(marketing.wallet_id), "amount": "100"}).json()

    looked = post(f"acts/{act['id']}/undo?preview=1", {}).json()
    assert (looked["possible"], looked["obstacle"], looked["act"]) == ("100", "", None)
    assert wallet(rest, marketing)["free"] == "100"
    done = post(f"acts/{act['id']}/undo", {"reason": "Wrong one"}).json()

    assert done["act"]["undoes"] == act["id"]
    assert wallet(rest, marketing)["allocation"] is None
    assert refused(post(f"acts/{act['id']}/undo", {}))[0] == 409


def test_the_pool(rest: Rest, post: Callable[..., Any]) -> None:
    assert post("pool", {"amount": "70"}).status_code == 201

    body = rest.get("credits/pool").json()
    assert (body["kind"], body["allocation"], body["free"]) == ("pool", "70", "70")


def test_caps_are_set_changed_and_removed(
    rest: Rest, post: Callable[..., Any], content: Any
) -> None:
    body = {"subject": str(content.pk), "window": "day", "amount": "50"}
    cap = post("caps", body).json()
    post("caps", {**body, "amount": "60"})

    listed = rest.get("credits/caps", {"subject": str(content.pk)}).json()["items"]
    assert [(one["id"], one["amount"]) for one in listed] == [(cap["id"], "60")]
    assert rest.delete(f"credits/caps/{cap['id']}").status_code == 204
    assert rest.get("credits/caps").json()["items"] == []
    assert refused(rest.delete(f"credits/caps/{cap['id']}")) == (404, "not_found")


# -- once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["allocations", "top-ups", "reclaims", "moves", "splits", "pool"])
def test_without_a_key_nothing_moves(rest: Rest, path: str) -> None:
    assert refused(rest.post(f"credits/{path}", {})) == (400, "idempotency_key_missing")


def test_the_same_key_moves_once(rest: Rest, post: Callable[..., Any], marketing: Any) -> None:
    body = {"wallet": str(marketing.wallet_id), "amount": "10"}

    first = post("top-ups", body, **{"Idempotency-Key": "one"})
    again = post("top-ups", body, **{"Idempotency-Key": "one"})
    other = post("top-ups", {**body, "amount": "20"}, **{"Idempotency-Key": "one"})

    assert (first.json(), again["Idempotency-Replayed"]) == (again.json(), "true")
    assert refused(other) == (422, "idempotency_key_reused")
    assert wallet(rest, marketing)["free"] == "10"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount", ["-1", "0.0000001", "1e30", "NaN", "Infinity", "many", "", 5, 5.5, None, ["5"], {}]
)
def test_what_is_no_amount_moves_nothing(
    rest: Rest, post: Callable[..., Any], marketing: Any, amount: object
) -> None:
    for path in ("allocations", "top-ups"):
        response = post(path, {"wallet": str(marketing.wallet_id), "amount": amount})
        assert response.status_code == 422, response.content

    assert not Transfer.objects.filter(to_wallet=marketing.wallet_id).exists()


def test_zero_is_an_allocation_but_no_movement(
    rest: Rest, post: Callable[..., Any], marketing: Any
) -> None:
    body = {"wallet": str(marketing.wallet_id), "amount": "0"}

    assert post("allocations", body).status_code == 201
    assert refused(post("top-ups", body))[0] == 422
    assert wallet(rest, marketing)["allocation"] == "0"


def test_more_than_there_is(rest: Rest, post: Callable[..., Any], marketing: Any) -> None:
    at = str(marketing.wallet_id)

    response = post("allocations", {"wallet": at, "amount": "1000.000001"})

    assert refused(response) == (409, "insufficient_credits")
    assert response.json()["available"] == "1000"
    assert refused(post("reclaims", {"wallet": at, "amount": "1"})) == (
        409,
        "insufficient_credits",
    )
    split = {"source": at, "level": "team", "total": "5"}
    assert post("splits?preview=1", split).json()["possible"] is False
    assert refused(post("splits", split)) == (409, "insufficient_credits")


def test_wallets_that_nobody_may_move_are_unknown(
    rest: Rest, post: Callable[..., Any], product: Product, globex: Account, content: Any
) -> None:
    with in_account(globex):
        theirs: Any = product.team._default_manager.get(name=content.name)
    book = {one["kind"]: one["id"] for one in rest.get("credits/wallets").json()["items"]}

    for unknown in (str(theirs.wallet_id), book["unallocated"], book["overflow"], str(uuid4())):
        response = post("allocations", {"wallet": unknown, "amount": "1"})
        assert faults(response) == [("/wallet", "not_found")]
        assert post(f"allocations/{unknown}/end", {}).status_code == 404
    assert rest.get(f"credits/wallets/{theirs.wallet_id}").status_code == 404
    assert rest.get("credits/effective", {"wallet": str(theirs.wallet_id)}).status_code == 404
    response = post("caps", {"subject": str(theirs.pk), "window": "day", "amount": "1"})
    assert faults(response) == [("/subject", "not_found")]


def test_the_other_products_wallets_are_unknown(
    rest: Rest, post: Callable[..., Any], product: Product
) -> None:
    from core.hierarchy.product import products

    other = next(one for one in products() if one.slug != product.slug)
    node: Any = other.organization._default_manager.get(name="Marketing")

    response = post("allocations", {"wallet": str(node.wallet_id), "amount": "1"})

    assert faults(response) == [("/wallet", "not_found")]
    assert free_in(node.wallet) == 0


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"total": "1"}, ("/level", "one_of")),
        ({"level": "team", "wallets": [str(uuid4())], "total": "1"}, ("/level", "one_of")),
        ({"wallets": [], "total": "1"}, ("/wallets", "empty")),
        ({"wallets": [str(uuid4())], "total": "1"}, ("/wallets", "not_found")),
        ({"level": "membership", "source": str(uuid4()), "total": "1"}, ("/source", "not_found")),
        ({"level": "planet", "total": "1"}, ("/level", "invalid_choice")),
    ],
)
def test_a_split_of_nonsense(
    post: Callable[..., Any], body: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert faults(post("splits", body)) == [fault]


def test_members_see_nothing(mias: Rest) -> None:
    for path in ("plan", "wallets", "transfers", "caps", "allocations", "pool"):
        assert mias.get(f"credits/{path}").status_code == 403


# -- what is archived ------------------------------------------------------------------------------


def test_what_is_archived_is_given_nothing(
    rest: Rest, post: Callable[..., Any], product: Product, marketing: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "500"})
    old = nodes.create_team(product=product, organization=marketing, name="Old", actor=TESTS)
    nodes.archive_node(product=product, node=old, actor=TESTS)
    sent = {"wallet": str(old.wallet_id), "amount": "10"}
    move = {"source": str(marketing.wallet_id), "destination": sent["wallet"], "amount": "10"}
    row = {"wallet": sent["wallet"], "allocation": "10"}

    answers = [post("allocations", sent), post("top-ups", sent), post("moves", move)]

    assert [refused(answer) for answer in answers] == [(409, "is_archived")] * 3
    assert [fault.fault for fault in plan_file(product, EVERYTHING, [row]).faults] == [
        "This node is archived."
    ]
    assert free_in(old.wallet) == 0


def test_an_undo_gives_nothing_back_to_what_was_archived_since(
    rest: Rest, post: Callable[..., Any], product: Product, marketing: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "500"})
    old = nodes.create_team(product=product, organization=marketing, name="Old", actor=TESTS)
    post("allocations", {"wallet": str(old.wallet_id), "amount": "50"})
    act = post(f"allocations/{old.wallet_id}/end", {}).json()["id"]
    nodes.archive_node(product=product, node=old, actor=TESTS)

    looked = post(f"acts/{act}/undo?preview=1", {}).json()
    answer = post(f"acts/{act}/undo", {})

    assert looked["obstacle"] == "Old is archived. Restore it first."
    assert refused(answer) == (409, "cannot_undo")
    assert wallet(rest, old)["allocation"] is None
    assert free_in(old.wallet) == 0
    nodes.restore_node(product=product, node=old, actor=TESTS)
    assert post(f"acts/{act}/undo", {}).status_code == 200
    assert broken_invariants() == []
