"""The resources of the whole book: plan, switches, pool, cycles and overflow statements."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG, CreditsViewSet, WholeBookViewSet, act_shown
from core.api.documents import Operation, documented, page_example, page_output
from core.api.serializers import ListQuery
from core.credits import alerts
from core.credits.models import Cycle, OverflowStatement, Plan, WalletKind
from core.credits.outlook import outlook_of
from core.credits.selectors import book_wallet, figures_of, open_cycle_of
from core.credits.services import allocating, books


class PlanViewSet(WholeBookViewSet):
    """What the platform grants, and where calls may go on looking for credits."""

    output_class = shapes.PlanOutput
    input_classes = {"spill": shapes.SpillInput}

    @documented(
        Operation(
            "getCreditPlan", "Get the plan and the state of the book", TAG, examples.PLAN,
            output=shapes.PlanOutput,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return the plan in force, the version that follows, the switches and all figures."""
        return self.one(self._plan())

    @documented(
        Operation(
            "setCreditSpill", "Say where calls may go on", TAG, examples.PLAN,
            output=shapes.PlanOutput, body=shapes.SpillInput, sent=examples.SPILL,
        ),
        method="PATCH",
    )  # fmt: skip
    def spill(self, request: Request) -> Response:
        """Set the switches by which calls spill to team, organization and pool. Counts at once."""
        books.set_spill(book=self.book, actor=self.actor, **self.input)
        return self.one(self._plan())

    def _plan(self) -> dict[str, Any]:
        book = self.book
        versions = list(Plan.objects.filter(book=book).order_by("version"))
        current = open_cycle_of(book).plan_version
        return {
            "time_zone": book.time_zone,
            "plan": next((one for one in versions if one.version == current), None),
            "next_plan": next((one for one in reversed(versions) if one.version > current), None),
            "spill": book,
            "figures": figures_of(book),
        }


class AlertsViewSet(WholeBookViewSet):
    """When people are told how much of their credits is used."""

    output_class = shapes.AlertsOutput
    input_classes = {"partial_update": shapes.AlertsInput}

    @documented(
        Operation(
            "getCreditAlerts", "Get the thresholds of alerts", TAG, examples.ALERTS,
            output=shapes.AlertsOutput,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return at which shares of their credits, in percent, people are told."""
        return self.one(self.book)

    @documented(
        Operation(
            "setCreditAlerts", "Set the thresholds of alerts", TAG, examples.ALERTS,
            output=shapes.AlertsOutput, body=shapes.AlertsInput, sent=examples.ALERTS,
        ),
        method="PATCH",
    )  # fmt: skip
    def partial_update(self, request: Request) -> Response:
        """Say at which shares people are told, once each in a cycle; an empty list tells nobody."""
        alerts.set_thresholds(book=self.book, actor=self.actor, **self.input)
        return self.one(self.book)


class PoolViewSet(WholeBookViewSet):
    """The book's shared spill-over."""

    output_class = shapes.WalletOutput
    input_classes = {"create": shapes.AmountInput}
    key_required_for = frozenset({"create"})

    @documented(
        Operation(
            "getCreditPool", "Get the pool", TAG, {**examples.WALLET, "kind": "pool"},
            output=shapes.WalletOutput,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return what the pool has, and what it gets in each cycle."""
        return Response(self.wallets_shown([book_wallet(self.book, WalletKind.POOL)])[0])

    @documented(
        Operation(
            "allocateToPool", "Set what the pool gets", TAG, examples.ACT, output=shapes.ActOutput,
            body=shapes.AmountInput, sent={"amount": "5000"}, status=201, needs_key=True,
            refusals=(409,),
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Set what the pool gets in each cycle, and move the difference from Unallocated now."""
        act = allocating.allocate_to_pool(
            book=self.book,
            amount=self.input["amount"],
            reason=self.input["reason"],
            actor=self.actor,
            idempotency_key=self.act_key,
        )
        return Response(act_shown(act), status=201)


class ForecastViewSet(WholeBookViewSet):
    """How long the credits last."""

    output_class = shapes.ForecastOutput

    @documented(
        Operation(
            "getCreditForecast", "Say how long the credits last", TAG, examples.FORECAST,
            output=shapes.ForecastOutput,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return the present rate, the day on which it empties the book, and how good that is."""
        made = outlook_of(self.book)
        return self.one(
            {
                "cycle": made.cycle,
                "left": made.expected.left,
                "burn": made.expected.burn,
                "runs_out_on": made.expected.runs_out_on,
                "used_at_end": made.expected.used_at_end,
                "error_percent": made.error,
                "recommended_overflow": made.overflow,
                "days": made.days,
            }
        )


class CycleViewSet(CreditsViewSet):
    """The periods of the book."""

    output_class = shapes.CycleOutput
    query_classes = {"list": ListQuery}

    @documented(
        Operation(
            "listCreditCycles", "List cycles", TAG, page_example(examples.CYCLE),
            output=page_output("CreditCyclePage", shapes.CycleOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the cycles, the newest first."""
        rows = Cycle.objects.filter(book=self.book)
        return self.newest_of(rows)


class StatementViewSet(WholeBookViewSet):
    """What was drawn on the credit line in each closed cycle."""

    output_class = shapes.StatementOutput
    query_classes = {"list": ListQuery}

    @documented(
        Operation(
            "listOverflowStatements", "List overflow statements", TAG,
            page_example(examples.STATEMENT),
            output=page_output("OverflowStatementPage", shapes.StatementOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the statements of closed cycles, the newest first."""
        rows = OverflowStatement.objects.filter(book=self.book).select_related("cycle")
        return self.newest_of(rows)
