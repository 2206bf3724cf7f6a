"""Of what the product itself tells people."""

from datetime import timedelta

from console.models import Membership
from console.services.key_warnings import warn_of_expiring_keys
from console.services.keys import create_key, revoke_key
from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships
from core.identity.models import Role, User
from core.identity.services import give_role
from core.kit.clock import now
from core.notifications.models import Notification
from tenants.models import Account
from tests.cast import actor_of
from tests.core.ui.people import organization_of, team_of
from tests.factories.identity import UserFactory


def told(user: User) -> list[str]:
    return [str(row) for row in Notification.objects.filter(user=user).order_by("id")]


def test_a_seat_and_a_team_are_news_to_who_is_here(
    in_acme: Account, ada: User, product: Product
) -> None:
    nina = UserFactory(name="Nina New")
    member = members.create_member(product=product, user=nina, actor=actor_of(ada))

    memberships.place_member(
        product=product,
        member=member,
        organization=organization_of(product),
        team=team_of(product),
        actor=actor_of(ada),
    )

    assert told(nina) == [
        f"Ada Admin gave you a seat in {product.title}",
        f"Ada Admin added you to Content in {product.title}",
    ]


def test_who_is_invited_learns_it_from_the_invitation(
    in_acme: Account, ada: User, product: Product
) -> None:
    seat = members.invite_member(product=product, email="nina@acme.example", actor=actor_of(ada))

    assert told(seat.member.user) == []


def test_an_admin_is_told_of_the_role_once(in_acme: Account, ada: User, mia: User) -> None:
    Notification.objects.filter(user=mia).delete()
    for _ in range(2):
        give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=actor_of(ada))

    assert told(mia) == ["Ada Admin made you account admin"]


def test_keys_that_expire_within_a_week_are_announced_once(in_acme: Account, mia: User) -> None:
    Notification.objects.filter(user=mia).delete()
    place = Membership.objects.filter(member__user=mia, team__isnull=False).get()
    days = {"soon": 3, "later": 9, "revoked": 3}
    keys = {
        name: create_key(
            account=in_acme,
            membership=place,
            name=name,
            expires_at=now() + timedelta(days=left),
            actor=actor_of(mia),
        ).key
        for name, left in days.items()
    }
    revoke_key(key=keys["revoked"], actor=actor_of(mia))

    assert [warn_of_expiring_keys(), warn_of_expiring_keys()] == [1, 0]

    assert told(mia)[0].startswith("Your key soon expires on ")
