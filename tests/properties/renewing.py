"""What the ledger's machine does with cycles: plans that change, renewals, closes."""

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from hypothesis.strategies import integers, just, none, sampled_from

from core.credits.models import Rollover
from core.credits.services import plans, renewing
from core.credits.services.plans import PlanTerms
from tests.cast import TESTS
from tests.factories.cycles import open_cycle
from tests.properties.checks import Look
from tests.properties.renewal_model import ModelPlan, RenewingModel


class RenewalRules(RuleBasedStateMachine):
    """Rules for a machine that has a `book`, a `model`, and the names of ids as rows show them."""

    book: Any
    names: dict[str, str]
    cap_names: dict[str, str]
    model: RenewingModel

    @rule(
        grant=just(100) | integers(0, 150),
        period=sampled_from(("month", "month", "week", "day", "none")),
        cap=just(0) | none() | integers(1, 60),
    )
    def change_the_plan(self, grant: int, period: str, cap: int | None) -> None:
        rollover = {None: Rollover.ALL, 0: Rollover.NONE}.get(cap, Rollover.CAPPED)
        terms = PlanTerms(grant=grant, period=period, rollover=rollover, rollover_cap=cap or 0)
        self.model.set_plan(ModelPlan(grant=grant, period=period, cap=cap))

        plans.set_plan(book=self.book, terms=terms, actor=TESTS)

        assert (open_cycle(self.book).ends_at is not None) is self.model.has_end

    @precondition(lambda self: self.model.has_end)
    @rule()
    def renew(self) -> None:
        self.model.renew()
        end = open_cycle(self.book).ends_at

        begun = renewing.renew_book(book=self.book, actor=TESTS, as_of=end)

        assert [cycle.number for cycle in begun] == [self.model.number]

    @precondition(lambda self: self.model.ended)
    @rule()
    def close(self) -> None:
        self.model.close()

        assert renewing.renew_book(book=self.book, actor=TESTS) == []

    def compare(self, look: Look) -> None:
        """Every cycle is the model's."""
        real: dict[int, Any] = {}
        for number, wallet, *figures in look.balances:
            real.setdefault(number, {})[self.names[wallet]] = tuple(figures)
        cycles = {
            number: (state, room, None if used is None else (used, covered, amount))
            for number, state, room, used, covered, amount in look.cycles
        }
        counted = {
            (number, self.cap_names[cap]): (used, reserved)
            for number, cap, used, reserved in look.counters
        }

        wallets = {number: ended.wallets for number, ended in self.model.ended.items()}
        wallets[self.model.number] = self.model.wallets
        assert real == {
            number: {
                name: (one.credited, one.used, one.reserved, one.overrun, one.limit)
                for name, one in those.items()
            }
            for number, those in wallets.items()
        }
        assert cycles == {
            **{
                number: ("closed" if ended.is_closed else "closing", ended.room, ended.statement)
                for number, ended in self.model.ended.items()
            },
            self.model.number: ("open", None, None),
        }
        caps = {number: ended.caps for number, ended in self.model.ended.items()}
        caps[self.model.number] = self.model.caps
        for number, those in caps.items():
            for name, one in those.items():
                assert counted.get((number, name), (0, 0)) == (one.used, one.reserved)
