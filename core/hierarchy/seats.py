"""The place that a call acts from: what both products' bindings make a principal of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.rules.paths import NodeKind, Path, PathNode
from core.hierarchy.product import Product
from core.kit.problems import NotAllowed


@dataclass(frozen=True, slots=True)
class Seat:
    """One active membership with its path: whose rights count, and whose wallet pays first."""

    product: str
    user_id: UUID
    label: str
    member_id: UUID
    membership_id: UUID
    wallet_id: UUID
    team_id: UUID | None
    organization_id: UUID
    global_id: UUID
    # What member, team and organization are called now; a usage event keeps it.
    names: Mapping[UUID, str] = field(default_factory=dict)

    @property
    def path(self) -> tuple[UUID, ...]:
        """The nodes whose caps hold for a call from here, from the innermost outwards."""
        nodes = (self.membership_id, self.member_id, self.team_id, self.organization_id)
        inner = tuple(node for node in nodes if node is not None)
        return inner if self.organization_id == self.global_id else (*inner, self.global_id)

    @property
    def nodes(self) -> Path:
        """The nodes whose policies count for a call from here, from `global` down to the member."""
        path = [PathNode("global", self.global_id)]
        if self.organization_id != self.global_id:
            path.append(self._node("organization", self.organization_id))
        if self.team_id is not None:
            path.append(self._node("team", self.team_id))
        return (*path, self._node("member", self.member_id))

    def _node(self, kind: NodeKind, node_id: UUID) -> PathNode:
        return PathNode(kind, node_id, self.names.get(node_id, ""))


@dataclass(frozen=True, slots=True)
class TeamSeat:
    """A team that acts by itself: for programs that belong to nobody in particular."""

    product: str
    label: str
    wallet_id: UUID
    team_id: UUID
    organization_id: UUID
    global_id: UUID
    names: Mapping[UUID, str] = field(default_factory=dict)

    @property
    def path(self) -> tuple[UUID, ...]:
        """The nodes whose caps hold for a call from here, from the innermost outwards."""
        return (self.team_id, self.organization_id, self.global_id)

    @property
    def nodes(self) -> Path:
        """The nodes whose policies count for a call from here, from `global` down to the team."""
        return (
            PathNode("global", self.global_id),
            PathNode("organization", self.organization_id, self.names[self.organization_id]),
            PathNode("team", self.team_id, self.names[self.team_id]),
        )


def seat_of_team(product: Product, team_id: UUID) -> TeamSeat:
    """Return the place that a team acts from.

    Raises:
        NotAllowed: it, or its organization, is archived.
    """
    teams: QuerySet[Any] = product.team._default_manager.all()
    active = teams.filter(pk=team_id, archived_at=None, organization__archived_at=None)
    team = active.select_related("organization").first()
    if team is None:
        raise NotAllowed("The team is archived. An account admin can bring it back.")
    return TeamSeat(
        product=product.slug,
        label=str(team),
        wallet_id=team.wallet_id,
        team_id=team.pk,
        organization_id=team.organization_id,
        global_id=_global_id(product),
        names={team.pk: str(team), team.organization_id: str(team.organization)},
    )


def seat_of_user(product: Product, user_id: UUID, *, team: str | None = None) -> Seat:
    """Return the place a user acts from: the one named, or the primary one.

    `team` is the id or the exact name of a team, or of an organization in which the user sits
    directly. Everyone sits in `global`, which carries no credits: only who has no other place acts
    from there, or its members would act past the policies of their organizations.

    Raises:
        NotAllowed: the user is not active, has no seat in the product, or not that one.
    """
    return _seat(product, team=team, member__user=user_id)


def seat_of_email(product: Product, email: str, *, team: str | None = None) -> Seat:
    """Return the place that somebody acts from who is named by an e-mail address.

    Raises:
        NotAllowed: nobody active of that address has a seat in the product, or is in that team.
    """
    return _seat(product, team=team, member__user__email__iexact=email)


def seat_of_membership(product: Product, membership_id: UUID) -> Seat:
    """Return the place that is this membership.

    Raises:
        NotAllowed: it, or anything above it, is archived, or its user is not active.
    """
    return _seat(product, team=None, pk=membership_id)


def _seat(product: Product, *, team: str | None, **who: Any) -> Seat:
    # The abstract model has no `member`, `organization` and `team`; each product's has.
    memberships: QuerySet[Any] = product.membership._default_manager.all()
    places = (
        memberships.filter(
            Q(team=None) | Q(team__archived_at=None),
            archived_at=None,
            member__archived_at=None,
            member__user__is_active=True,
            organization__archived_at=None,
            **who,
        )
        .select_related("member__user", "organization", "team")
        .order_by("-is_primary", "organization__is_global", "created_at")
    )
    found = list(places)
    place = _chosen(found, team)
    if place is None and found:
        raise NotAllowed("The member is not in this team. An account admin can change that.")
    if place is None:
        raise NotAllowed(
            f"There is no active seat in {product.title}. An account admin can give one."
        )
    return _seat_at(product, place)


def can_act_from(place: Any) -> bool:
    """Whether calls can come from a place: `global` is one only for who has no other."""
    return bool(place.is_primary or not place.organization.is_global)


def _chosen(places: list[Any], team: str | None) -> Any | None:
    """Return the first place, or the one that is named.

    An id decides before a name, and a team before an organization of the same name.

    Raises:
        NotAllowed: the name fits teams of several organizations.
    """
    if team is None:
        return places[0] if places else None
    nodes = [(place, place.team or place.organization) for place in places if can_act_from(place)]
    by_id = [place for place, node in nodes if str(node.pk) == team.lower()]
    by_name = [place for place, node in nodes if node.name == team]
    fitting = by_id or [place for place in by_name if place.team is not None] or by_name
    if len(fitting) > 1:
        raise NotAllowed("The member is in several teams of this name. Send the team's id.")
    return fitting[0] if fitting else None


def _seat_at(product: Product, place: Any) -> Seat:
    user = place.member.user
    return Seat(
        product=product.slug,
        user_id=user.pk,
        label=str(user),
        member_id=place.member_id,
        membership_id=place.pk,
        wallet_id=place.wallet_id,
        team_id=place.team_id,
        organization_id=place.organization_id,
        global_id=_global_id(product),
        names={
            node.pk: str(node)
            for node in (place.member, place.team, place.organization)
            if node is not None
        },
    )


def _global_id(product: Product) -> UUID:
    everyone = product.organization._default_manager.filter(is_global=True)
    found: UUID = everyone.values_list("pk", flat=True).get()
    return found
