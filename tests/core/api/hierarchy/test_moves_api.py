"""Teams and places that move, and what a preview says before."""

from typing import Any

from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from tests.cast import TESTS
from tests.core.api.hierarchy.conftest import NOBODY_IS
from tests.core.api.rest import Rest, faults, refused


def sales(product: Product) -> Any:
    return nodes.create_organization(product=product, name="Sales", actor=TESTS)


def test_a_team_moves_with_its_people(rest: Rest, product: Product, content: Any) -> None:
    to = sales(product)
    at, body = f"teams/{content.pk}", {"organization": str(to.pk), "reason": "New set-up."}

    planned = rest.post(f"{at}/move?preview=1", body).json()
    still = rest.get(at).json()["organization"]["name"]
    entries = AuditEntry.objects.filter(verb="team.moved").count()
    moved = rest.post(f"{at}/move", body).json()

    assert (planned["preview"], still, entries) == (True, "Marketing", 0)
    assert (moved["preview"], rest.get(at).json()) == (False, moved["team"])
    assert planned["team"] == moved["team"]
    assert planned["effects"] == moved["effects"]
    assert moved["team"]["organization"]["name"] == "Sales"
    assert moved["effects"]["members"] == 2
    assert moved["effects"]["admins_lost"] == ["Olga Organizer"]
    assert AuditEntry.objects.filter(verb="team.moved").latest("id").reason == "New set-up."


def test_a_move_that_does_not_fit_is_refused_in_the_preview_too(
    rest: Rest, product: Product, content: Any, marketing: Any
) -> None:
    to = sales(product)
    nodes.create_team(product=product, organization=to, name="Content", actor=TESTS)
    at = f"teams/{content.pk}/move"

    for suffix in ("", "?preview=1"):
        taken = rest.post(f"{at}{suffix}", {"organization": str(to.pk)})
        same = rest.post(f"{at}{suffix}", {"organization": str(marketing.pk)})
        unknown = rest.post(f"{at}{suffix}", {"organization": str(NOBODY_IS)})
        assert refused(taken) == (409, "name_taken")
        assert refused(same) == (409, "already_there")
        assert faults(unknown) == [("/organization", "not_found")]


def test_a_place_moves_to_another_team(
    rest: Rest, product: Product, mia_member: Any, marketing: Any
) -> None:
    events = nodes.create_team(product=product, organization=marketing, name="Events", actor=TESTS)
    first = rest.get(f"members/{mia_member.pk}").json()["memberships"][0]
    at = f"members/{mia_member.pk}/memberships/{first['id']}/move"

    planned = rest.post(f"{at}?preview=1", {"team": str(events.pk)}).json()
    moved = rest.post(at, {"team": str(events.pk)}).json()

    assert planned["membership"] == moved["membership"]
    assert moved["membership"]["id"] == first["id"]
    assert moved["membership"]["team"]["name"] == "Events"
    assert moved["effects"]["credits_given_back"] == "0"
    assert faults(rest.post(at, {})) == [("/team", "required")]
