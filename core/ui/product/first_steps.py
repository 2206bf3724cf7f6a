"""The checklist of a new account: what is left to do until the first call, by what is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from core.access.selectors import active_llm_ids
from core.credits.models import AllocationRule, Balance, CycleState, UsageEvent, WalletKind
from core.hierarchy.product import Product
from core.tokens.models import ClientApp


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, where it is done, and whether it is."""

    title: str
    text: str
    icon: str
    path: str
    is_done: bool


def first_steps(product: Product, *, offered: Sequence[UUID], connect: Step) -> list[Step]:
    """Return the steps in order. `connect` is the product's own: its first key or client app."""
    home = f"/{product.slug}/"
    return [
        Step(
            _("Invite people"),
            _("Give colleagues a seat and put them into teams."),
            "person_add",
            f"{home}member/add/",
            product.member._default_manager.filter(archived_at=None).exists(),
        ),
        Step(
            _("Allocate credits"),
            _("Everything is unallocated at first, and that cannot be spent."),
            "account_balance_wallet",
            f"{home}credits/",
            _has_credits_to_spend(product.slug),
        ),
        Step(
            _("Switch on an LLM"),
            _("Choose from what the platform offers to your company."),
            "neurology",
            f"{home}llms/",
            bool(active_llm_ids(product.slug) & set(offered)),
        ),
        connect,
        Step(
            _("Make the first call"),
            _("It stands under Usage a moment later."),
            "bolt",
            f"{home}usage/",
            UsageEvent.objects.filter(product=product.slug).exists(),
        ),
    ]


def client_app_step(product: Product) -> Step:
    """Connect by a client app: how programs such as alchemi-web act for members."""
    return Step(
        _("Connect a client app"),
        _("Programs such as alchemi-web sign in with one and act for your members."),
        "apps",
        f"/{product.slug}/clients/",
        ClientApp.objects.filter(product=product.slug, revoked_at=None).exists(),
    )


def _has_credits_to_spend(product: str) -> bool:
    rules = AllocationRule.objects.filter(wallet__book__product=product, amount__gt=0)
    pool = Balance.objects.filter(
        wallet__book__product=product,
        wallet__kind=WalletKind.POOL,
        cycle__state=CycleState.OPEN,
        credited__gt=0,
    )
    return rules.exists() or pool.exists()
