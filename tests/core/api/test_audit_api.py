"""`GET /api/<product>/v1/audit`: filters, pages, and who reads what."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from core.audit import verbs
from core.audit.models import AuditEntry
from core.audit.services import Actor, record
from core.hierarchy.product import Product
from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from core.tokens.issuing import issue_service_token
from core.tokens.services import create_client_app
from tenants.models import Account
from tests.cast import TEAM, TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest, faults, refused

POLISHED = verbs.register("test.polished", "{actor} polished {target}", category="agents")
ZOE = Actor("user", "7", "Zoe", request_id="req-1")


@pytest.fixture
def rest(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(ada, acme), product)


@pytest.fixture
def inside(acme: Account) -> Iterator[None]:
    with in_account(acme):
        yield


def _record(label: str, product: str, *nodes: UUID, actor: Actor = TESTS) -> AuditEntry:
    with transaction.atomic():
        return record(
            actor=actor,
            verb=POLISHED,
            target=("lamp", f"id of {label}", label),
            after={"shine": {"level": 3}},
            reason="Dull",
            product=product,
            nodes=nodes,
        )


def _labels(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["target"]["label"] for item in answer.json()["items"]]


def test_an_entry_is_a_whole_document(rest: Rest, product: Product, inside: None) -> None:
    entry = _record("the lamp", product.slug, actor=ZOE)

    [item] = rest.get("audit", {"verb": POLISHED}).json()["items"]

    assert item == rest.get(f"audit/{entry.pk}").json()
    assert item["sentence"] == "Zoe polished the lamp"
    assert item["actor"] == {"kind": "user", "id": "7", "label": "Zoe"}
    assert item["after"] == {"shine": {"level": 3}}
    assert item["created_at"].endswith("Z")
    assert set(item) == {
        "id", "created_at", "product", "category", "verb", "sentence", "actor", "on_behalf_of",
        "target", "before", "after", "reason", "request_id", "address",
    }  # fmt: skip


def test_filters_narrow(rest: Rest, product: Product, inside: None) -> None:
    entry = _record("the lamp", product.slug, actor=ZOE)
    _record("the rug", product.slug)

    for query, found in (
        ({"category": "agents"}, ["the rug", "the lamp"]),
        ({"actor": "7"}, ["the lamp"]),
        ({"target": "id of the rug"}, ["the rug"]),
        ({"request_id": "req-1"}, ["the lamp"]),
        ({"q": "rug"}, ["the rug"]),
        ({"verb": "test.", "until": "2020-01-01T00:00:00Z"}, []),
        ({"verb": "test.", "since": entry.created_at.isoformat()}, ["the rug", "the lamp"]),
    ):
        assert _labels(rest.get("audit", query)) == found, query


def test_pages_hold_each_entry_once_newest_first(
    rest: Rest, product: Product, inside: None
) -> None:
    for number in range(5):
        _record(str(number), product.slug if number % 2 else "")
    first = rest.get("audit", {"verb": POLISHED, "limit": 2}).json()
    second = rest.get("audit", {"verb": POLISHED, "limit": 3, "cursor": first["next"]}).json()

    labels = [item["target"]["label"] for item in (*first["items"], *second["items"])]
    assert labels == ["4", "3", "2", "1", "0"]
    assert second["next"] is None


def test_the_other_products_entries_are_not_there(
    rest: Rest, product: Product, inside: None
) -> None:
    other = {"copilot": "console", "console": "copilot"}[product.slug]
    entry = _record("the other's", other)

    assert _labels(rest.get("audit", {"verb": POLISHED})) == []
    assert refused(rest.get(f"audit/{entry.pk}")) == (404, "not_found")
    assert refused(rest.get(f"audit/{uuid7()}")) == (404, "not_found")


def test_nonsense_is_refused(rest: Rest) -> None:
    assert faults(rest.get("audit", {"category": "x"})) == [("?category", "invalid_choice")]
    assert faults(rest.get("audit", {"since": "x"})) == [("?since", "invalid")]
    assert faults(rest.get("audit", {"colour": "red"})) == [("?colour", "unknown")]
    assert faults(rest.get("audit", {"cursor": "junk"})) == [("?cursor", "cursor")]


def test_who_administers_a_branch_reads_its_entries_alone(
    client_for: Callable[..., AccountClient],
    theo: User,
    acme: Account,
    product: Product,
    inside: None,
) -> None:
    theos = Rest(client_for(theo, acme), product)
    team = product.team._default_manager.get(name=TEAM)
    _record("of the team", product.slug, team.pk)
    elsewhere = _record("of another", product.slug, uuid7())
    _record("of the account", product.slug)

    assert _labels(theos.get("audit", {"verb": POLISHED})) == ["of the team"]
    assert refused(theos.get(f"audit/{elsewhere.pk}")) == (404, "not_found")


def test_a_client_app_reads_it_with_its_scope(
    client_for: Callable[..., AccountClient], acme: Account, product: Product, inside: None
) -> None:
    nobody = Rest(client_for(None, acme), product)
    _record("the lamp", product.slug)

    def answer(scope: str) -> Any:
        app = create_client_app(product=product.slug, name="SIEM", scopes=[scope], actor=TESTS).app
        token = issue_service_token(
            account=acme, app=app, scopes=frozenset([scope]), policy_version=1
        )
        return nobody.get("audit", {"verb": POLISHED}, Authorization=f"Bearer {token.value}")

    assert _labels(answer("audit:read")) == ["the lamp"]
    assert refused(answer("people:read")) == (403, "not_allowed")
    assert refused(nobody.get("audit")) == (401, "unauthenticated")
