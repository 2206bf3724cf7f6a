"""Pages, ETags, query counts and odd requests, at resources that are really there."""

import base64
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.hierarchy.product import Product
from core.hierarchy.services import members, nodes
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.api.rest import Rest, faults, refused

OTHER_KIND = base64.urlsafe_b64encode(b"\x02" + bytes(16)).decode()


def walk(rest: Rest, path: str, limit: int) -> list[list[str]]:
    """Return the ids of every page, until there is no next one."""
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        body = rest.get(path, query).json()
        pages.append([item["id"] for item in body["items"]])
        cursor = body["next"]
    return pages


def test_pages_hold_each_row_once_in_order(rest: Rest, product: Product, inside: None) -> None:
    made = [
        str(nodes.create_organization(product=product, name=f"O{number}", actor=TESTS).pk)
        for number in range(5)
    ]

    pages = walk(rest, "organizations", 3)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page][2:] == made
    assert walk(rest, "organizations", 7) == [[one for page in pages for one in page]]


def test_a_row_that_goes_meanwhile_shifts_nothing(
    rest: Rest, product: Product, inside: None
) -> None:
    made = [
        nodes.create_organization(product=product, name=f"O{number}", actor=TESTS)
        for number in range(4)
    ]
    first = rest.get("organizations", {"limit": 4}).json()

    nodes.archive_node(product=product, node=made[0], actor=TESTS)

    rest_of_it = rest.get("organizations", {"cursor": first["next"]}).json()
    assert [one["name"] for one in rest_of_it["items"]] == ["O2", "O3"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"limit": "0"}, [("?limit", "min_value")]),
        ({"limit": "201"}, [("?limit", "max_value")]),
        ({"limit": "9" * 40}, [("?limit", "max_value")]),
        ({"limit": "ten"}, [("?limit", "invalid")]),
        ({"cursor": "junk"}, [("?cursor", "cursor")]),
        ({"cursor": "AQ"}, [("?cursor", "cursor")]),
        ({"cursor": "é"}, [("?cursor", "cursor")]),
        (
            {"cursor": base64.urlsafe_b64encode(b"\x02" + bytes(16)).decode()},
            [("?cursor", "cursor")],
        ),
        ({"q": "a\x00b"}, [("?q", "unprintable")]),
        ({"q": "\x1b[0m"}, [("?q", "unprintable")]),
        ({"state": "gone"}, [("?state", "invalid_choice")]),
        ({"colour": "red"}, [("?colour", "unknown")]),
        ({"limit": ["1", "2"]}, [("?limit", "repeated")]),
    ],
)
def test_bad_parameters_are_named(rest: Rest, query: Any, wrong: Any) -> None:
    assert faults(rest.get("organizations", query)) == wrong


def test_a_single_object_takes_no_parameters(rest: Rest, marketing: Any) -> None:
    assert faults(rest.get(f"organizations/{marketing.pk}", {"x": "1"})) == [("?x", "unknown")]


@pytest.mark.parametrize("path", ["organizations", "teams", "members", "invitations"])
def test_a_list_asks_as_often_for_30_rows_as_for_3(
    rest: Rest, acme: Account, product: Product, path: str
) -> None:
    def count() -> int:
        rest.get(path)
        with CaptureQueriesContext(connection) as queries:
            body = rest.get(path, {"limit": 100}).json()
        lengths.append(len(body["items"]))
        return len(queries)

    def grow(numbers: range) -> None:
        with in_account(acme):
            for number in numbers:
                organization = nodes.create_organization(
                    product=product, name=f"O{number}", actor=TESTS
                )
                team = nodes.create_team(
                    product=product, organization=organization, name="T", actor=TESTS
                )
                members.invite_member(
                    product=product,
                    email=f"p{number}@acme.example",
                    organization=organization,
                    team=team,
                    actor=TESTS,
                )

    lengths: list[int] = []
    grow(range(3))
    few = count()
    grow(range(3, 30))
    many = count()

    assert lengths[1] >= lengths[0] + 27
    assert few == many
    # Account, session, user, roles; then the rows, and for members their places.
    assert many <= 9


# -- ETags -----------------------------------------------------------------------------------------


def test_what_the_client_knows_is_not_sent_again(rest: Rest, marketing: Any) -> None:
    at = f"organizations/{marketing.pk}"
    etag = rest.get(at)["ETag"]

    known = rest.get(at, **{"If-None-Match": etag})
    weak = rest.get(at, **{"If-None-Match": f'"x", W/{etag}'})
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
    assert weak.status_code == 304

    rest.patch(at, {"name": "Brand"})
    changed = rest.get(at, **{"If-None-Match": etag})
    assert (changed.status_code, changed.json()["name"]) == (200, "Brand")


def test_nobody_overwrites_what_they_have_not_seen(rest: Rest, marketing: Any) -> None:
    at = f"organizations/{marketing.pk}"
    seen = rest.get(at)["ETag"]

    first = rest.patch(at, {"name": "Brand"}, **{"If-Match": seen})
    second = rest.patch(at, {"name": "Growth"}, **{"If-Match": seen})
    third = rest.patch(at, {"name": "Growth"}, **{"If-Match": first["ETag"]})

    assert first.status_code == third.status_code == 200
    assert refused(second) == (412, "precondition_failed")
    assert refused(rest.post(f"{at}/archive", {}, **{"If-Match": '"old"'})) == (
        412,
        "precondition_failed",
    )
    assert rest.patch(at, {"name": "Any"}, **{"If-Match": "*"}).status_code == 200


def test_answers_say_what_a_cache_may_keep(rest: Rest, marketing: Any) -> None:
    read = rest.get(f"organizations/{marketing.pk}")
    made = rest.post("organizations", {"name": "Sales"})

    assert read["Cache-Control"] == "private, no-cache"
    assert made["Cache-Control"] == "no-store"
    assert {"Authorization", "Cookie"} <= {one.strip() for one in read["Vary"].split(",")}


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type", "answer"),
    [
        (b"{", "application/json", (400, "malformed_body")),
        (b"\xff\xfe", "application/json", (400, "malformed_body")),
        (b"[" * 50_000, "application/json", (400, "malformed_body")),
        (b'{"name": NaN}', "application/json", (400, "malformed_body")),
        (b'{"name": 1' + b"0" * 5000 + b"}", "application/json", (400, "malformed_body")),
        (b"name=x", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            (415, "unsupported_media_type"),
        ),
        (b'{"name": "' + b"x" * 1024 * 1024 + b'"}', "application/json", (413, "body_too_large")),
    ],
    ids=["open", "not utf-8", "deep", "nan", "digits", "form", "files", "huge"],
)
def test_a_body_that_cannot_be_read_is_a_problem(
    rest: Rest, body: bytes, content_type: str, answer: tuple[int, str]
) -> None:
    response = rest.client.generic(
        "POST", f"{rest.at}/organizations", body, content_type=content_type
    )

    assert refused(response) == answer


def test_a_page_of_ours_needs_its_csrf_token(rest: Rest, ada: User) -> None:
    rest.client.handler.enforce_csrf_checks = True

    for content_type in ("application/json", "multipart/form-data; boundary=x"):
        response = rest.client.generic(
            "POST", f"{rest.at}/organizations", b"{}", content_type=content_type
        )
        assert refused(response) == (403, "not_allowed")
    rest.client.cookies["csrftoken"] = "t" * 32
    sent = rest.post("organizations", {"name": "Sales"}, **{"X-CSRFToken": "t" * 32})
    assert sent.status_code == 201
