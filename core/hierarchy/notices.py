"""What people are told of their own seats and places."""

from django.utils.translation import gettext_lazy as _

from core.audit.services import Actor
from core.hierarchy.models import AbstractMember, AbstractMembership
from core.hierarchy.product import Product
from core.notifications import kinds
from core.notifications.services import notify

SEAT_GIVEN = kinds.register(
    "seat.given",
    label=_("You got a seat in Copilot or Console"),
    sentence=_("{actor} gave you a seat in {product}"),
    icon="badge",
    by_mail=True,
)
PLACE_GIVEN = kinds.register(
    "place.given",
    label=_("You were added to a team or an organization"),
    sentence=_("{actor} added you to {place} in {product}"),
    icon="group_add",
)


def tell_of_seat(*, product: Product, member: AbstractMember, actor: Actor) -> None:
    """Tell somebody of their seat, unless they are new here: then the invitation tells them."""
    if member.user.is_active:
        notify(
            users=[member.user],
            kind=SEAT_GIVEN,
            params={"actor": actor.label, "product": product.title},
            link=f"/{product.slug}/me/",
            product=product.slug,
            dedup_key=f"seat:{product.slug}:{member.pk}",
            not_to=actor,
        )


def tell_of_place(
    *, product: Product, member: AbstractMember, place: AbstractMembership, actor: Actor
) -> None:
    """Tell somebody of a team or an organization that they are in now, as with a seat."""
    if member.user.is_active:
        notify(
            users=[member.user],
            kind=PLACE_GIVEN,
            params={"actor": actor.label, "place": str(place), "product": product.title},
            link=f"/{product.slug}/me/",
            product=product.slug,
            dedup_key=f"place:{place.pk}",
            not_to=actor,
        )
