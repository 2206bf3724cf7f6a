"""Telling people how much of their credits is used: admins of a node, and members of their own."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from core.credits.alerts import Crossing, new_crossings
from core.credits.models import Wallet, WalletKind
from core.credits.selectors import book_of
from core.credits.services.locking import among
from core.hierarchy.administration import administrators_of
from core.hierarchy.product import Product
from core.hierarchy.wallets import wallet_labels
from core.identity.models import User
from core.identity.selectors import account_admins
from core.kit.money import format_credits
from core.notifications import kinds
from core.notifications.services import notify

CREDITS_USED = kinds.register(
    "credits.used",
    label=_("Credits of something you administer run low"),
    sentence=_("{percent} % of the credits of {node} in {product} are used: {used} of {given}"),
    icon="speed",
    tone="warn",
    by_mail=True,
)
OWN_CREDITS_USED = kinds.register(
    "credits.own_used",
    label=_("Your own credits run low"),
    sentence=_("You have used {percent} % of your credits in {node}: {used} of {given}"),
    icon="speed",
    tone="warn",
    by_mail=True,
)


@transaction.atomic
def tell_of_used_credits(product: Product) -> int:
    """Tell whom it concerns of every threshold that was passed since; return how many were.

    That they were told, and the telling, are one transaction: who dies between tells nobody twice,
    and forgets nobody.
    """
    book = book_of(product.slug)
    crossings = new_crossings(book)
    if not crossings:
        return 0
    wallets = Wallet.objects.filter(pk__in=among(one.wallet_id for one in crossings))
    labels = wallet_labels(product, wallets)
    owners = _owners(product, [c for c in crossings if c.kind == WalletKind.MEMBERSHIP])
    admins = list(account_admins())
    for crossing in crossings:
        place = owners.get(crossing.wallet_id)
        if place is not None:
            own = [place.member.user]
            _tell(product, crossing, node=str(place), users=own, kind=OWN_CREDITS_USED)
        elif crossing.kind in {WalletKind.ORGANIZATION, WalletKind.TEAM}:
            people = [*admins, *_admins_of(product, crossing)]
            label = labels[crossing.wallet_id]
            _tell(product, crossing, node=label, users=people, kind=CREDITS_USED)
        elif crossing.kind == WalletKind.UNALLOCATED:
            _tell(product, crossing, node=product.title, users=admins, kind=CREDITS_USED)
    return len(crossings)


def _tell(
    product: Product,
    crossing: Crossing,
    *,
    node: str,
    users: Sequence[User],
    kind: str,
) -> None:
    page = "/me/" if kind == OWN_CREDITS_USED else "/credits/"
    notify(
        users={user.pk: user for user in users}.values(),
        kind=kind,
        params={
            "percent": crossing.percent,
            "node": node,
            "product": product.title,
            "used": format_credits(crossing.used),
            "given": format_credits(crossing.given),
        },
        link=f"/{product.slug}{page}",
        product=product.slug,
        dedup_key=f"credits:{crossing.cycle_id}:{crossing.wallet_id}:{crossing.percent}",
    )


def _owners(product: Product, crossings: Sequence[Crossing]) -> dict[Any, Any]:
    rows: QuerySet[Any] = product.membership._default_manager.filter(
        wallet_id__in=among(one.wallet_id for one in crossings), archived_at=None
    )
    places = rows.select_related("member__user", "team", "organization")
    return {place.wallet_id: place for place in places if place.member.user.is_active}


def _admins_of(product: Product, crossing: Crossing) -> list[User]:
    model: Any = product.team if crossing.kind == WalletKind.TEAM else product.organization
    node = model._default_manager.filter(wallet=crossing.wallet_id).first()
    if node is None:
        return []
    return [row.user for row in administrators_of(product, node) if row.user.is_active]
