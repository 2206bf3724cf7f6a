"""Olga administers Marketing, Theo its team Content: over REST they see and change that alone."""

from collections.abc import Callable
from typing import Any

import pytest

from core.hierarchy.product import Product, products
from core.hierarchy.services import members, memberships, nodes
from core.identity.models import Invitation, User
from core.identity.services import appoint_account_admin
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest, faults, refused


@pytest.fixture
def olgas(
    client_for: Callable[..., AccountClient], olga: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(olga, acme), product)


@pytest.fixture
def theos(
    client_for: Callable[..., AccountClient], theo: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(theo, acme), product)


@pytest.fixture
def elsewhere(acme: Account, product: Product, mia: User) -> dict[str, str]:
    """Sales with its team Field, Sara in it, and Mia, who is in Content too."""
    with in_account(acme):
        sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
        field = nodes.create_team(product=product, organization=sales, name="Field", actor=TESTS)
        seat: Any = members.invite_member(
            product=product, email="sara@acme.example", organization=sales, team=field, actor=TESTS
        )
        place = memberships.place_member(
            product=product,
            member=product.member._default_manager.get(user=mia),
            organization=sales,
            team=field,
            actor=TESTS,
        )
    return {
        "organization": str(sales.pk),
        "team": str(field.pk),
        "member": str(seat.member.pk),
        "invitation": str(seat.link.invitation.pk),
        "place": str(place.pk),
    }


def found(response: Any, field: str = "name") -> list[str]:
    assert response.status_code == 200, response.content
    return [item[field] for item in response.json()["items"]]


def test_lists_hold_the_branch_alone(olgas: Rest, theos: Rest, elsewhere: dict[str, str]) -> None:
    cast = ["olga@acme.example", "theo@acme.example", "mia@acme.example"]

    assert found(olgas.get("organizations")) == ["Marketing"]
    assert found(theos.get("organizations")) == []
    assert found(olgas.get("teams", {"state": "all"})) == ["Content"]
    assert found(theos.get("teams")) == ["Content"]
    assert found(olgas.get("members", {"state": "all"}), "email") == cast
    assert found(theos.get("members"), "email") == cast[1:]
    assert found(olgas.get("members", {"q": "sara"})) == []
    assert found(olgas.get("members", {"team": elsewhere["team"]})) == []
    assert found(olgas.get("invitations", {"state": "all"}), "email") == []


def test_of_a_shared_member_the_branch_sees_its_own_places(
    olgas: Rest, elsewhere: dict[str, str], mia_member: Any
) -> None:
    at = f"members/{mia_member.pk}"

    assert [one["team"]["name"] for one in olgas.get(at).json()["memberships"]] == ["Content"]
    assert len(olgas.get(f"{at}/memberships").json()["items"]) == 1
    for answer in (
        olgas.delete(f"{at}/memberships/{elsewhere['place']}"),
        olgas.post(f"{at}/memberships/{elsewhere['place']}/primary"),
        olgas.post(f"{at}/memberships/{elsewhere['place']}/move", {"team": elsewhere["team"]}),
    ):
        expected = (422, "invalid_input") if answer.status_code == 422 else (404, "not_found")
        assert refused(answer) == expected
    # The seat as a whole is not hers to take.
    assert refused(olgas.post(f"{at}/archive")) == (403, "not_allowed")
    assert refused(olgas.patch(at, {"name": "Mine"})) == (403, "not_allowed")


def test_another_branch_is_404(olgas: Rest, elsewhere: dict[str, str]) -> None:
    for answer in (
        olgas.get(f"organizations/{elsewhere['organization']}"),
        olgas.patch(f"organizations/{elsewhere['organization']}", {"name": "Mine"}),
        olgas.get(f"teams/{elsewhere['team']}"),
        olgas.post(f"teams/{elsewhere['team']}/archive"),
        olgas.get(f"members/{elsewhere['member']}"),
        olgas.post(f"members/{elsewhere['member']}/archive"),
        olgas.get(f"invitations/{elsewhere['invitation']}"),
        olgas.post(f"invitations/{elsewhere['invitation']}/resend"),
        olgas.post(f"invitations/{elsewhere['invitation']}/revoke"),
    ):
        assert refused(answer) == (404, "not_found")


def test_another_branch_in_a_body_does_not_exist(
    olgas: Rest, elsewhere: dict[str, str], content: Any, mia_member: Any
) -> None:
    organization, team = elsewhere["organization"], elsewhere["team"]
    new = {"email": "new@acme.example"}

    assert faults(olgas.post("teams", {"organization": organization, "name": "x"})) == [
        ("/organization", "not_found")
    ]
    assert faults(olgas.post(f"teams/{content.pk}/move", {"organization": organization})) == [
        ("/organization", "not_found")
    ]
    assert faults(olgas.post("members", {**new, "team": team})) == [("/team", "not_found")]
    assert faults(olgas.post("members", new)) == [("/team", "required")]
    assert faults(olgas.post(f"members/{mia_member.pk}/memberships", {"team": team})) == [
        ("/team", "not_found")
    ]
    assert faults(olgas.post("invitations", {"member": elsewhere["member"]})) == [
        ("/member", "not_found")
    ]
    rows = olgas.post("members/bulk/archive", {"members": [elsewhere["member"]]}).json()["rows"]
    assert rows[0]["problem"]["code"] == "not_found"


def test_what_stands_above_is_not_theirs(
    olgas: Rest, theos: Rest, marketing: Any, content: Any
) -> None:
    body = {"organization": str(marketing.pk), "name": "x"}

    assert refused(olgas.post("organizations", {"name": "x"})) == (403, "not_allowed")
    assert refused(olgas.post(f"organizations/{marketing.pk}/archive")) == (403, "not_allowed")
    assert refused(theos.post("teams", body)) == (403, "not_allowed")
    assert refused(theos.post(f"teams/{content.pk}/archive")) == (403, "not_allowed")
    assert refused(theos.get(f"organizations/{marketing.pk}")) == (404, "not_found")


def test_their_own_branch_is_theirs(olgas: Rest, theos: Rest, marketing: Any, content: Any) -> None:
    team = olgas.post("teams", {"organization": str(marketing.pk), "name": "Events"})
    seat = theos.post("members", {"email": "new@acme.example", "team": str(content.pk)})

    assert team.status_code == seat.status_code == 201
    # Whoever has the link can become the person; account admins alone see it.
    assert (seat.json()["state"], seat.json()["invitation"]["link"]) == ("invited", None)
    assert theos.patch(f"teams/{content.pk}", {"name": "Stories"}).status_code == 200
    assert olgas.patch(f"organizations/{marketing.pk}", {"name": "Brand"}).status_code == 200
    assert theos.post(f"members/{seat.json()['id']}/archive").status_code == 200


def test_who_is_to_administer_the_account_is_above_every_branch(
    theos: Rest, acme: Account, product: Product, content: Any
) -> None:
    """Theo may know the address and give a seat, and has no say over the login by that."""
    with in_account(acme):
        appoint_account_admin(email="next@acme.example", actor=TESTS)
    seat = theos.post("members", {"email": "next@acme.example", "team": str(content.pk)}).json()
    page = f"/{product.slug}/member/{seat['id']}"

    assert theos.client.post(f"{page}/withdraw/").status_code == 403
    revoked = theos.post(f"invitations/{seat['invitation']['id']}/revoke")
    assert refused(revoked) == (403, "not_allowed")
    assert refused(theos.post(f"members/{seat['id']}/archive")) == (403, "not_allowed")
    with in_account(acme):
        assert Invitation.objects.filter(revoked_at=None, user__email="next@acme.example").exists()


def test_a_seat_in_the_other_product_keeps_the_invitation(
    theos: Rest, acme: Account, product: Product, content: Any
) -> None:
    """It is the login's: withdrawn in one product, it would lock them out of the other."""
    (other,) = (each for each in products() if each != product)
    sent = {"email": "both@acme.example", "team": str(content.pk)}
    seat = theos.post("members", sent).json()
    with in_account(acme):
        sales = nodes.create_organization(product=other, name="Sales", actor=TESTS)
        elsewhere: Any = members.invite_member(
            product=other, email="both@acme.example", organization=sales, actor=TESTS
        )

    page = f"/{product.slug}/member/{seat['id']}"
    at = f"invitations/{theos.get('invitations').json()['items'][0]['id']}/revoke"

    assert theos.client.post(f"{page}/withdraw/").status_code == 403
    assert refused(theos.post(at)) == (403, "not_allowed")

    with in_account(acme):
        members.archive_member(product=other, member=elsewhere.member, reason="", actor=TESTS)
    assert theos.post(at).status_code == 200
