"""An equal split with an override and a cap, so that the credits pages of the demo show some."""

from typing import Any

from core.access.scopes import EVERYTHING
from core.audit.services import Actor
from core.credits.models import Wallet
from core.credits.selectors import balance_of
from core.credits.services import capping, splitting
from core.hierarchy.product import Product
from core.hierarchy.selections import all_below
from core.kit.money import MICROCREDITS_PER_CREDIT


def seed_split(product: Product, *, actor: Actor) -> None:
    """Split a third of what the team with the most members has, pin one share, cap the team."""
    teams: Any = product.team._default_manager.filter(archived_at=None)
    best = None
    for team in teams.select_related("wallet__book").order_by("name"):
        selection = all_below(product, EVERYTHING, source_id=team.wallet_id, level="membership")
        if selection.wallets and (best is None or len(selection.wallets) > len(best[1].wallets)):
            best = (team, selection)
    if best is None:
        return
    team, selection = best
    total = balance_of(team.wallet).free // 3 // MICROCREDITS_PER_CREDIT * MICROCREDITS_PER_CREDIT
    if total <= 0:
        return
    told: dict[str, Any] = {"actor": actor, "label": team.name, "nodes": (team.pk,)}
    key = f"demo:{product.slug}:{team.pk}"
    splitting.split_credits(wish=selection.wish(total), idempotency_key=f"{key}:split", **told)
    wallet = Wallet.objects.select_related("book").get(pk=min(selection.wallets))
    plan = splitting.plan_override(wallet=wallet, amount=total // 2, how="pinned")
    if len(selection.wallets) > 1 and not plan.lacking:
        splitting.override_share(
            wallet=wallet,
            amount=total // 2,
            how="pinned",
            idempotency_key=f"{key}:override",
            **told,
        )
    capping.set_cap(
        book=team.wallet.book, subject=team.pk, window="month", amount=total * 10, **told
    )
