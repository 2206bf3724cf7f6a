"""What a move would do, before `core.hierarchy.services.moving` does it. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.access.features import features_of
from core.access.rules.paths import Path, PathNode
from core.access.selectors import access_of, active_llm_ids
from core.credits.models import Cap
from core.credits.selectors import OpenCalls, allocations_of, balances_of, open_calls_of
from core.hierarchy.keys import working_keys_of
from core.hierarchy.models import AbstractMembership, AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.identity.models import Role, RoleAssignment

Place = tuple[AbstractOrganization, AbstractTeam | None]


@dataclass(frozen=True, slots=True)
class NodeCap:
    """A cap on an organization or a team: its name, the amount in micro-credits, the window."""

    node: str
    amount: int
    window: str


@dataclass(frozen=True, slots=True)
class MovePreview:
    """Everything that changes with a move. Amounts are micro-credits.

    `travels` moves along, `goes_back` returns to the old place. `rule` is the allocation that
    there is now, None without one; `keeps_rule` says whether it goes on. `draws_on` is what calls
    without an own allocation live on, before and after; empty where no node above has one. LLMs
    and features are counted as the path allows them, beside what a member's own policy says.
    """

    name: str
    source: str
    destination: str
    members: int
    travels: int
    goes_back: int
    rule: int | None
    keeps_rule: bool
    draws_on: tuple[str, str]
    calls: OpenCalls
    keys: int | None
    caps_gained: Sequence[NodeCap] = field(default_factory=tuple)
    caps_lost: Sequence[NodeCap] = field(default_factory=tuple)
    llms_gained: int = 0
    llms_lost: int = 0
    features_gained: Sequence[str] = field(default_factory=tuple)
    features_lost: Sequence[str] = field(default_factory=tuple)
    admins_gained: Sequence[str] = field(default_factory=tuple)
    admins_lost: Sequence[str] = field(default_factory=tuple)


def preview_team_move(
    product: Product, team: AbstractTeam, organization: AbstractOrganization
) -> MovePreview:
    """Return what moving a team to another organization would do."""
    source: Any = team.organization  # type: ignore[attr-defined]
    places = _places(product).filter(team=team, member__archived_at=None)
    wallets = [team.wallet_id, source.wallet_id, organization.wallet_id]
    rules = allocations_of(wallets)
    rule = rules.get(team.wallet_id)
    before = team.name if rule is not None else _drawn_on(rules, (source,))
    after = team.name if rule is not None else _drawn_on(rules, (organization,))
    return MovePreview(
        name=team.name,
        source=source.name,
        destination=organization.name,
        members=places.values("member").distinct().count(),
        travels=_free_in(team.wallet_id),
        goes_back=0,
        rule=rule,
        keeps_rule=rule is not None,
        draws_on=(before, after),
        calls=open_calls_of(places.values("wallet")),
        keys=working_keys_of(product, places),
        caps_gained=_caps_on((organization,)),
        caps_lost=_caps_on((source,)),
        **_policies(product, (team, source), (team, organization)),
        **_admins(product, (source,), (organization,)),
    )


def preview_membership_move(
    product: Product, membership: AbstractMembership, destination: Place
) -> MovePreview:
    """Return what moving a member's place would do."""
    place: Any = membership
    old = _path((place.organization, place.team))
    new = _path(destination)
    rules = allocations_of(
        [node.wallet_id for node in (place, *old, *new) if node.wallet_id is not None]
    )
    rule = rules.get(place.wallet_id)
    alone = _places(product).filter(pk=place.pk)
    return MovePreview(
        name=str(place.member),
        source=str(membership),
        destination=str(destination[1] or destination[0]),
        members=1,
        travels=0,
        goes_back=_free_in(place.wallet_id),
        rule=rule,
        keeps_rule=False,
        draws_on=(
            str(place.member) if rule is not None else _drawn_on(rules, old),
            _drawn_on(rules, new),
        ),
        calls=open_calls_of([place.wallet_id]),
        keys=working_keys_of(product, alone),
        caps_gained=_caps_on(node for node in new if node not in old),
        caps_lost=_caps_on(node for node in old if node not in new),
        **_policies(product, old, new),
        **_admins(product, old, new),
    )


def _places(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows


def _path(place: Place) -> tuple[Any, ...]:
    """Return the nodes of a place, the innermost first."""
    organization, team = place
    return (organization,) if team is None else (team, organization)


def _free_in(wallet_id: UUID) -> int:
    balance = balances_of([wallet_id]).get(wallet_id)
    return max(balance.free, 0) if balance else 0


def _drawn_on(rules: dict[UUID, int], path: Iterable[Any]) -> str:
    return next((node.name for node in path if node.wallet_id in rules), "")


def _caps_on(nodes: Iterable[Any]) -> list[NodeCap]:
    names = {node.pk: node.name for node in nodes}
    caps = Cap.objects.filter(subject__in=names).order_by("id")
    return [NodeCap(names[cap.subject], cap.amount, cap.get_window_display()) for cap in caps]


def _policies(product: Product, old: Sequence[Any], new: Sequence[Any]) -> dict[str, Any]:
    """Return what the new path allows and the old one does not, and the other way round.

    Paths come with the innermost node first. What the super admin offers does not depend on the
    path, so all that is on counts as offered.
    """
    top = product.organization._default_manager.get(is_global=True)
    before, after = (_as_path((*nodes, top)) for nodes in (old, new))
    access = access_of(
        product.slug,
        offered=active_llm_ids(product.slug),
        nodes=[node.id for node in (*before, *after)],
    )
    had, has = access.llms(before), access.llms(after)
    features = features_of(product.slug)
    had_on, has_on = (
        {each.key for each in features if access.has(each.key, path)} for path in (before, after)
    )
    return {
        "llms_gained": len(has - had),
        "llms_lost": len(had - has),
        "features_gained": [str(each.title) for each in features if each.key in has_on - had_on],
        "features_lost": [str(each.title) for each in features if each.key in had_on - has_on],
    }


def _as_path(nodes: Sequence[Any]) -> Path:
    """Return nodes, the innermost first, as a path from `global` down."""
    return tuple(
        PathNode(
            "team"
            if isinstance(node, AbstractTeam)
            else "global"
            if node.is_global
            else "organization",
            node.pk,
            node.name,
        )
        for node in reversed(nodes)
    )


def _admins(product: Product, old: Sequence[Any], new: Sequence[Any]) -> dict[str, Any]:
    """Return who administers only the new path, and who only the old one."""
    nodes = {node.pk for node in (*old, *new)}
    rows = RoleAssignment.objects.filter(
        product=product.slug,
        role__in=(Role.ORGANIZATION_ADMIN, Role.TEAM_ADMIN),
        node_id__in=nodes,
        user__is_active=True,
    ).select_related("user")
    of_node: dict[UUID | None, set[Any]] = {}
    for row in rows:
        of_node.setdefault(row.node_id, set()).add(row.user)
    before = set().union(*(of_node.get(node.pk, set()) for node in old))
    after = set().union(*(of_node.get(node.pk, set()) for node in new))
    return {
        "admins_gained": tuple(sorted(map(str, after - before))),
        "admins_lost": tuple(sorted(map(str, before - after))),
    }
