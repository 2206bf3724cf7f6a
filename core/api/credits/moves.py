"""What moves credits: allocations, top-ups, reclaims, moves, splits and taking an act back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG, CreditsViewSet, act_shown
from core.api.documents import Operation, documented, page_example, page_output
from core.api.hierarchy.base import ReasonInput
from core.api.pagination import page_of
from core.api.serializers import ListQuery, PreviewQuery
from core.api.viewsets import unknown_reference
from core.credits.errors import CannotUndo
from core.credits.models import Act
from core.credits.planning import Change, Plan
from core.credits.services import allocating, splitting, undoing
from core.hierarchy.acts import acts_within, may_undo, refuse_archived_of
from core.hierarchy.node_wallets import NodeWallet, may_pass_between, refuse_archived
from core.hierarchy.selections import Selection, all_below, chosen, unallocated_id
from core.kit.problems import InvalidInput, NotAllowed, NotFound

_MOVED: dict[str, Any] = {
    "tag": TAG,
    "example": examples.ACT,
    "output": shapes.ActOutput,
    "status": 201,
    "needs_key": True,
    "refusals": (409,),
}
_SENT = {"wallet": examples.WALLET["id"], "amount": "500", "reason": "Campaign in December"}


class MovingViewSet(CreditsViewSet):
    """A resource that moves credits of one node and its parent."""

    def wallet_to_change(self, wallet_id: UUID) -> NodeWallet:
        """Return a wallet of the address whose credits the caller may change.

        Raises:
            NotFound: there is none of this id for the caller.
        """
        try:
            return self.wallet_in_body("wallet", wallet_id)
        except InvalidInput:
            raise NotFound("There is no such wallet to move credits to.") from None

    def _given(self, service: Callable[..., Act]) -> Response:
        """Give a node credits, which an archived one cannot get."""
        refuse_archived(self.wallet_in_body("wallet", self.input["wallet"]))
        return self._moved(service)

    def _moved(self, service: Callable[..., Act]) -> Response:
        found = self.wallet_in_body("wallet", self.input["wallet"])
        act = service(
            wallet=found.wallet,
            reason=self.input["reason"],
            actor=self.actor,
            idempotency_key=self.act_key,
            label=found.label,
            nodes=found.nodes,
            amount=self.input["amount"],
        )
        return Response(act_shown(act), status=201)


class AllocationViewSet(MovingViewSet):
    """What nodes get in each cycle."""

    output_class = shapes.WalletOutput
    input_classes = {"create": shapes.WalletAmountInput, "end": ReasonInput}
    query_classes = {"list": ListQuery}
    key_required_for = frozenset({"create", "end"})

    @documented(
        Operation(
            "listAllocations", "List wallets with an allocation of their own", TAG,
            page_example(examples.WALLET),
            output=page_output("AllocationPage", shapes.WalletOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the wallets whose node has an allocation of its own; 0 is one too."""
        rows = self.wallets().filter(rule__isnull=False)
        page = page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))
        return Response({"items": self.wallets_shown(list(page.items)), "next": page.next})

    @documented(
        Operation(
            "allocateCredits", "Set what a node gets", body=shapes.WalletAmountInput, sent=_SENT,
            **_MOVED,
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Set what a node gets in each cycle, and move the difference from its parent now."""
        return self._given(allocating.allocate_credits)

    @documented(
        Operation(
            "endAllocation", "End a node's allocation", body=ReasonInput,
            sent={"reason": "They share their team's credits now."},
            **{**_MOVED, "refusals": (404, 409)},
        ),
        method="POST",
    )  # fmt: skip
    def end(self, request: Request, wallet_id: UUID) -> Response:
        """Let a node draw on the nearest one above again; what it has free goes back there."""
        found = self.wallet_to_change(wallet_id)
        act = allocating.remove_allocation(
            wallet=found.wallet,
            reason=self.input["reason"],
            actor=self.actor,
            idempotency_key=self.act_key,
            label=found.label,
            nodes=found.nodes,
        )
        return Response(act_shown(act), status=201)


class OnceViewSet(MovingViewSet):
    """Movements that happen once and set no rule."""

    input_classes = {
        "top_up": shapes.WalletAmountInput,
        "reclaim": shapes.WalletAmountInput,
        "move": shapes.MoveInput,
    }
    query_classes = {}
    key_required_for = frozenset({"top_up", "reclaim", "move"})

    @documented(
        Operation(
            "topUpCredits", "Give a node credits once", body=shapes.WalletAmountInput, sent=_SENT,
            **_MOVED,
        ),
        method="POST",
    )  # fmt: skip
    def top_up(self, request: Request) -> Response:
        """Move free credits of a node's parent to it, once."""
        return self._given(allocating.top_up_credits)

    @documented(
        Operation(
            "reclaimCredits", "Take a node's free credits back", body=shapes.WalletAmountInput,
            sent=_SENT, **_MOVED,
        ),
        method="POST",
    )  # fmt: skip
    def reclaim(self, request: Request) -> Response:
        """Move free credits of a node back to its parent, once. What is used or held stays."""
        return self._moved(allocating.reclaim_credits)

    @documented(
        Operation(
            "moveCredits", "Move credits between two nodes", body=shapes.MoveInput,
            sent={
                "source": examples.WALLET["id"],
                "destination": examples.TRANSFER["source"],
                "amount": "100",
            },
            **_MOVED,
        ),
        method="POST",
    )  # fmt: skip
    def move(self, request: Request) -> Response:
        """Move free credits from one node to another, once. Their allocations stay."""
        source = self.wallet_in_body("source", self.input["source"])
        destination = self.wallet_in_body("destination", self.input["destination"])
        if not may_pass_between(self.product, self.scope, source.wallet, destination.wallet):
            raise NotAllowed("Only who administers what stands above both may do this.")
        refuse_archived(destination)
        act = allocating.move_credits(
            source=source.wallet,
            destination=destination.wallet,
            amount=self.input["amount"],
            reason=self.input["reason"],
            actor=self.actor,
            idempotency_key=self.act_key,
            label=source.label,
            destination_label=destination.label,
            nodes=(*source.nodes, *destination.nodes),
        )
        return Response(act_shown(act), status=201)


class SplitViewSet(CreditsViewSet):
    """Equal splits."""

    output_class = shapes.SplitOutput
    input_classes = {"create": shapes.SplitInput}
    query_classes = {"create": PreviewQuery}
    key_required_for = frozenset({"create"})

    @documented(
        Operation(
            "splitCredits", "Divide credits equally", TAG, examples.SPLIT,
            output=shapes.SplitOutput, body=shapes.SplitInput, query=PreviewQuery, needs_key=True,
            sent={"source": examples.WALLET["id"], "level": "membership", "total": "300"},
            refusals=(409,),
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Divide what a node has free over many below it, now and in each cycle.

        With `preview=1` nothing moves, and the answer says what every node would have. Send its
        `mark` along when you apply it, and nothing else than what it says is applied.
        """
        selection = self._selection()
        given = self.input
        wish = selection.wish(
            given["total"], keeps_overrides=given["keep_overrides"], seen=given.get("mark")
        )
        act, applied = None, list[Plan]()
        if not self.is_preview:
            act = splitting.split_credits(
                wish=wish,
                reason=given["reason"],
                actor=self.actor,
                idempotency_key=self.act_key,
                label=selection.source.label,
                nodes=selection.source.nodes,
                tell=applied.append,
            )
        # A repeat applies nothing.
        plan = applied[0] if applied else splitting.plan_split(wish)
        return Response(self.shown(split_shown(plan, act, is_preview=self.is_preview)))

    def _selection(self) -> Selection:
        given = self.input
        source, level, wallets = (given.get(name) for name in ("source", "level", "wallets"))
        if (level is None) == (wallets is None):
            detail = "Send a level or a list of wallets, one of the two."
            raise InvalidInput(
                detail, errors=[{"pointer": "/level", "code": "one_of", "detail": detail}]
            )
        try:
            if wallets is not None:
                return chosen(
                    self.product, self.scope, wallet_ids=frozenset(wallets), source_id=source
                )
            source_id = source or unallocated_id(self.product)
            return all_below(self.product, self.scope, source_id=source_id, level=str(level))
        except NotFound:
            raise unknown_reference(
                "source" if wallets is None else "wallets", "wallet that can be split over"
            ) from None


class ActViewSet(CreditsViewSet):
    """What admins did to the credits."""

    output_class = shapes.ActOutput
    query_classes = {"list": ListQuery}

    @documented(
        Operation(
            "listCreditActs", "List what was done to the credits", TAG,
            page_example(examples.ACT), query=ListQuery,
            output=page_output("CreditActPage", shapes.ActOutput),
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return acts, the newest first: of a branch, those that changed nothing outside of it."""
        return self.newest_of(acts_within(self.product, self.scope, self.book))


class UndoViewSet(CreditsViewSet):
    """Taking an act back."""

    output_class = shapes.UndoOutput
    input_classes = {"create": ReasonInput}
    query_classes = {"create": PreviewQuery}
    key_required_for = frozenset({"create"})

    @documented(
        Operation(
            "undoAct", "Take an act back", TAG, examples.UNDO, output=shapes.UndoOutput,
            body=ReasonInput, sent={"reason": "Wrong team"}, query=PreviewQuery,
            needs_key=True, refusals=(404, 409),
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request, act_id: UUID) -> Response:
        """Move the same credits the other way and restore the rules, as a whole or not at all."""
        act = self._act(act_id)
        reason = self.input["reason"]
        undo = self._plan(act)
        done = None
        if not self.is_preview:
            refuse_archived_of(self.product, act)
            done = undoing.undo_act(
                act=act, reason=reason, actor=self.actor, idempotency_key=self.act_key
            )
        shown = {
            "preview": self.is_preview,
            "total": undo.total,
            "possible": undo.possible,
            "obstacle": undo.obstacle,
            "act": done,
        }
        return Response(self.shown(shown))

    def _plan(self, act: Act) -> undoing.Undo:
        undo = undoing.plan_undo(act)
        try:
            refuse_archived_of(self.product, act)
        except CannotUndo as problem:
            return undoing.Undo(undo.total, 0, problem.detail)
        return undo

    def _act(self, act_id: UUID) -> Act:
        """Return an act of the book that changed nothing outside the caller's branch.

        Raises:
            NotFound: there is none of this id for the caller.
        """
        act = Act.objects.filter(book=self.book, pk=act_id).select_related("book").first()
        if act is None or not may_undo(self.product, self.scope, act):
            raise NotFound("There is no such act.")
        return act


def split_shown(plan: Plan, act: Act | None, *, is_preview: bool) -> dict[str, Any]:
    """Return what `SplitOutput` shows of a plan, and of the act if it was done."""
    return {
        "preview": is_preview,
        "possible": not plan.lacking,
        "mark": plan.mark,
        "act": act,
        "changes": [_change(change) for change in plan.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "wallet": change.wallet,
        "kind": change.kind,
        "allocation_before": change.before.amount if change.before else None,
        "allocation_after": change.after.amount if change.after else None,
        "free_before": change.free_before,
        "free_after": change.free_after,
        "lacks": change.lacks,
    }
