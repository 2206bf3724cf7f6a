"""What archiving would stop, before it is done, and that a preview changes nothing."""

from typing import Any

from core.access.models import FeatureSwitch
from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from tests.cast import TESTS
from tests.core.api.rest import Rest, refused


def test_a_preview_says_what_has_to_leave_first(rest: Rest, content: Any, marketing: Any) -> None:
    team = rest.post(f"teams/{content.pk}/archive?preview=1").json()
    organization = rest.post(f"organizations/{marketing.pk}/archive?preview=1").json()
    act = rest.post(f"teams/{content.pk}/archive")

    assert (team["preview"], team["state"]) == (True, "active")
    assert team["effects"]["is_possible"] is False
    assert (team["effects"]["teams"], team["effects"]["members"]) == (0, 2)
    assert organization["effects"]["teams"] == 1
    assert refused(act) == (409, "still_in_use")


def test_a_preview_of_a_team_changes_nothing_and_the_act_does_the_same(
    rest: Rest, product: Product, marketing: Any
) -> None:
    team = nodes.create_team(product=product, organization=marketing, name="Events", actor=TESTS)
    FeatureSwitch.objects.create(
        product=product.slug, node_id=team.pk, feature="image_generation", is_on=False
    )
    at = f"teams/{team.pk}"

    planned = rest.post(f"{at}/archive?preview=1").json()
    still = rest.get(at).json()["state"]
    entries = AuditEntry.objects.filter(verb="team.archived").count()
    done = rest.post(f"{at}/archive", {"reason": "Ended."}).json()

    assert (planned["preview"], still, entries) == (True, "active", 0)
    assert planned["effects"] == done["effects"]
    assert done["effects"]["is_possible"] is True
    assert done["effects"]["features"] == 1
    assert (done["preview"], done["state"]) == (False, "archived")


def test_a_preview_of_a_seat_counts_places_and_administration(
    rest: Rest, product: Product, mia_member: Any
) -> None:
    planned = rest.post(f"members/{mia_member.pk}/archive?preview=1").json()
    still = rest.get(f"members/{mia_member.pk}").json()["state"]
    done = rest.post(f"members/{mia_member.pk}/archive").json()

    assert still == "active"
    assert planned["effects"] == done["effects"]
    # Her team, and `global`.
    assert planned["effects"]["places"] == 2
    assert planned["effects"]["admins"] == []
    assert planned["effects"]["keys"] == (None if product.slug == "copilot" else 0)


def test_an_archived_team_is_refused_in_the_preview_too(
    rest: Rest, product: Product, marketing: Any
) -> None:
    team = nodes.create_team(product=product, organization=marketing, name="Events", actor=TESTS)
    at = f"teams/{team.pk}/archive"
    rest.post(at)

    assert refused(rest.post(at)) == refused(rest.post(f"{at}?preview=1"))


def test_a_branch_admin_previews_the_own_branch_alone(
    mias: Rest, mia_member: Any, content: Any
) -> None:
    assert refused(mias.post(f"members/{mia_member.pk}/archive?preview=1"))[0] in {403, 404}
    assert refused(mias.post(f"teams/{content.pk}/archive?preview=1"))[0] in {403, 404}
