"""The resource `credits/caps`: limits on all spending below a node or of a key."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG, CreditsViewSet
from core.api.documents import Operation, documented, page_example, page_output
from core.api.pagination import page_of
from core.api.viewsets import unknown_reference
from core.credits.caps import caps_of_all
from core.credits.models import Book, Cap
from core.credits.services import capping
from core.hierarchy import reach
from core.hierarchy.models import AbstractMembership
from core.hierarchy.node_wallets import wallet_to_move
from core.kit.problems import NotAllowed, NotFound


class CapViewSet(CreditsViewSet):
    """Caps of nodes."""

    output_class = shapes.SpendingCapOutput
    input_classes = {"create": shapes.SpendingCapInput}
    query_classes = {"list": shapes.SpendingCapQuery}

    @documented(
        Operation(
            "listCaps", "List caps", TAG, page_example(examples.CAP),
            output=page_output("CapPage", shapes.SpendingCapOutput), query=shapes.SpendingCapQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the caps of the nodes that the caller administers."""
        rows = self._caps()
        if subject := self.query.get("subject"):
            rows = rows.filter(subject=subject)
        limit, cursor = self.query["limit"], self.query.get("cursor")
        page = page_of(rows, limit=limit, cursor=cursor)
        return Response(
            {
                "items": [self.shown(one) for one in _counted(self.book, page.items)],
                "next": page.next,
            }
        )

    @documented(
        Operation(
            "setCap", "Cap what is spent below a node", TAG, examples.CAP,
            output=shapes.SpendingCapOutput, body=shapes.SpendingCapInput, status=201,
            sent={"subject": examples.CAP["subject"], "window": "day", "amount": "50"},
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Let at most this much be spent below a node in each window; 0 stops all spending."""
        given = self.input
        node = self._node_to_change(given["subject"])
        if node is None:
            raise unknown_reference("subject", "organization, team or membership")
        cap = capping.set_cap(
            book=self.book,
            subject=given["subject"],
            window=given["window"],
            amount=given["amount"],
            reason=given["reason"],
            actor=self.actor,
            label=str(node),
            nodes=_place_of(node),
        )
        return self.one(_counted(self.book, [cap])[0], status=201)

    @documented(
        Operation("removeCap", "Remove a cap", TAG, None, status=204, refusals=(404,)),
        method="DELETE",
    )
    def destroy(self, request: Request, cap_id: UUID) -> Response:
        """Stop limiting what is spent below a node."""
        cap = self._caps().select_related("book").filter(pk=cap_id).first()
        if cap is None:
            raise NotFound("There is no such cap.")
        node = self._node_to_change(cap.subject)
        if node is None and not self.scope.everything:
            raise NotAllowed("It is set from above: only who administers that may remove it.")
        capping.remove_cap(cap=cap, actor=self.actor, label=str(node or ""), nodes=_place_of(node))
        return Response(status=204)

    def _caps(self) -> QuerySet[Cap]:
        rows = Cap.objects.filter(book=self.book)
        if self.scope.everything:
            return rows
        mine = Q(pk=None)
        for nodes in self._nodes():
            mine |= Q(subject__in=nodes.order_by().values("pk"))
        return rows.filter(mine)

    def _nodes(self) -> tuple[QuerySet[Cap], ...]:
        return (
            reach.organizations_within(self.product, self.scope),
            reach.teams_within(self.product, self.scope),
            reach.places_within(self.product, self.scope),
        )

    def _node_to_change(self, subject: UUID) -> Any:
        """Return a node whose caps the caller sets, if it is one: all, or those below their own."""
        for nodes in self._nodes():
            node: Any = nodes.filter(pk=subject).first()
            if node is not None and (self.scope.everything or self._is_below(node.wallet_id)):
                return node
        return None

    def _is_below(self, wallet_id: UUID) -> bool:
        try:
            wallet_to_move(self.product, self.scope, wallet_id)
        except NotFound:
            return False
        return True


def _place_of(node: Any) -> tuple[UUID, ...]:
    """Return what an entry about a node's cap names: a membership's place, else the node."""
    if node is None:
        return ()
    if isinstance(node, AbstractMembership):
        place: Any = node
        return (place.team_id or place.organization_id,)
    return (node.pk,)


def _counted(book: Book, caps: Sequence[Cap]) -> list[dict[str, Any]]:
    """Return caps with what is spent in the windows that run now."""
    states = {state.id: state for state in caps_of_all(book, {cap.subject for cap in caps})}
    return [
        {**asdict(states[cap.pk]), "free": states[cap.pk].free, "changed_at": cap.changed_at}
        for cap in caps
    ]
