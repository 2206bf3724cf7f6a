"""Overriding single shares of an equal split."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG
from core.api.credits.moves import MovingViewSet, split_shown
from core.api.documents import Operation, documented
from core.api.hierarchy.base import ReasonInput
from core.api.serializers import PreviewQuery
from core.credits.models import Act
from core.credits.planning import Plan
from core.credits.services import splitting
from core.hierarchy.node_wallets import NodeWallet, refuse_archived, wallet_for


class OverrideViewSet(MovingViewSet):
    """Amounts of their own for those who share."""

    output_class = shapes.SplitOutput
    input_classes = {"create": shapes.OverrideInput, "end": ReasonInput}
    query_classes = {"create": PreviewQuery, "end": PreviewQuery}
    key_required_for = frozenset({"create", "end"})

    @documented(
        Operation(
            "overrideShare", "Give one share of a split an amount of its own", TAG, examples.SPLIT,
            output=shapes.SplitOutput, body=shapes.OverrideInput, query=PreviewQuery,
            needs_key=True, refusals=(404, 409),
            sent={"wallet": examples.WALLET["id"], "amount": "200", "how": "pinned"},
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Pin a share, so that the others divide the rest, or add to it from its parent's free.

        With `preview=1` nothing moves, and the answer says what every node would have.
        """
        given = self.input
        found = self.wallet_in_body("wallet", given["wallet"])
        self._check_source(found)
        refuse_archived(found)
        wish: dict[str, Any] = {"amount": given["amount"], "how": given["how"]}
        plan = splitting.plan_override(wallet=found.wallet, **wish)
        act = None
        if not self.is_preview:
            act = splitting.override_share(**self._known(found), **wish)
        return self._answer(plan, act)

    @documented(
        Operation(
            "endOverride", "Let a node have its equal share again", TAG, examples.SPLIT,
            output=shapes.SplitOutput, body=ReasonInput, query=PreviewQuery, needs_key=True,
            sent={"reason": "The project has ended."}, refusals=(404, 409),
        ),
        method="POST",
    )  # fmt: skip
    def end(self, request: Request, wallet_id: UUID) -> Response:
        """End an override; all of the split are divided anew."""
        found = self.wallet_to_change(wallet_id)
        self._check_source(found)
        plan = splitting.plan_end_of_override(wallet=found.wallet)
        act = None if self.is_preview else splitting.end_override(**self._known(found))
        return self._answer(plan, act)

    def _check_source(self, found: NodeWallet) -> None:
        """Pass if the caller sees the split's source: a pinned share changes all the others.

        Raises:
            NotFound: they do not.
            NotInASplit: the wallet takes part in none.
        """
        wallet_for(self.product, self.scope, splitting.split_of(found.wallet).source_id)

    def _known(self, found: NodeWallet) -> dict[str, Any]:
        return {
            "wallet": found.wallet,
            "reason": self.input["reason"],
            "label": found.label,
            "nodes": found.nodes,
            "actor": self.actor,
            "idempotency_key": self.act_key,
        }

    def _answer(self, plan: Plan, act: Act | None) -> Response:
        return Response(self.shown(split_shown(plan, act, is_preview=self.is_preview)))
