"""What archiving an organization, a team or a member would stop, before a service does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.access.models import FeatureSwitch, NodeLlmPolicy
from core.credits.models import Cap
from core.credits.selectors import OpenCalls, allocations_of, balances_of, open_calls_of
from core.hierarchy.keys import working_keys_of
from core.hierarchy.models import AbstractMember, AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.identity.models import RoleAssignment


@dataclass(frozen=True, slots=True)
class ArchivePreview:
    """What stands in the way of archiving, and what stops with it. Amounts are micro-credits.

    `teams` and `members` below an organization or a team have to leave first. `places` are those
    that a member's seat leaves empty. `goes_back` is free and returns to where it came from;
    `rules` are the allocations that end, and `allocated` is what they give in a cycle. `policies`,
    `features` and `caps` stay written down and are in force again after a restore.
    """

    name: str
    teams: int
    members: int
    places: int
    keys: int | None
    calls: OpenCalls
    goes_back: int
    rules: int
    allocated: int
    policies: int
    features: int
    caps: int
    admins: Sequence[str]

    @property
    def is_possible(self) -> bool:
        """Whether nothing has to leave first."""
        return not self.teams and not self.members


def preview_node_archive(
    product: Product, node: AbstractOrganization | AbstractTeam
) -> ArchivePreview:
    """Return what archiving an organization or a team would do.

    `admins` are those who administer it, which pauses until it is restored.
    """
    places, teams = _places(product), 0
    if isinstance(node, AbstractTeam):
        places = places.filter(team=node)
    else:
        places = places.filter(organization=node)
        inside: Any = product.team._default_manager
        teams = inside.filter(organization=node, archived_at=None).count()
    used = places.filter(member__archived_at=None)
    appointed = RoleAssignment.objects.filter(product=product.slug, node_id=node.pk)
    return ArchivePreview(
        name=node.name,
        teams=teams,
        members=used.values("member").distinct().count(),
        places=0,
        keys=working_keys_of(product, used),
        calls=open_calls_of(places.values("wallet")),
        admins=tuple(sorted(str(row.user) for row in appointed.select_related("user"))),
        **_money([node.wallet_id] if node.wallet_id else []),
        **_set_on(product, [node.pk]),
    )


def preview_member_archive(product: Product, member: AbstractMember) -> ArchivePreview:
    """Return what taking somebody's seat away would do.

    `admins` are the nodes that they administer and do not get back by themselves.
    """
    places = _places(product).filter(member=member)
    held = list(places.filter(organization__archived_at=None).values_list("pk", "wallet_id"))
    roles = RoleAssignment.objects.filter(
        user=member.user_id, product=product.slug, node_id__isnull=False
    )
    return ArchivePreview(
        name=str(member),
        teams=0,
        members=0,
        places=len(held),
        keys=working_keys_of(product, places),
        calls=open_calls_of(places.values("wallet")),
        admins=_names(product, {role.node_id for role in roles if role.node_id}),
        **_money([wallet for _place, wallet in held]),
        **_set_on(product, [member.pk, *(place for place, _wallet in held)]),
    )


def _places(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows.order_by()


def _money(wallets: Sequence[UUID]) -> dict[str, int]:
    rules = allocations_of(wallets)
    return {
        "goes_back": sum(max(balance.free, 0) for balance in balances_of(wallets).values()),
        "rules": len(rules),
        "allocated": sum(rules.values()),
    }


def _set_on(product: Product, nodes: Sequence[UUID]) -> dict[str, int]:
    """Return how much is set on the nodes themselves, rather than inherited."""
    mine = {"product": product.slug, "node_id__in": nodes}
    return {
        "policies": NodeLlmPolicy.objects.filter(**mine).count(),
        "features": FeatureSwitch.objects.filter(**mine).count(),
        "caps": Cap.objects.filter(subject__in=nodes).count(),
    }


def _names(product: Product, nodes: Iterable[UUID]) -> tuple[str, ...]:
    found: list[str] = []
    for model in (product.organization, product.team):
        rows: Any = model._default_manager
        found += rows.filter(pk__in=list(nodes)).values_list("name", flat=True)
    return tuple(sorted(found))
