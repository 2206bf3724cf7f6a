"""The ledger's machine with splits, overrides, moves, leavers, undo and caps among all the rest."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis.stateful import rule
from hypothesis.strategies import booleans, integers, lists, sampled_from

from core.credits.errors import (
    CannotUndo,
    CycleEnded,
    InsufficientCredits,
    NotInASplit,
    PinnedTooMuch,
)
from core.credits.models import Act, Wallet
from core.credits.services import allocating, capping, joining, moving_wallets, splitting, undoing
from tests.cast import TESTS
from tests.factories.credits import a_key
from tests.properties.checks import Look
from tests.properties.ledger_machine import CAPS, FUNDED, Beginning, LedgerMachine, amounts
from tests.properties.ledger_model import NotEnough
from tests.properties.splits_model import Done, Ended, Gone, NotShared, PinnedMore, SplitModel

NODES = ("organization", "team", "membership", "other", "direct", "alone")
MEMBERS = ("membership", "other", "direct", "alone")
REFUSALS = {
    NotEnough: InsufficientCredits,
    PinnedMore: PinnedTooMuch,
    NotShared: NotInASplit,
    Gone: CannotUndo,
    Ended: CycleEnded,
}


class SplitActs:
    """Acts on splits, for a machine that has the ledger's."""

    model: Any
    wallets: dict[str, Any]
    names: dict[str, str]
    beginning: Beginning

    def __init__(self) -> None:
        super().__init__()
        # Whoever moves in one history has not in the next.
        self.wallets = dict(self.wallets)
        self.undoable: tuple[Act, Done] | None = None

    @rule(
        source=sampled_from(("unallocated", "organization", "team")),
        places=lists(integers(0, 5), min_size=1, max_size=4, unique=True),
        total=integers(0, 60),
        keeps=booleans(),
    )
    def split_equally(self, source: str, places: list[int], total: int, keeps: bool) -> None:
        below = [name for name in NODES if source in self._above(name)]
        if not below:
            return
        names = sorted({below[place % len(below)] for place in places})
        wish = splitting.SplitWish(
            source=self.wallets[source],
            wallets=frozenset(self.wallets[name].pk for name in names),
            total=total,
            keeps_overrides=keeps,
        )
        plan = None
        with contextlib.suppress(PinnedTooMuch):
            plan = splitting.plan_split(wish)
        act = self._both(
            lambda: self.model.split(source, names, total, keeps=keeps),
            lambda **told: splitting.split_credits(wish=wish, **told),
        )
        assert (act is not None) == (plan is not None and not plan.lacking)

    @rule(name=sampled_from(NODES), amount=amounts, how=sampled_from(("pinned", "added")))
    def override(self, name: str, amount: int, how: splitting.How) -> None:
        self._both(
            lambda: (self.model.pin if how == "pinned" else self.model.allocate)(name, amount),
            lambda **told: splitting.override_share(
                wallet=self.wallets[name], amount=amount, how=how, **told
            ),
        )

    @rule(name=sampled_from(NODES))
    def end_override(self, name: str) -> None:
        self._both(
            lambda: self.model.end_override(name),
            lambda **told: splitting.end_override(wallet=self.wallets[name], **told),
        )

    @rule(places=lists(sampled_from(FUNDED), min_size=2, max_size=2, unique=True), amount=amounts)
    def pass_on(self, places: list[str], amount: int) -> None:
        source, destination = places
        self._both(
            lambda: self.model.pass_on(source, destination, amount),
            lambda **told: allocating.move_credits(
                source=self.wallets[source],
                destination=self.wallets[destination],
                amount=amount,
                **told,
            ),
        )

    @rule(name=sampled_from(("membership", "other", "direct", "alone", "team")))
    def leave(self, name: str) -> None:
        before = self.model.wallets[name].free
        self.model.leave(name)

        back = joining.reclaim_from_leaver(wallet=self.wallets[name], actor=TESTS)

        assert back == max(before, 0)

    @rule(name=sampled_from(MEMBERS), parent=sampled_from(("organization", "team", None)))
    def move_to_another_place(self, name: str, parent: str | None) -> None:
        self.model.hang(name, parent)

        wallet = Wallet.objects.select_related("book").get(pk=self.wallets[name].pk)
        moving_wallets.move_wallet(
            wallet=wallet, parent=self.wallets[parent] if parent else None, actor=TESTS
        )

        self.wallets[name] = wallet

    @rule()
    def undo(self) -> None:
        if self.undoable is None:
            return
        act, done = self.undoable
        self.undoable = None
        self._both(
            lambda: self.model.undo(done),
            lambda **told: undoing.undo_act(act=act, **told),
            is_undoable=False,
        )

    @rule(name=sampled_from(tuple(CAPS)), amount=integers(0, 80))
    def change_a_cap(self, name: str, amount: int) -> None:
        self.model.caps[name].amount = amount
        capping.set_cap(
            book=self.beginning.book,
            subject=self.beginning.subjects[name],
            window="cycle",
            amount=amount,
            actor=TESTS,
        )

    def compare(self, look: Look) -> None:
        """Every rule is the model's, and what is compared without splits."""
        super().compare(look)  # type: ignore[misc]
        real = {self.names[wallet]: tuple(rule) for wallet, *rule in look.rules}
        assert real == {
            name: (
                one.amount,
                "fixed" if one.is_override else "equal_share",
                one.is_pinned,
                one.share,
                one.short,
                one.split is not None,
            )
            for name, one in self.model.rules.items()
        }

    def _above(self, name: str) -> Iterator[str]:
        while name != "unallocated":
            name = self.model.source_of(name)
            yield name

    def _both(
        self,
        model: Callable[[], None],
        service: Callable[..., Act],
        *,
        is_undoable: bool = True,
    ) -> Act | None:
        """Do the same on both sides; both must refuse for the same reason, or neither."""
        told = {"actor": TESTS, "idempotency_key": a_key()}
        try:
            model()
        except tuple(REFUSALS) as refusal:
            with pytest.raises(REFUSALS[type(refusal)]):
                service(**told)
            return None
        act = service(**told)
        assert service(**told) == act
        if is_undoable:
            assert self.model.done is not None
            self.undoable = (act, self.model.done)
        return act


class SplitMachine(SplitActs, LedgerMachine):
    """All acts and calls of the ledger, and those on splits."""


def with_splits(beginning: Beginning) -> Beginning:
    """Return the same beginning with a model that knows splits."""
    return replace(beginning, model=SplitModel.of(beginning.model))
