"""What nodes hold of a product's credits, and by which rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.credits.models import Balance, Cycle, Split, WalletKind
from core.credits.services.locking import among
from core.credits.services.standing import standing_of
from core.credits.split_rules import Standing
from core.credits.sums import Sums


@dataclass(frozen=True, slots=True)
class More:
    """A branch that goes on after a row: so many of what stands below its wallet are shown."""

    wallet_id: UUID
    start: int
    path: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """One node's wallet in a cycle, in micro-credits, and the rule that fills it.

    `credited` is what was given to the node and not given on by it; `given_on` is what it gave to
    the nodes below, of which `used_below` and `held_below` are spent or held there. `rule` is None
    where a node has no own allocation: it draws on the nearest ancestor with one, which is
    `inherits_from`; what has no wallet says in `members_draw_on` what takes its
    place. In a tree, `more` are the branches that go on after it.
    """

    wallet_id: UUID
    kind: str
    label: str
    node_id: UUID
    depth: int = 0
    note: str = ""
    credited: int = 0
    given_on: int = 0
    used: int = 0
    reserved: int = 0
    used_below: int = 0
    held_below: int = 0
    standing: Standing | None = None
    inherits_from: str = ""
    members_draw_on: str = ""
    is_open: bool = False
    is_archived: bool = False
    can_change: bool = True
    can_override: bool = False
    path: tuple[UUID, ...] = ()
    more: tuple[More, ...] = ()

    @property
    def rule(self) -> int | None:
        """The own allocation of each cycle."""
        return self.standing.amount if self.standing else None

    @property
    def source(self) -> str:
        """By which instruction it has credits: own, equal, pinned, added, inherits or none."""
        if self.standing is None:
            return "inherits" if self.inherits_from else "none"
        if self.standing.split is None:
            return "own"
        if not self.standing.is_override:
            return "equal"
        return "pinned" if self.standing.is_pinned else "added"

    @property
    def has_children(self) -> bool:
        """Whether members stand below it."""
        return self.kind != WalletKind.MEMBERSHIP

    @property
    def allocated(self) -> int:
        """All that was given to the node in this cycle, by its rule and by top-ups."""
        return self.credited + self.given_on

    @property
    def used_in_all(self) -> int:
        """What it and all below have used."""
        return self.used + self.used_below

    @property
    def held_in_all(self) -> int:
        """What running calls hold of it and of all below."""
        return self.reserved + self.held_below

    @property
    def free(self) -> int:
        """What can be spent or given on."""
        return self.credited - self.used - self.reserved

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever given to it or spent from it in this cycle."""
        return not (self.credited or self.given_on or self.used or self.reserved)


class Ledger:
    """The balances and rules of some wallets of a cycle, read at once.

    `below` has the sums of what stands below those whose holdings show it. `shared_by` are the
    wallets whose splits may be overridden; None are all.
    """

    def __init__(
        self,
        cycle: Cycle,
        wallet_ids: Iterable[UUID | None],
        *,
        below: Mapping[UUID, Sums],
        shared_by: Iterable[UUID] | None = None,
    ) -> None:
        known = {wallet_id for wallet_id in wallet_ids if wallet_id is not None}
        self._below = below
        self._splits: set[UUID] | None = None
        if shared_by is not None:
            splits = Split.objects.filter(source__in=among(shared_by))
            self._splits = set(splits.values_list("pk", flat=True))
        balances = Balance.objects.filter(cycle=cycle, wallet_id__in=among(known))
        self._balances = {balance.wallet_id: balance for balance in balances}
        self._standing = standing_of(known)

    def of_node(self, node: Any, *, kind: str, above: tuple[Holding, ...] = ()) -> Holding:
        """Return what an organization or a team holds."""
        below = self._below.get(node.wallet_id, Sums())
        return self._holding(
            node.wallet_id,
            above,
            kind=kind,
            label=node.name,
            node_id=node.pk,
            given_on=below.credited,
            used_below=below.used,
            held_below=below.reserved,
            is_archived=node.is_archived,
        )

    def of_place(self, place: Any, *, above: tuple[Holding, ...] = (), label: str = "") -> Holding:
        """Return what a membership holds."""
        return self._holding(
            place.wallet_id,
            above,
            kind=WalletKind.MEMBERSHIP,
            label=label or str(place.member),
            note=place.member.user.email,
            node_id=place.pk,
        )

    def _holding(self, wallet_id: UUID, above: tuple[Holding, ...], **known: Any) -> Holding:
        balance = self._balances.get(wallet_id) or Balance()
        standing = self._standing.get(wallet_id)
        split = standing.split if standing else None
        nearest = next(
            (
                node.members_draw_on or node.label
                for node in above
                if node.members_draw_on or node.rule is not None
            ),
            "",
        )
        return Holding(
            wallet_id=wallet_id,
            depth=len(above),
            credited=balance.credited,
            used=balance.used,
            reserved=balance.reserved,
            standing=standing,
            inherits_from=nearest if standing is None else "",
            can_override=split is not None and (self._splits is None or split in self._splits),
            path=tuple(node.wallet_id for node in reversed(above)),
            **known,
        )
