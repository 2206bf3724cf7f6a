"""Files of credits over REST: allocations out and in, statements; overrides, acts, alerts."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from core.credits.invariants import broken_invariants
from core.credits.models import Transfer
from core.hierarchy.product import Product
from tests.core.api.credits.test_credits_api import *  # noqa: F403  the same book and calls
from tests.core.api.rest import Rest, faults, refused
from tests.factories.credits import free_in

Post = Callable[..., Any]


def rows_in(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return list(csv.DictReader(io.StringIO(text.decode())))


def test_allocations_go_out_as_a_file_and_come_in_again(
    rest: Rest, post: Post, marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "600"})

    answer = rest.get("credits/allocations.csv")
    out = {row["wallet"]: row for row in rows_in(answer)}
    sent = {"csv": f"wallet,allocation\n{marketing.wallet_id},500\n{content.wallet_id},200\n"}
    looked = post("allocation-files?preview=1", sent).json()

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert out[str(marketing.wallet_id)]["allocation"] == "600"
    assert out[str(content.wallet_id)]["allocation"] == ""
    assert (looked["preview"], looked["possible"], looked["act"]) == (True, True, None)
    assert [(row["node"], row["before"], row["after"]) for row in looked["rows"]] == [
        ("Marketing", "600", "500"),
        ("Content", None, "200"),
    ]
    assert (free_in(marketing.wallet), free_in(content.wallet)) == (600_000_000, 0)

    done = post("allocation-files", {**sent, "reason": "December"}).json()

    assert done["act"]["verb"] == "credits.allocated_many"
    assert (free_in(marketing.wallet), free_in(content.wallet)) == (300_000_000, 200_000_000)
    assert broken_invariants() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("node,amount\n1,2\n", "unreadable"),
        ('wallet,allocation\n"', "unreadable"),
        ("wallet,allocation\nnothing,5\n", "row"),
        ("wallet,allocation\n{},much\n", "row"),
        ("wallet,allocation\n{},-5\n", "row"),
    ],
)
def test_a_file_that_cannot_be_read_moves_nothing(
    rest: Rest, post: Post, marketing: Any, text: str, code: str
) -> None:
    answer = post("allocation-files", {"csv": text.format(marketing.wallet_id)})

    assert faults(answer) == [("/csv", code)]
    assert free_in(marketing.wallet) == 0


def test_a_file_that_asks_for_too_much_moves_nothing(
    rest: Rest, post: Post, marketing: Any
) -> None:
    sent = {"csv": f"wallet,allocation\n{marketing.wallet_id},1001\n"}

    looked = post("allocation-files?preview=1", sent).json()
    answer = post("allocation-files", sent)

    assert (looked["possible"], looked["lacking"]) == (
        False,
        [{"name": "Unallocated", "lacks": "1"}],
    )
    assert refused(answer) == (409, "insufficient_credits")
    assert free_in(marketing.wallet) == 0


def test_a_statement_tells_what_happened_to_a_wallet(
    rest: Rest, post: Post, marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "600"})
    post("top-ups", {"wallet": str(content.wallet_id), "amount": "50", "reason": "Fair"})

    body = rest.get(f"credits/wallets/{marketing.wallet_id}/statement").json()
    lines = rows_in(rest.get(f"credits/wallets/{marketing.wallet_id}/statement.csv"))

    assert (body["opening"], body["used"], body["closing"]) == ("0", "0", "550")
    assert [(line["amount"], line["reason"]) for line in body["lines"]] == [
        ("600", ""),
        ("-50", "Fair"),
    ]
    assert [line["from_or_to"] for line in lines] == ["", "Unallocated", "Content", "", ""]
    assert lines[-1]["amount"] == "550"


def test_a_share_is_pinned_after_a_look_and_given_up_again(
    rest: Rest, post: Post, product: Product, marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "600"})
    split = {"source": str(marketing.wallet_id), "level": "team", "total": "300"}
    post("splits", split)
    pinned = {"wallet": str(content.wallet_id), "amount": "250", "how": "pinned"}
    before = Transfer.objects.count()

    looked = post("overrides?preview=1", pinned).json()
    moved = Transfer.objects.count() - before
    done = post("overrides", pinned).json()
    free = free_in(content.wallet)
    ended = post(f"overrides/{content.wallet_id}/end", {}).json()

    assert (looked["possible"], looked["act"], moved) == (True, None, 0)
    change = next(one for one in looked["changes"] if one["wallet"] == str(content.wallet_id))
    assert change["allocation_after"] == "250"
    assert (done["act"]["verb"], free) == ("credits.override_pinned", 250_000_000)
    assert ended["act"]["verb"] == "credits.override_ended"
    assert broken_invariants() == []


def test_who_has_no_share_cannot_be_overridden(rest: Rest, post: Post, content: Any) -> None:
    body = {"wallet": str(content.wallet_id), "amount": "5", "how": "added"}

    assert refused(post("overrides", body)) == (409, "not_in_a_split")


def test_acts_are_listed_so_that_they_can_be_undone(rest: Rest, post: Post, marketing: Any) -> None:
    made = post("allocations", {"wallet": str(marketing.wallet_id), "amount": "5"}).json()

    newest = rest.get("credits/acts").json()["items"][0]

    assert newest == made
    assert post(f"acts/{newest['id']}/undo", {}).status_code == 200


def test_alerts_are_read_and_set(rest: Rest) -> None:
    before = rest.get("credits/alerts").json()
    after = rest.patch("credits/alerts", {"percents": [90, 50]}).json()

    assert before == {"percents": [50, 80, 95, 100]}
    assert after == rest.get("credits/alerts").json() == {"percents": [50, 90]}
    assert rest.patch("credits/alerts", {"percents": [101]}).status_code == 422


def test_what_everybody_can_spend_comes_in_pages(
    rest: Rest, post: Post, marketing: Any, content: Any
) -> None:
    post("allocations", {"wallet": str(marketing.wallet_id), "amount": "600"})
    post("allocations", {"wallet": str(content.wallet_id), "amount": "40"})

    rows, cursor = [], None
    while True:
        page = rest.get("credits/effective/memberships", {"limit": 1, **(cursor or {})}).json()
        rows += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    for row in rows:
        one = rest.get("credits/effective", {"wallet": row["wallet"]}).json()
        assert (row["spendable"], row["payers"]) == (one["spendable"], one["payers"])
    inside = [row for row in rows if row["node"]["name"].endswith("in Content")]
    assert inside


def test_a_cap_says_what_its_window_has_counted(rest: Rest, post: Post, content: Any) -> None:
    made = post("caps", {"subject": str(content.pk), "window": "day", "amount": "50"}).json()

    assert (made["used"], made["reserved"], made["free"]) == ("0", "0", "50")


@pytest.mark.parametrize("path", ["allocation-files", "overrides"])
def test_without_a_key_no_file_and_no_override_moves_anything(rest: Rest, path: str) -> None:
    assert refused(rest.post(f"credits/{path}", {})) == (400, "idempotency_key_missing")
