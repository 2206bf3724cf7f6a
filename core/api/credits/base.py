"""What the resources of credits share: the wallets in reach, and how one of them looks."""

import hashlib
from collections.abc import Collection, Iterable
from typing import Any, cast
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import idempotency
from core.api.credentials import principal_of
from core.api.credits import shapes
from core.api.pagination import page_of
from core.api.viewsets import CockpitViewSet, unknown_reference
from core.credits.errors import CapReached, InsufficientCredits
from core.credits.models import Act, Balance, Book, Cycle, CycleState, Wallet
from core.credits.selectors import balances_in, balances_of, book_of
from core.credits.services.standing import standing_of
from core.hierarchy import reach
from core.hierarchy.node_wallets import NodeWallet, wallet_to_move
from core.hierarchy.product import Product
from core.kit.problems import InvalidInput, NotAllowed, NotFound

TAG = "Credits"


class CreditsViewSet(CockpitViewSet):
    """A resource of one product's credits; the routes hand it the product."""

    product = cast("Product", None)

    @property
    def read_permission(self) -> str:
        """The codename of who may look."""
        return f"{self.product.slug}.view_credits"

    @property
    def write_permission(self) -> str:
        """The codename of who may move credits; which ones, the scope says."""
        return f"{self.product.slug}.manage_credits"

    @property
    def book(self) -> Book:
        """The product's ledger."""
        return book_of(self.product.slug)

    @property
    def act_key(self) -> str:
        """The key under which the ledger itself does this call once, as long as it exists."""
        key = idempotency.key_in(self.request.headers)
        assert key is not None, "key_required_for has seen to it"
        named = f"{self.product.slug} {principal_of(self.request)} {key}"
        return f"api:{hashlib.sha256(named.encode()).hexdigest()}"

    def handle_exception(self, exc: Exception) -> Response:
        # 402 is the gateway's word to those who call LLMs; here it is a conflict among the figures.
        if isinstance(exc, InsufficientCredits | CapReached):
            exc.status = 409  # type: ignore[misc]  # of this answer, not of the class
        response: Response = super().handle_exception(exc)
        return response

    def wallets(self) -> QuerySet[Wallet]:
        """Return the wallets in the caller's scope."""
        rows = Wallet.objects.filter(book__product=self.product.slug)
        if self.scope.everything:
            return rows
        within = (
            reach.organizations_within(self.product, self.scope),
            reach.teams_within(self.product, self.scope),
            reach.places_within(self.product, self.scope),
        )
        mine = Q(pk=None)
        for nodes in within:
            mine |= Q(pk__in=nodes.order_by().values("wallet"))
        return rows.filter(mine)

    def newest_of(self, rows: QuerySet[Any]) -> Response:
        """Answer a page of rows, the newest first."""
        limit, cursor = self.query["limit"], self.query.get("cursor")
        return self.many(page_of(rows, limit=limit, cursor=cursor, newest_first=True))

    def wallet_in_body(self, field: str, wallet_id: UUID) -> NodeWallet:
        """Return a wallet that a body names and whose credits the caller may change.

        Raises:
            InvalidInput: there is none of this id for the caller.
        """
        try:
            return wallet_to_move(self.product, self.scope, wallet_id)
        except NotFound:
            raise unknown_reference(field, "wallet whose credits you may change") from None

    @property
    def cycle(self) -> Cycle | None:
        """The earlier cycle that the address names; None for the open one.

        Raises:
            InvalidInput: there is none of that number.
        """
        number = self.query.get("cycle")
        if number is None:
            return None
        found = Cycle.objects.filter(book=self.book, number=number).first()
        if found is None:
            detail = "There is no cycle of this number."
            raise InvalidInput(
                detail, errors=[{"parameter": "cycle", "code": "unknown", "detail": detail}]
            )
        return found

    def wallets_shown(
        self, wallets: Collection[Wallet], *, cycle: Cycle | None = None
    ) -> list[dict[str, Any]]:
        """Return wallets as the API shows them, in a handful of queries for all.

        In an earlier cycle without the allocation: the rule of today says nothing about then.
        """
        ids = [wallet.pk for wallet in wallets]
        is_past = cycle is not None and cycle.state != CycleState.OPEN
        balances = balances_in(cycle, ids) if cycle is not None else balances_of(ids)
        rules = {} if is_past else standing_of(ids)
        nodes = nodes_of(self.product, ids)
        rows = []
        for wallet in wallets:
            # Who came later had nothing in an earlier cycle.
            balance = balances.get(wallet.pk) or Balance()
            rule = rules.get(wallet.pk)
            node_id, name = nodes.get(wallet.pk, (None, str(wallet.get_kind_display())))
            row = {
                "id": wallet.pk,
                "kind": wallet.kind,
                "node": {"id": node_id, "name": name},
                "parent": wallet.parent_id,
                "allocation": rule.amount if rule else None,
                "short": rule.short if rule else 0,
                "credited": balance.credited,
                "used": balance.used,
                "reserved": balance.reserved,
                "limit": balance.limit,
                "free": balance.free,
            }
            rows.append(dict(shapes.WalletOutput(row).data))
        return rows


class WholeBookViewSet(CreditsViewSet):
    """A resource of the whole book: who administers a branch of it has no say in it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not self.scope.everything:
            raise NotAllowed("Only an account admin may do this.")


def act_shown(act: Act) -> dict[str, Any]:
    """Return an act as the API shows it."""
    return dict(shapes.ActOutput(act).data)


def nodes_of(product: Product, wallet_ids: Iterable[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """Return id and name of the node of each wallet that has one."""
    wanted = list(wallet_ids)
    found: dict[UUID, tuple[UUID, str]] = {}
    for model in (product.organization, product.team):
        rows: QuerySet[Any] = model._default_manager.filter(wallet__in=wanted)
        found |= {node.wallet_id: (node.pk, node.name) for node in rows}
    places: QuerySet[Any] = product.membership._default_manager.filter(wallet__in=wanted)
    for place in places.select_related("member__user", "team", "organization"):
        found[place.wallet_id] = (place.pk, f"{place.member} in {place}")
    return found
