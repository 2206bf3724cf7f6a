"""What admins did with credits, by name, and what of it can be taken back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, Exists, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from core.access.scopes import Scope
from core.credits.errors import CannotUndo
from core.credits.models import Act, Book, RuleChange, Split, Transfer, TransferKind, Wallet
from core.credits.services.locking import array_of
from core.credits.services.undoing import UNDOABLE
from core.credits.split_rules import FIXED
from core.hierarchy.node_wallets import archived_among
from core.hierarchy.product import Product
from core.hierarchy.selections import all_wallets_below
from core.hierarchy.wallets import wallet_labels

LABELS = {
    "credits.allocated": "Set an allocation",
    "credits.allocated_many": "Set allocations from a file",
    "credits.allocation_removed": "Removed an allocation",
    "credits.topped_up": "Topped up",
    "credits.reclaimed": "Took back",
    "credits.split": "Split equally",
    "credits.override_pinned": "Pinned a share",
    "credits.override_ended": "Ended an override",
    "credits.moved": "Moved",
    "credits.undone": "Undid an act",
}
MOST = 8
_MOST_RULES = 500


@dataclass(frozen=True, slots=True)
class DoneAct:
    """One act: what was done, for whom, how much moved, and whether it was undone."""

    id: UUID
    label: str
    node: str
    amount: int
    at: datetime
    reason: str
    is_undone: bool
    can_undo: bool


def last_acts(product: Product, scope: Scope, book: Book, *, limit: int = MOST) -> list[DoneAct]:
    """Return the last acts of admins in a scope, newest first. A fixed number of queries."""
    acts = acts_within(product, scope, book).filter(verb__in=LABELS)
    acts = acts.annotate(
        is_undone=Exists(Act.objects.filter(undoes=OuterRef("pk"))),
        total=Subquery(Split.objects.filter(act=OuterRef("pk")).values("total")),
        source=Subquery(Split.objects.filter(act=OuterRef("pk")).values("source")),
    )
    shown = list(acts.order_by("-id")[:limit])
    ends = _largest_of([act.pk for act in shown])
    # An act may move nothing now, and still say what a node gets from the next cycle on.
    ends |= _rules_of([act.pk for act in shown if act.pk not in ends])
    # Of a split, what was divided says more than one of those who share it.
    about: dict[UUID, UUID] = {act: wallet for act, (wallet, _amount) in ends.items()}
    about |= {act.pk: act.source for act in shown if act.source is not None}
    wallets = Wallet.objects.filter(pk__in=set(about.values()))
    labels = wallet_labels(product, wallets)
    return [
        DoneAct(
            id=act.pk,
            label=LABELS[act.verb],
            node=labels.get(about[act.pk], "") if act.pk in about else "",
            amount=act.total if act.total is not None else ends.get(act.pk, (None, 0))[1],
            at=act.created_at,
            reason=act.reason,
            is_undone=act.is_undone,
            can_undo=act.verb in UNDOABLE and not act.is_undone,
        )
        for act in shown
    ]


def may_undo(product: Product, scope: Scope, act: Act) -> bool:
    """Whether all that an act changed stands below what a scope includes."""
    return acts_within(product, scope, act.book).filter(pk=act.pk).exists()


def refuse_archived_of(product: Product, act: Act) -> None:
    """Pass if all nodes that an undo gives credits or rules back to are still in use.

    Raises:
        CannotUndo: one of them is archived, and would keep what nobody can spend.
    """
    if Act.objects.filter(undoes=act).exists():
        return
    touched = set(RuleChange.objects.filter(act=act).values_list("wallet", flat=True))
    for both in Transfer.objects.filter(act=act).values_list("from_wallet", "to_wallet"):
        touched.update(filter(None, both))
    archived = archived_among(product, touched)
    if archived:
        labels = wallet_labels(product, Wallet.objects.filter(pk__in=sorted(archived)[:1]))
        raise CannotUndo(f"{next(iter(labels.values()))} is archived. Restore it first.")


def acts_within(product: Product, scope: Scope, book: Book) -> QuerySet[Act]:
    """Return the acts that changed nothing but what stands below a scope.

    Where the credits came from, the top of an act, may be what somebody administers itself.
    """
    rows = Act.objects.filter(book=book)
    if scope.everything:
        return rows
    below = array_of(all_wallets_below(product, scope))
    # Of the wallets that an act touched, those not below must be right above one that is.
    is_within = RawSQL(
        """(SELECT COALESCE(
            array_agg(t.wallet_id) FILTER (WHERE NOT t.wallet_id = ANY (%s::uuid[])), '{}'
        ) <@ array_agg(w.parent_id) FILTER (WHERE t.wallet_id = ANY (%s::uuid[]))
        FROM (
            SELECT wallet_id FROM credits_rulechange WHERE act_id = credits_act.id
            UNION
            SELECT from_wallet_id FROM credits_transfer WHERE act_id = credits_act.id
            UNION
            SELECT to_wallet_id FROM credits_transfer WHERE act_id = credits_act.id
        ) t
        JOIN credits_wallet w ON w.id = t.wallet_id)""",
        [below, below],
        output_field=BooleanField(),
    )
    return rows.filter(is_within)


def _rules_of(acts: Collection[UUID]) -> dict[UUID, tuple[UUID, int]]:
    """Return whose amount each act set, and to what; of several, the one with its own."""
    found: dict[UUID, tuple[UUID, int]] = {}
    rows = RuleChange.objects.filter(act__in=acts).order_by("-id")
    for act, wallet, rule in rows.values_list("act", "wallet", "after")[:_MOST_RULES]:
        if act not in found or (rule and rule["mode"] == FIXED):
            found[act] = (wallet, rule["amount"] if rule else 0)
    return found


def _largest_of(acts: Collection[UUID]) -> dict[UUID, tuple[UUID, int]]:
    """Return whose the largest movement of each act was, and how much it was.

    What goes back up is told of the node that gave it.
    """
    rows = Transfer.objects.filter(act__in=acts).order_by("act", "-amount", "-id").distinct("act")
    return {row.act_id: (_node_of(row), row.amount) for row in rows}


def _node_of(row: Transfer) -> UUID:
    ends = [row.to_wallet_id, row.from_wallet_id]
    if row.kind == TransferKind.RECLAIM:
        ends.reverse()
    return next(end for end in ends if end is not None)
