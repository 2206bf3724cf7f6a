"""Organizations and teams over REST, once for each product."""

from typing import Any
from uuid import UUID

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from tests.cast import TESTS
from tests.core.api.hierarchy.conftest import NOBODY_IS
from tests.core.api.rest import Rest, faults, refused


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["name"] for item in response.json()["items"]]


# -- organizations ---------------------------------------------------------------------------------


def test_the_list_has_what_is_not_archived(rest: Rest, marketing: Any) -> None:
    first = rest.get("organizations").json()

    assert first["next"] is None
    assert [item["name"] for item in first["items"]] == ["global", "Marketing"]
    assert first["items"][1] == {
        "id": str(marketing.pk),
        "name": "Marketing",
        "is_global": False,
        "state": "active",
        "created_at": marketing.created_at.isoformat().replace("+00:00", "Z"),
        "archived_at": None,
    }


def test_an_organization_is_created_and_audited(rest: Rest, inside: None) -> None:
    response = rest.post("organizations", {"name": "  Sales  "})

    assert response.status_code == 201
    assert response.json()["name"] == "Sales"
    entry = AuditEntry.objects.filter(verb="organization.created").latest("id")
    assert (entry.target_label, entry.actor_label) == ("Sales", "Ada Admin")


def test_an_organization_is_renamed(rest: Rest, marketing: Any) -> None:
    response = rest.patch(f"organizations/{marketing.pk}", {"name": "Brand"})

    assert (response.status_code, response.json()["name"]) == (200, "Brand")
    assert names(rest.get("organizations")) == ["global", "Brand"]


def test_an_organization_is_archived_and_restored(rest: Rest, inside: None) -> None:
    at = f"organizations/{rest.post('organizations', {'name': 'Sales'}).json()['id']}"

    archived = rest.post(f"{at}/archive", {"reason": "Merged."})

    assert (archived.status_code, archived.json()["state"]) == (200, "archived")
    assert "Sales" not in names(rest.get("organizations"))
    assert names(rest.get("organizations", {"state": "archived"})) == ["Sales"]
    assert "Sales" in names(rest.get("organizations", {"state": "all"}))
    assert AuditEntry.objects.latest("id").reason == "Merged."
    assert rest.post(f"{at}/restore").json()["state"] == "active"


def test_what_does_not_fit_is_a_conflict(rest: Rest, marketing: Any) -> None:
    everyone = rest.get("organizations").json()["items"][0]["id"]

    assert refused(rest.post("organizations", {"name": "marketing"})) == (409, "name_taken")
    assert refused(rest.post(f"organizations/{marketing.pk}/archive")) == (409, "still_in_use")
    assert refused(rest.patch(f"organizations/{everyone}", {"name": "x"})) == (
        409,
        "global_is_fixed",
    )


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("/name", "required")]),
        ({"name": ""}, [("/name", "blank")]),
        ({"name": "x" * 121}, [("/name", "max_length")]),
        ({"name": "a\x00b"}, [("/name", "unprintable")]),
        ({"name": "a\x07b"}, [("/name", "unprintable")]),
        ({"name": "a\nb"}, [("/name", "unprintable")]),
        ({"name": "\u202egnol"}, [("/name", "unprintable")]),
        ({"name": "\ud800"}, [("/name", "unprintable")]),
        ({"name": None}, [("/name", "null")]),
        ({"name": ["x"]}, [("/name", "invalid")]),
        ({"name": "x", "wallet": 1}, [("/wallet", "unknown")]),
        ({"name": "x", "\ud800": 1}, [("/?", "unknown")]),
        ([], [("", "invalid")]),
    ],
)
def test_a_bad_name_is_refused_with_a_pointer(rest: Rest, body: Any, wrong: Any) -> None:
    assert faults(rest.post("organizations", body)) == wrong


def test_nobody_and_members_are_refused(rest: Rest, mias: Rest, nobodys: Rest) -> None:
    for path in ("organizations", "teams", "members", "invitations"):
        assert refused(nobodys.get(path)) == (401, "unauthenticated")
        assert refused(nobodys.post(path)) == (401, "unauthenticated")
        assert refused(mias.get(path)) == (403, "not_allowed")
        assert refused(mias.post(path)) == (403, "not_allowed")


def test_an_id_that_is_not_here_is_404(
    rest: Rest, in_globex: dict[str, UUID], product: Product
) -> None:
    for kind in ("organization", "team"):
        for node_id in (NOBODY_IS, in_globex[kind]):
            at = f"{kind}s/{node_id}"
            assert refused(rest.get(at)) == (404, "not_found")
            assert refused(rest.patch(at, {"name": "Mine"})) == (404, "not_found")
            assert refused(rest.post(f"{at}/archive")) == (404, "not_found")
            assert refused(rest.post(f"{at}/restore")) == (404, "not_found")
        assert refused(rest.get(f"{kind}s/not-an-id")) == (404, "not_found")


def test_another_method_is_405(rest: Rest, marketing: Any) -> None:
    for answer in (
        rest.delete(f"organizations/{marketing.pk}"),
        rest.patch("organizations", {}),
        rest.get(f"organizations/{marketing.pk}/archive"),
        rest.client.options(f"{rest.at}/organizations"),
    ):
        assert refused(answer) == (405, "method_not_allowed")
        assert answer["Allow"]


# -- teams -----------------------------------------------------------------------------------------


def test_a_team_is_created_in_its_organization(rest: Rest, marketing: Any) -> None:
    made = rest.post("teams", {"organization": str(marketing.pk), "name": "Events"})

    assert made.status_code == 201
    assert made.json()["organization"] == {"id": str(marketing.pk), "name": "Marketing"}
    assert rest.get(f"teams/{made.json()['id']}").json() == made.json()


def test_a_team_is_renamed_archived_and_restored(rest: Rest, marketing: Any) -> None:
    made = rest.post("teams", {"organization": str(marketing.pk), "name": "Events"}).json()
    at = f"teams/{made['id']}"

    assert rest.patch(at, {"name": "Fairs"}).json()["name"] == "Fairs"
    assert rest.post(f"{at}/archive").json()["state"] == "archived"
    assert rest.post(f"{at}/restore").json()["state"] == "active"


def test_teams_are_filtered(rest: Rest, marketing: Any, product: Product) -> None:
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    nodes.create_team(product=product, organization=sales, name="Field", actor=TESTS)

    assert names(rest.get("teams")) == ["Content", "Field"]
    assert names(rest.get("teams", {"organization": str(sales.pk)})) == ["Field"]
    assert names(rest.get("teams", {"organization": str(NOBODY_IS)})) == []
    assert names(rest.get("teams", {"q": "ELD"})) == ["Field"]
    assert names(rest.get("teams", {"state": "archived"})) == []


def test_a_team_names_an_organization_that_is_here(
    rest: Rest, inside: None, in_globex: dict[str, UUID]
) -> None:
    everyone = rest.get("organizations").json()["items"][0]["id"]
    theirs = {"organization": str(in_globex["organization"]), "name": "Mine"}

    assert faults(rest.post("teams", theirs)) == [("/organization", "not_found")]
    assert faults(rest.post("teams", {"organization": "x", "name": "y"})) == [
        ("/organization", "invalid")
    ]
    assert refused(rest.post("teams", {"organization": everyone, "name": "Mine"})) == (
        409,
        "global_is_fixed",
    )


def test_a_team_with_members_is_not_archived(rest: Rest, content: Any) -> None:
    assert refused(rest.post(f"teams/{content.pk}/archive")) == (409, "still_in_use")
