"""Virtual keys over REST: one's own, a team's, everybody's for admins, and for client apps."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from console.models import Membership, VirtualKey
from console.product import PRODUCT
from console.services.keys import create_key, hash_of
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest, faults, refused

As = Callable[[User], Rest]


@pytest.fixture
def as_(client_for: Callable[..., AccountClient], acme: Account) -> As:
    """Speak to Console's API as somebody."""
    return lambda user: Rest(client_for(user, acme), PRODUCT)


@pytest.fixture
def inside(acme: Account) -> Any:
    """Read Acme's tables in the test itself."""
    with in_account(acme):
        yield


def place_of(user: User) -> Membership:
    return Membership.objects.get(member__user=user, is_primary=True)


def key_of(acme: Account, user: User, name: str = "report") -> VirtualKey:
    return create_key(account=acme, membership=place_of(user), name=name, actor=TESTS).key


def create(rest: Rest, **body: Any) -> Any:
    headers = {"Idempotency-Key": str(uuid4())}
    return rest.post("keys", {"name": "report", **body}, **headers)


def test_a_developer_makes_a_key_and_sees_its_token_once(as_: As, mia: User, inside: None) -> None:
    response = create(
        as_(mia),
        membership=str(place_of(mia).pk),
        llms=["gpt-5-mini"],
        requests_per_minute=60,
        addresses=["203.0.113.7"],
        budget={"amount": "12.5", "window": "day"},
        tags=["nightly"],
    )

    body = response.json()
    assert response.status_code == 201, body
    assert VirtualKey.objects.get().token_hash == hash_of(body.pop("token"))
    assert body["state"] == "active"
    assert body["llms"] == ["gpt-5-mini"]
    assert body["addresses"] == ["203.0.113.7/32"]
    assert body["budget"] == {"amount": "12.5", "window": "day", "used": "0", "reserved": "0"}
    assert (body["team"], body["tags"]) == (None, ["nightly"])
    shown = as_(mia).get(f"keys/{body['id']}").json()
    assert shown == body
    assert "token" not in shown


def test_making_a_key_needs_an_idempotency_key(as_: As, mia: User, inside: None) -> None:
    body = {"name": "x", "membership": str(place_of(mia).pk)}

    assert refused(as_(mia).post("keys", body))[1] == "idempotency_key_missing"


def test_an_admin_of_the_team_makes_a_service_key(
    as_: As, theo: User, mia: User, inside: None
) -> None:
    team = place_of(mia).team
    assert team is not None

    body = create(as_(theo), team=str(team.pk)).json()

    assert body["team"] == {"id": str(team.pk), "name": "Content"}
    assert body["membership"] is None


def test_a_developer_makes_none_for_others_or_for_the_team(
    as_: As, theo: User, mia: User, inside: None
) -> None:
    team = place_of(mia).team
    assert team is not None

    assert faults(create(as_(mia), team=str(team.pk))) == [("/team", "not_found")]
    other = create(as_(mia), membership=str(place_of(theo).pk))
    assert faults(other) == [("/membership", "not_found")]
    both = create(as_(mia), membership=str(place_of(mia).pk), team=str(team.pk))
    assert faults(both) == [("/membership", "owner")]
    assert faults(create(as_(mia))) == [("/membership", "owner")]


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("requests_per_minute", 0, "/requests_per_minute"),
        ("requests_per_minute", "many", "/requests_per_minute"),
        ("addresses", ["nowhere"], "/addresses"),
        ("budget", {"amount": 5, "window": "day"}, "/budget/amount"),
        ("budget", {"amount": "-5", "window": "day"}, "/budget"),
        ("budget", {"amount": "5", "window": "decade"}, "/budget/window"),
        ("expires_at", "2020-01-01T00:00:00Z", "/expires_at"),
        ("colour", "red", "/colour"),
    ],
)
def test_bad_input_is_named(
    as_: As, mia: User, inside: None, field: str, value: Any, at: str
) -> None:
    response = create(as_(mia), membership=str(place_of(mia).pk), **{field: value})

    assert [where for where, _ in faults(response)] == [at]


def test_a_change_leaves_what_it_does_not_name(
    as_: As, mia: User, acme: Account, inside: None
) -> None:
    rest = as_(mia)
    made = create(rest, membership=str(place_of(mia).pk), requests_per_minute=60, tags=["a"]).json()

    body = rest.patch(f"keys/{made['id']}", {"tokens_per_minute": 500, "tags": []}).json()

    assert (body["requests_per_minute"], body["tokens_per_minute"]) == (60, 500)
    assert (body["tags"], body["name"]) == ([], "report")
    again = rest.patch(f"keys/{made['id']}", {"requests_per_minute": None}).json()
    assert again["requests_per_minute"] is None


def test_a_change_of_what_has_changed_meanwhile_is_refused(
    as_: As, mia: User, acme: Account, inside: None
) -> None:
    key, rest = key_of(acme, mia), as_(mia)
    etag = rest.get(f"keys/{key.pk}")["ETag"]
    rest.patch(f"keys/{key.pk}", {"name": "first"})

    late = rest.patch(f"keys/{key.pk}", {"name": "second"}, **{"If-Match": etag})

    assert late.status_code == 412


def test_rotation_shows_the_new_token_and_how_long_the_old_one_works(
    as_: As, mia: User, acme: Account, inside: None
) -> None:
    key, rest = key_of(acme, mia), as_(mia)

    response = rest.post(
        f"keys/{key.pk}/rotate", {"overlap_seconds": 3600}, **{"Idempotency-Key": "once"}
    )

    body = response.json()
    assert body["token"].startswith("ck_acme_")
    assert body["previous"]["last_four"] == key.last_four
    assert body["last_four"] == body["token"][-4:]
    assert rest.get(f"keys/{key.pk}").json()["previous"] == body["previous"]


def test_revoking_is_final(as_: As, mia: User, acme: Account, inside: None) -> None:
    key, rest = key_of(acme, mia), as_(mia)

    assert rest.post(f"keys/{key.pk}/revoke", {"reason": "Lost"}).json()["state"] == "revoked"

    assert refused(rest.patch(f"keys/{key.pk}", {"name": "x"}))[0] == 409


def test_lists_are_cut_to_who_looks_and_filtered(
    as_: As, ada: User, mia: User, theo: User, acme: Account, inside: None
) -> None:
    hers, his = key_of(acme, mia, "hers"), key_of(acme, theo, "his")
    as_(theo).post(f"keys/{his.pk}/revoke")

    def names(user: User, **query: str) -> list[str]:
        return [one["name"] for one in as_(user).get("keys", query).json()["items"]]

    assert names(mia) == ["hers"]
    assert names(ada) == ["his", "hers"]
    assert names(ada, state="active") == ["hers"]
    assert names(ada, state="revoked") == ["his"]
    assert names(ada, q="her") == ["hers"]
    assert names(ada, membership=str(hers.membership_id)) == ["hers"]
    first = as_(ada).get("keys", {"limit": "1"}).json()
    second = as_(ada).get("keys", {"limit": "1", "cursor": first["next"]}).json()
    assert [one["name"] for one in (*first["items"], *second["items"])] == ["his", "hers"]


def test_somebody_elses_key_is_not_there(
    as_: As, mia: User, theo: User, acme: Account, inside: None
) -> None:
    key = key_of(acme, theo)

    assert refused(as_(mia).get(f"keys/{key.pk}")) == (404, "not_found")


def test_many_keys_take_as_many_queries_as_few(
    as_: As, mia: User, acme: Account, inside: None, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        key_of(acme, mia, f"key {number}")
    rest = as_(mia)
    rest.get("keys")

    with django_assert_max_num_queries(12):
        rest.get("keys")
