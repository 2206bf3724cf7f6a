"""The resources of wallets: who has what, who pays for whom, and what has moved."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG, CreditsViewSet, nodes_of
from core.api.documents import Operation, documented, page_example, page_output
from core.api.pagination import Page, page_of
from core.api.serializers import ListQuery
from core.credits.effective import Effective, effective_of
from core.credits.models import Transfer, Wallet, WalletKind
from core.credits.selectors import payers_of
from core.hierarchy.node_wallets import wallet_for
from core.kit.problems import NotFound


class WalletViewSet(CreditsViewSet):
    """What each node has."""

    output_class = shapes.WalletOutput
    query_classes = {"list": shapes.WalletQuery, "retrieve": shapes.WalletOneQuery}

    @documented(
        Operation(
            "listWallets", "List wallets", TAG, page_example(examples.WALLET),
            output=page_output("WalletPage", shapes.WalletOutput), query=shapes.WalletQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the wallets that the caller administers, with their figures in a cycle."""
        rows = self.wallets()
        if kind := self.query.get("kind"):
            rows = rows.filter(kind=kind)
        if (allocated := self.query.get("allocated")) is not None:
            rows = rows.filter(rule__isnull=allocated == "0")
        page = page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))
        return Response(_shown(page, self))

    @documented(
        Operation(
            "getWallet", "Get a wallet", TAG, examples.WALLET, output=shapes.WalletOutput,
            query=shapes.WalletOneQuery, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, wallet_id: UUID) -> Response:
        """Return what one node has in a cycle, and what it gets in each."""
        found = wallet_for(self.product, self.scope, wallet_id)
        return Response(self.wallets_shown([found.wallet], cycle=self.cycle)[0])


class EffectiveViewSet(CreditsViewSet):
    """Who pays for a call, by the function that enforces it."""

    output_class = shapes.EffectiveOutput
    query_classes = {"retrieve": shapes.EffectiveQuery}

    @documented(
        Operation(
            "getEffectiveCredits", "Say what a wallet's calls can spend", TAG, examples.EFFECTIVE,
            output=shapes.EffectiveOutput, query=shapes.EffectiveQuery, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return which wallets pay for calls of a wallet, in order, why, and what they have.

        What wallets above the caller's branch have is null, and not in `spendable`.
        """
        found = wallet_for(self.product, self.scope, self.query["wallet"])
        if found.node is None:
            raise NotFound("Calls act for an organization, a team or a membership.")
        payers = payers_of(found.wallet.pk)
        mine = self.wallets().filter(pk__in=[payer.wallet_id for payer in payers])
        seen = set(mine.values_list("pk", flat=True))
        shown = {
            "wallet": found.wallet.pk,
            "spendable": sum(max(one.free, 0) for one in payers if one.wallet_id in seen),
            "payers": [
                {**asdict(one), "free": one.free if one.wallet_id in seen else None}
                for one in payers
            ],
        }
        return Response(self.shown(shown))


class MembershipCreditsViewSet(CreditsViewSet):
    """What everybody can spend."""

    output_class = shapes.MembershipCreditsOutput
    query_classes = {"list": ListQuery}

    @documented(
        Operation(
            "listEffectiveCredits", "List what every membership can spend", TAG,
            page_example(examples.MEMBERSHIP_CREDITS),
            output=page_output("MembershipCreditsPage", shapes.MembershipCreditsOutput),
            query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return for each membership of the caller's which wallets pay for its calls, in order.

        What wallets above the caller's branch have is null, and not in `spendable`.
        """
        rows = self.wallets().filter(kind=WalletKind.MEMBERSHIP)
        page = page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))
        ids = [wallet.pk for wallet in page.items]
        found = {one.wallet_id: one for one in effective_of(self.book, ids)}
        payers = Wallet.objects.filter(pk__in={pk for one in found.values() for pk in one.payers})
        kinds = dict(payers.values_list("pk", "kind"))
        mine = self.wallets().filter(pk__in=kinds)
        seen = set(mine.values_list("pk", flat=True))
        nodes = nodes_of(self.product, ids)
        items = [_spending(found[pk], nodes[pk], kinds, seen) for pk in ids if pk in found]
        return Response({"items": [self.shown(one) for one in items], "next": page.next})


class TransferViewSet(CreditsViewSet):
    """Every movement that is not a call."""

    output_class = shapes.TransferOutput
    query_classes = {"list": shapes.TransferQuery}

    @documented(
        Operation(
            "listTransfers", "List movements", TAG, page_example(examples.TRANSFER),
            output=page_output("TransferPage", shapes.TransferOutput), query=shapes.TransferQuery,
            refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return movements into and out of the caller's wallets, the newest first."""
        rows = Transfer.objects.filter(book=self.book)
        if not self.scope.everything:
            mine = self.wallets().order_by().values("pk")
            rows = rows.filter(Q(from_wallet__in=mine) | Q(to_wallet__in=mine))
        if wallet_id := self.query.get("wallet"):
            wallet = wallet_for(self.product, self.scope, wallet_id).wallet
            rows = rows.filter(Q(from_wallet=wallet) | Q(to_wallet=wallet))
        if cycle := self.cycle:
            rows = rows.filter(cycle=cycle)
        if act_id := self.query.get("act"):
            rows = rows.filter(act=act_id)
        return self.newest_of(rows)


def _spending(
    found: Effective, node: tuple[UUID, str], kinds: dict[UUID, str], seen: set[UUID]
) -> dict[str, Any]:
    payers = [
        {
            "wallet_id": wallet,
            "kind": kinds[wallet],
            "via": via,
            "free": free if wallet in seen else None,
        }
        for wallet, via, free in zip(found.payers, found.via, found.free, strict=True)
    ]
    return {
        "wallet": found.wallet_id,
        "node": {"id": node[0], "name": node[1]},
        "spendable": sum(max(one["free"] or 0, 0) for one in payers),
        "payers": payers,
    }


def _shown(page: Page, view: CreditsViewSet) -> dict[str, object]:
    return {"items": view.wallets_shown(list(page.items), cycle=view.cycle), "next": page.next}
