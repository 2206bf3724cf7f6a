"""Taking an act back: its movements reversed, its rules as they were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import rules, verbs
from core.credits.errors import CannotUndo, CycleEnded
from core.credits.models import (
    Act,
    AllocationRule,
    Cycle,
    Split,
    Transfer,
    TransferKind,
)
from core.credits.rules import Move
from core.credits.selectors import open_cycle_of
from core.credits.services.locking import BalanceRow, hold_cycle, hold_splits, read_balances
from core.credits.services.moving import apply_moves, claim_act
from core.credits.services.sharing import give_to_old_splits
from core.credits.services.standing import (
    lock_tree,
    rule_changes_of,
    spots_of,
    standing_of,
    write_rules,
)
from core.credits.split_rules import Spot, Standing
from core.kit.money import format_credits

# What an admin does inside the book. Grants are the platform's, and who joined or left did so.
UNDOABLE = frozenset(
    {
        verbs.ALLOCATED,
        verbs.ALLOCATED_MANY,
        verbs.UNALLOCATED,
        verbs.TOPPED_UP,
        verbs.RECLAIMED,
        verbs.SPLIT,
        verbs.OVERRIDDEN,
        verbs.OVERRIDE_ENDED,
        verbs.MOVED,
    }
)
_REVERSED = {
    TransferKind.ALLOCATE: TransferKind.RECLAIM,
    TransferKind.TOP_UP: TransferKind.RECLAIM,
    TransferKind.RECLAIM: TransferKind.ALLOCATE,
}


@dataclass(frozen=True, slots=True)
class Undo:
    """What taking an act back comes to: `total` credits would go back, `possible` of them now.

    `obstacle` says why it cannot be done, in a sentence; empty if it can.
    """

    total: int
    possible: int
    obstacle: str


def plan_undo(act: Act) -> Undo:
    """Return whether `undo_act` would work now, and if not, why and how much would."""
    cycle = open_cycle_of(act.book)
    back = _Back(act, cycle)
    if Act.objects.filter(undoes=act).exists():
        return Undo(back.total, 0, "This was undone before.")
    try:
        back.check_cycle()
        spots = spots_of(act.book, back.wallets)
        back.read(read_balances(cycle, back.wallets), spots)
        back.check()
    except (CannotUndo, CycleEnded) as problem:
        return Undo(back.total, back.possible, problem.detail)
    return Undo(back.total, back.possible, "")


@transaction.atomic
def undo_act(
    *,
    act: Act,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Take an act back as a whole: move the same credits the other way, restore its rules.

    Raises:
        AlreadyUndone: somebody did.
        CannotUndo: credits were used or moved on since (`undoable` says how much is still there),
            a rule was changed since, or it is not an act of that kind.
        CycleEnded: it belongs to an earlier cycle.
    """
    claim = claim_act(
        book=act.book,
        verb=verbs.UNDONE,
        content={"act": act.pk},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
        undoes=act,
    )
    if claim.is_repeat:
        return claim.act
    cycle = hold_cycle(act.book)
    hold_splits(act.book)
    back = _Back(act, cycle)
    back.check_cycle()
    spots, balances = lock_tree(act.book, cycle, back.wallets, with_unallocated=True)
    back.read(balances, spots)
    back.check()
    apply_moves(act=claim.act, cycle=cycle, balances=balances, moves=back.moves)
    before, after = back.rules()
    write_rules(act=claim.act, before=before, after=after)
    give_to_old_splits(act)
    Split.objects.filter(act=act, ended_by=None).update(ended_by=claim.act)
    Split.objects.filter(ended_by=act).update(ended_by=None)
    record(
        actor=actor,
        verb=verbs.UNDONE,
        target=("wallet", back.first, label or str(act.verb)),
        before={"act": str(act.verb)},
        after={"credits": format_credits(back.total)},
        reason=reason,
        product=act.book.product,
        nodes=nodes,
    )
    return claim.act


class _Back:
    """The way back from an act."""

    def __init__(self, act: Act, cycle: Cycle) -> None:
        self._act, self._cycle = act, cycle
        self._transfers: list[tuple[UUID | None, UUID | None, int, str, UUID]] = list(
            Transfer.objects.filter(act=act)
            .order_by("-id")
            .values_list("from_wallet_id", "to_wallet_id", "amount", "kind", "cycle_id")
        )
        # The rules of each wallet as the act found and as it left them.
        self._changes = rule_changes_of(act)
        self._now: dict[UUID, Standing] = {}
        self._balances: Mapping[UUID, BalanceRow] = {}
        self._spots: Mapping[UUID, Spot] = {}
        self.moves = tuple(
            Move(to, came_from, amount, _REVERSED.get(TransferKind(kind), TransferKind.ADJUST))
            for came_from, to, amount, kind, _ in self._transfers
        )
        self._deltas = rules.deltas_of(self.moves)
        self.wallets = {*self._deltas, *self._changes}

    @property
    def first(self) -> UUID:
        """A wallet to name the act by."""
        if self._transfers:
            came_from, to, *_ = self._transfers[-1]
            named = to if came_from is None else came_from
            assert named is not None, "A transfer has an end in the book."
            return named
        return next(iter(self._changes), self._act.pk)

    @property
    def total(self) -> int:
        return sum(-delta for delta in self._deltas.values() if delta < 0)

    @property
    def possible(self) -> int:
        return sum(
            min(-delta, self._free(wallet)) for wallet, delta in self._deltas.items() if delta < 0
        )

    def check_cycle(self) -> None:
        """Raises: CannotUndo, CycleEnded."""
        if self._act.verb not in UNDOABLE:
            raise CannotUndo("Only what an admin allocated, split, moved or took back is undone.")
        in_this_cycle = all(cycle == self._cycle.pk for *_, cycle in self._transfers)
        if not in_this_cycle or self._act.created_at < self._cycle.starts_at:
            raise CycleEnded("It belongs to an earlier cycle. What moved there stays.")

    def read(self, balances: Mapping[UUID, BalanceRow], spots: Mapping[UUID, Spot]) -> None:
        """Take in the balances, and the rules as they are under their locks."""
        self._balances, self._spots = balances, spots
        self._now = standing_of(self.wallets)

    def check(self) -> None:
        """Raises: CannotUndo."""
        for move in self.moves:
            if not (
                self._parent(move.source) == move.destination
                or self._parent(move.destination) == move.source
            ):
                raise CannotUndo("A node has moved to another place since.")
        for wallet, (_, left) in self._changes.items():
            if self._now.get(wallet) != left:
                raise CannotUndo("An allocation was changed again since. Undo that first.")
        if self.possible < self.total:
            raise CannotUndo(
                f"Of {format_credits(self.total)} credits, {format_credits(self.possible)} can "
                "still go back; the rest was used, is held by running calls, or was given on.",
                total=format_credits(self.total),
                undoable=format_credits(self.possible),
            )

    def rules(self) -> tuple[dict[UUID, Standing | None], dict[UUID, Standing | None]]:
        """Return the rules before and after the undo.

        Who joined the split since keeps what they got, as an amount of their own.
        """
        before: dict[UUID, Standing | None] = {}
        after: dict[UUID, Standing | None] = {}
        for wallet, (found, _) in self._changes.items():
            before[wallet] = self._now.get(wallet)
            after[wallet] = found
        sharing = AllocationRule.objects.filter(split__act=self._act)
        joined = set(sharing.values_list("wallet_id", flat=True)) - before.keys()
        for wallet, rule in standing_of(joined).items():
            before[wallet] = rule
            after[wallet] = Standing(rule.amount)
        return before, after

    def _parent(self, wallet: UUID | None) -> UUID | None:
        return None if wallet is None else self._spots[wallet].parent

    def _free(self, wallet: UUID) -> int:
        balance = self._balances.get(wallet)
        return max(balance.free, 0) if balance else 0
