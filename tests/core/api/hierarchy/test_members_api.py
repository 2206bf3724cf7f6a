"""Members, memberships and invitations over REST, once for each product."""

from typing import Any
from uuid import UUID

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import members, nodes
from core.identity.models import Invitation, User
from core.identity.services import deactivate_user
from tests.cast import TESTS
from tests.core.api.hierarchy.conftest import NOBODY_IS
from tests.core.api.rest import Rest, faults, refused
from tests.mailbox import Mailbox


def emails(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["email"] for item in response.json()["items"]]


def invite(rest: Rest, email: str = "new@acme.example", **more: Any) -> Any:
    response = rest.post("members", {"email": email, **more})
    assert response.status_code == 201, response.content
    return response.json()


# -- members ---------------------------------------------------------------------------------------


def test_a_member_is_shown_with_their_places(rest: Rest, mia_member: Any, content: Any) -> None:
    shown = rest.get(f"members/{mia_member.pk}").json()

    assert (shown["email"], shown["name"]) == ("mia@acme.example", "Mia Member")
    assert shown["state"] == "active"
    assert [(place["team"] or {}).get("name") for place in shown["memberships"]] == [
        "Content",
        None,
    ]
    assert shown["memberships"][0]["is_primary"] is True


def test_somebody_new_is_invited_by_mail_and_by_a_link(
    rest: Rest,
    content: Any,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = invite(rest, name="Nia New", team=str(content.pk))

    link = made["invitation"]["link"]
    assert made["state"] == "invited"
    assert made["memberships"][0]["team"]["name"] == "Content"
    assert link.startswith("http://acme.localhost:8000/invitations/")
    assert mailbox.link_to("new@acme.example") == link
    # It is shown once.
    assert link not in rest.get(f"invitations/{made['invitation']['id']}").content.decode()


def test_who_can_sign_in_already_needs_no_invitation(rest: Rest, inside: None, ada: User) -> None:
    made = invite(rest, ada.email)

    assert (made["state"], made["invitation"]) == ("active", None)


def test_a_seat_is_given_once(rest: Rest, mia_member: Any, content: Any) -> None:
    again = {"email": "mia@acme.example", "team": str(content.pk)}
    assert refused(rest.post("members", again)) == (409, "already_there")
    assert refused(rest.post("members", {"email": "MIA@acme.example"})) == (409, "already_there")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("/email", "required")]),
        ({"email": "no"}, [("/email", "invalid")]),
        ({"email": "a@b.example\x07"}, [("/email", "invalid")]),
        ({"email": "x" * 250 + "@b.example"}, [("/email", "max_length")]),
        ({"email": "a@b.example", "name": "a\tb"}, [("/name", "unprintable")]),
        ({"email": "a@b.example", "team": str(NOBODY_IS)}, [("/team", "not_found")]),
        ({"email": "a@b.example", "team": "7"}, [("/team", "invalid")]),
        (
            {"email": "a@b.example", "organization": str(NOBODY_IS)},
            [("/organization", "not_found")],
        ),
        (
            {"email": "a@b.example", "organization": str(NOBODY_IS), "team": str(NOBODY_IS)},
            [("/team", "both")],
        ),
        ({"email": "a@b.example", "role": "account_admin"}, [("/role", "unknown")]),
    ],
)
def test_a_bad_invitation_is_refused_with_a_pointer(rest: Rest, body: Any, wrong: Any) -> None:
    assert faults(rest.post("members", body)) == wrong


def test_members_are_filtered(
    rest: Rest, product: Product, marketing: Any, content: Any, mia: User, theo: User
) -> None:
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    invite(rest, organization=str(sales.pk))
    deactivate_user(user=theo, actor=TESTS)
    members.archive_member(
        product=product, member=product.member._default_manager.get(user=mia), actor=TESTS
    )
    new, olga, off, gone = ("new@acme.example", "olga@acme.example", theo.email, mia.email)

    def found(**query: str) -> set[str]:
        return set(emails(rest.get("members", query)))

    assert found() == {new, olga, off}
    assert found(state="all") == {new, olga, off, gone}
    assert found(state="active") == {olga}
    assert found(state="invited") == {new}
    assert found(state="expired") == set()
    assert found(state="deactivated") == {off}
    assert found(state="archived") == {gone}
    assert found(organization=str(sales.pk)) == {new}
    assert found(organization=str(marketing.pk)) == {olga, off}
    assert found(team=str(content.pk)) == {off}
    assert found(q="ORGANIZER olga") == {olga}
    assert found(q="%") == set()
    Invitation.objects.update(expires_at="2020-01-01T00:00Z")
    assert found(state="expired") == {new}


def test_a_member_is_renamed_archived_and_restored(rest: Rest, mia_member: Any, mia: User) -> None:
    at = f"members/{mia_member.pk}"

    assert rest.patch(at, {"name": "Mia Morgan"}).json()["name"] == "Mia Morgan"
    archived = rest.post(f"{at}/archive", {"reason": "Left."})
    assert archived.json()["state"] == "archived"
    assert archived.json()["archived_at"]
    assert AuditEntry.objects.filter(verb="member.archived").latest("id").reason == "Left."
    assert rest.post(f"{at}/restore").json()["state"] == "active"


def test_a_member_of_another_account_is_404(rest: Rest, in_globex: dict[str, UUID]) -> None:
    for member_id in (NOBODY_IS, in_globex["member"]):
        at = f"members/{member_id}"
        place = f"{at}/memberships/{in_globex['membership']}"
        for answer in (
            rest.get(at),
            rest.patch(at, {"name": "x"}),
            rest.post(f"{at}/archive"),
            rest.post(f"{at}/restore"),
            rest.get(f"{at}/memberships"),
            rest.post(f"{at}/memberships", {}),
            rest.post(f"{place}/primary"),
            rest.delete(place),
        ):
            assert refused(answer) == (404, "not_found")


# -- memberships -----------------------------------------------------------------------------------


def test_places_are_added_made_primary_and_taken(
    rest: Rest, mia_member: Any, marketing: Any, content: Any
) -> None:
    at = f"members/{mia_member.pk}/memberships"
    made = rest.post(at, {"organization": str(marketing.pk)})
    assert (made.status_code, made.json()["is_primary"]) == (201, False)
    place = f"{at}/{made.json()['id']}"

    assert rest.post(f"{place}/primary").json()["is_primary"] is True
    assert [one["is_primary"] for one in rest.get(at).json()["items"]] == [False, False, True]
    gone = rest.delete(place)
    assert (gone.status_code, gone.content) == (204, b"")
    assert len(rest.get(at).json()["items"]) == 2


def test_places_that_do_not_fit_are_refused(
    rest: Rest, mia_member: Any, content: Any, in_globex: dict[str, UUID]
) -> None:
    at = f"members/{mia_member.pk}/memberships"
    in_global = rest.get(at).json()["items"][0]["id"]

    assert refused(rest.post(at, {"team": str(content.pk)})) == (409, "already_there")
    assert faults(rest.post(at, {"team": str(in_globex["team"])})) == [("/team", "not_found")]
    assert faults(rest.post(at, {})) == [("/team", "required")]
    assert refused(rest.delete(f"{at}/{in_global}")) == (409, "global_is_fixed")


def test_a_place_of_another_member_is_404(
    rest: Rest, mia_member: Any, product: Product, theo: User
) -> None:
    theos = product.membership._default_manager.filter(member__user=theo).first()  # type: ignore[misc]
    assert theos is not None

    assert refused(rest.delete(f"members/{mia_member.pk}/memberships/{theos.pk}")) == (
        404,
        "not_found",
    )


# -- invitations -----------------------------------------------------------------------------------


def test_an_invitation_is_sent_again_and_withdrawn(rest: Rest, inside: None) -> None:
    first = invite(rest)["invitation"]
    again = rest.post(f"invitations/{first['id']}/resend")

    assert again.status_code == 201
    assert again.json()["link"] != first["link"]
    assert [one["state"] for one in rest.get("invitations", {"state": "all"}).json()["items"]] == [
        "open",
        "revoked",
    ]
    at = f"invitations/{again.json()['id']}"
    assert rest.post(f"{at}/revoke").json()["state"] == "revoked"
    assert refused(rest.post(f"{at}/revoke")) == (409, "invitation_closed")
    assert AuditEntry.objects.latest("id").verb == "user.invitation_revoked"
    assert rest.get("invitations").json()["items"] == []


def test_who_has_joined_is_not_invited(rest: Rest, mia_member: Any) -> None:
    assert refused(rest.post("invitations", {"member": str(mia_member.pk)})) == (
        409,
        "invitation_closed",
    )
    assert faults(rest.post("invitations", {"member": str(NOBODY_IS)})) == [
        ("/member", "not_found")
    ]
    assert refused(rest.post(f"invitations/{NOBODY_IS}/resend")) == (404, "not_found")


def test_a_member_who_has_not_joined_is_invited_again(rest: Rest, inside: None) -> None:
    member = invite(rest)

    made = rest.post("invitations", {"member": member["id"]})

    assert (made.status_code, made.json()["member"]) == (201, member["id"])
    assert len(rest.get("invitations", {"member": member["id"]}).json()["items"]) == 1
