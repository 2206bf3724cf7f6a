"""Many members at once, row by row, and what a preview leaves behind: nothing."""

from typing import Any
from uuid import UUID

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.identity.models import Invitation, User
from core.tenancy.policy import policy_version
from tests.core.api.hierarchy.conftest import NOBODY_IS
from tests.core.api.rest import Rest, faults
from tests.mailbox import Mailbox

PEOPLE = [
    {"email": "one@acme.example", "name": "One"},
    {"email": "mia@acme.example"},
    {"email": "two@acme.example", "team": str(NOBODY_IS)},
    {"email": "ONE@acme.example"},
]


def results(response: Any) -> list[tuple[int, str, str]]:
    assert response.status_code == 200, response.content
    rows = response.json()["rows"]
    return [(row["row"], row["result"], (row["problem"] or {}).get("code", "")) for row in rows]


EXPECTED = [
    (0, "done", ""),
    (1, "refused", "already_there"),
    (2, "refused", "invalid_input"),
    (3, "refused", "already_there"),
]


def test_each_row_says_what_came_of_it(
    rest: Rest, inside: None, mailbox: Mailbox, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = rest.post("members/bulk", {"items": PEOPLE})

    body = response.json()
    assert results(response) == EXPECTED
    assert (body["preview"], body["done"], body["refused"]) == (False, 1, 3)
    assert body["rows"][0]["member"]["email"] == "one@acme.example"
    assert body["rows"][0]["invitation"]["link"] == mailbox.link_to("one@acme.example")
    assert User.objects.filter(email="one@acme.example").exists()
    assert not User.objects.filter(email="two@acme.example").exists()


def test_a_preview_says_the_same_and_leaves_nothing(
    rest: Rest, inside: None, mailbox: Mailbox, django_capture_on_commit_callbacks: Any
) -> None:
    before = (
        User.objects.count(),
        Invitation.objects.count(),
        AuditEntry.objects.count(),
        policy_version(),
    )

    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        response = rest.post("members/bulk?preview=1", {"items": PEOPLE})

    body = response.json()
    assert results(response) == EXPECTED
    assert body["preview"] is True
    assert [row["member"] for row in body["rows"]] == [None] * 4
    assert "/invitations/" not in response.content.decode()
    assert (callbacks, mailbox.messages) == ([], [])
    assert before == (
        User.objects.count(),
        Invitation.objects.count(),
        AuditEntry.objects.count(),
        policy_version(),
    )


def test_many_are_archived_and_placed(
    rest: Rest, mia_member: Any, marketing: Any, in_globex: dict[str, UUID]
) -> None:
    ids = [str(mia_member.pk), str(in_globex["member"])]

    placed = rest.post("members/bulk/place", {"members": ids, "organization": str(marketing.pk)})
    planned = rest.post("members/bulk/archive?preview=1", {"members": ids})
    state = rest.get(f"members/{ids[0]}").json()["state"]
    archived = rest.post("members/bulk/archive", {"members": ids, "reason": "Ended."})

    expected = [(0, "done", ""), (1, "refused", "not_found")]
    assert results(placed) == results(planned) == results(archived) == expected
    assert len(placed.json()["rows"][0]["member"]["memberships"]) == 3
    assert planned.json()["rows"][0]["member"]["state"] == "archived"
    assert state == "active"
    assert rest.get(f"members/{ids[0]}").json()["state"] == "archived"


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("members/bulk", {"items": []}, [("/items", "empty")]),
        ("members/bulk", {"items": [{"email": "a@b.example"}] * 201}, [("/items", "max_length")]),
        (
            "members/bulk",
            {"items": [{"email": "a@b.example"}, {"email": 7, "x": 1}]},
            [("/items/1/email", "invalid")],
        ),
        ("members/bulk/archive", {"members": ["7"]}, [("/members/0", "invalid")]),
        ("members/bulk/archive", {"members": "7"}, [("/members", "not_a_list")]),
        ("members/bulk/place", {"members": [str(NOBODY_IS)]}, [("/team", "required")]),
        ("members/bulk?preview=yes", {}, [("?preview", "invalid_choice")]),
        ("members/bulk?preview=1&preview=0", {}, [("?preview", "repeated")]),
    ],
)
def test_a_bad_body_is_refused_as_a_whole(
    rest: Rest, product: Product, path: str, body: Any, wrong: Any
) -> None:
    assert faults(rest.post(path, body)) == wrong
