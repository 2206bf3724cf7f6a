"""Grants by REST: previewed, set, listed, taken back, explained, within one's branch."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.access.models import Grant
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.kit.clock import now
from core.tokens.models import ClientApp
from core.tokens.services import create_client_app, revoke_client_app, set_client_app_open
from tests.cast import TESTS
from tests.core.api.rest import Rest, faults, refused


@pytest.fixture
def app(inside: None, product: Product) -> ClientApp:
    """A client app that acts for those it is shared with."""
    app = create_client_app(product=product.slug, name="alchemi-web", actor=TESTS).app
    return set_client_app_open(app=app, is_open=False, actor=TESTS)


def body(app: ClientApp, node: Any, kind: str = "team", **more: Any) -> dict[str, Any]:
    return {
        "resource": {"type": "client_app", "id": str(app.pk)},
        "nodes": [{"kind": kind, "id": str(node.pk)}],
        "effect": "allow",
        **more,
    }


def test_a_grant_is_previewed_set_and_taken_back(
    rest: Rest, app: ClientApp, content: Any, mia_member: Any
) -> None:
    end = (now() + timedelta(days=30)).isoformat()

    seen = rest.post("grants?preview=1", body(app, content, ends_at=end)).json()
    assert not Grant.objects.exists()
    done = rest.post("grants", body(app, content, ends_at=end)).json()

    assert (seen["preview"], done["preview"]) == (True, False)
    assert seen["effect"] == done["effect"]
    assert done["effect"]["gains"][0]["thing"]["name"] == "alchemi-web"
    [grant] = done["grants"]
    assert (grant["node"]["name"], grant["effect"]) == (content.name, "allow")
    assert rest.get("grants").json()["items"] == [grant]
    assert rest.get(f"grants/{grant['id']}").json() == grant
    asked = {"member": str(mia_member.pk), "about": f"client_app:{app.pk}"}
    [why] = rest.get("explain", asked).json()["decisions"]
    assert (why["is_allowed"], why["reason"]) == (True, "granted")

    gone = rest.delete(f"grants/{grant['id']}").json()

    assert gone["effect"]["losses"][0]["places"] == done["effect"]["gains"][0]["places"]
    assert not Grant.objects.exists()
    [why] = rest.get("explain", asked).json()["decisions"]
    assert (why["is_allowed"], why["reason"]) == (False, "closed")


def test_saying_the_same_again_changes_nothing(rest: Rest, app: ClientApp, content: Any) -> None:
    assert rest.post("grants", body(app, content)).json()["changed"] == 1
    assert rest.post("grants", body(app, content)).json()["changed"] == 0
    assert rest.post("grants", body(app, content, effect="deny")).json()["changed"] == 1
    assert Grant.objects.get().is_denial


def test_faults_are_pointed_at(rest: Rest, app: ClientApp, content: Any) -> None:
    strange = {**body(app, content), "resource": {"type": "planet", "id": str(app.pk)}}
    past = (now() - timedelta(days=1)).isoformat()
    nowhere = {**body(app, content), "nodes": [{"kind": "team", "id": str(uuid4())}]}

    assert faults(rest.post("grants", strange)) == [("/resource", "not_found")]
    assert faults(rest.post("grants", nowhere)) == [("/nodes/0", "not_found")]
    assert faults(rest.post("grants", body(app, content, ends_at=past))) == [("/ends_at", "past")]
    assert faults(rest.post("grants", body(app, content, carries_llm=True))) == [
        ("/carries_llm", "carries_llm")
    ]
    assert not Grant.objects.exists()


def test_what_can_be_granted_is_listed(rest: Rest, app: ClientApp) -> None:
    items = rest.get("grants/resources").json()["items"]

    assert [(each["name"], each["is_open"]) for each in items] == [("alchemi-web", False)]


def test_a_branch_shares_what_it_has(
    rest: Rest, olgas: Rest, app: ClientApp, content: Any, marketing: Any
) -> None:
    assert refused(olgas.post("grants", body(app, content))) == (403, "not_allowed")
    rest.post("grants", body(app, marketing, "organization"))

    assert olgas.post("grants", body(app, content)).status_code == 200
    # What the branch as a whole has is decided above it.
    mine = body(app, marketing, "organization", effect="deny")
    assert refused(olgas.post("grants", mine)) == (403, "not_allowed")


def test_a_branch_sees_its_own_grants_only(
    rest: Rest, olgas: Rest, app: ClientApp, product: Product, content: Any
) -> None:
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    [theirs] = rest.post("grants", body(app, legal, "organization")).json()["grants"]

    assert olgas.get("grants").json()["items"] == []
    assert refused(olgas.get(f"grants/{theirs['id']}")) == (404, "not_found")
    assert refused(olgas.delete(f"grants/{theirs['id']}")) == (404, "not_found")


def test_pages_of_grants_hold_what_is_in_use_and_in_sight(
    rest: Rest, olgas: Rest, app: ClientApp, product: Product, content: Any
) -> None:
    retired = create_client_app(product=product.slug, name="retired", actor=TESTS).app
    legal = nodes.create_organization(product=product, name="Legal", actor=TESTS)
    rest.post("grants", body(retired, content))
    rest.post("grants", body(app, legal, "organization"))
    rest.post("grants", body(app, content))
    revoke_client_app(app=retired, actor=TESTS)

    of_branch = olgas.get("grants", {"limit": 1}).json()
    first = rest.get("grants", {"limit": 1}).json()
    second = rest.get("grants", {"limit": 1, "cursor": first["next"]}).json()

    assert [each["node"]["name"] for each in of_branch["items"]] == [content.name]
    assert of_branch["next"] is None
    found = [each["node"]["name"] for each in (*first["items"], *second["items"])]
    assert (found, second["next"]) == (["Legal", content.name], None)
