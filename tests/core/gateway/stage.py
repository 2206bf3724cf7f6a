"""Acme on Postgres, set for calls: LLMs at a fake provider, Mia's credits, key and token."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from console.models import Membership, VirtualKey
from console.services.keys import create_key
from core.access.services import switch_llm_on
from core.credits.invariants import broken_invariants
from core.credits.models import Book, Reservation, UsageEvent, Wallet
from core.credits.selectors import balance_of
from core.credits.services import allocating
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_email
from core.tenancy.context import in_account, in_public
from core.tenancy.policy import policy_version
from core.tokens.issuing import gateway_audience, issue_user_token
from core.tokens.scopes import GATEWAY
from tenants.models import Account
from tenants.services import llms, offers
from tests.cast import MIA, TESTS
from tests.factories.credits import a_key

# 2 and 8 US dollars a million; Acme pays 100 credits a dollar.
PRICES = {"input_usd": Decimal(2), "output_usd": Decimal(8), "image_each_usd": Decimal("0.001")}
KINDS = {"embed": "embedding", "draw": "image"}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test needs in order to call and to look at what came of it."""

    account: Account
    key: str
    key_id: UUID
    user_token: str
    console_wallet_id: UUID
    copilot_wallet_id: UUID

    def events(self) -> list[UsageEvent]:
        """Return all usage events, oldest first."""
        with in_account(self.account):
            return list(UsageEvent.objects.order_by("created_at"))

    def used(self, product: str = "console") -> tuple[int, int]:
        """Return what Mia's wallet has used and has reserved, in micro-credits."""
        wallet_id = self.console_wallet_id if product == "console" else self.copilot_wallet_id
        with in_account(self.account):
            balance = balance_of(Wallet.objects.get(pk=wallet_id))
        return balance.used, balance.reserved

    def open_holds(self) -> int:
        """Return how many reservations are open."""
        with in_account(self.account):
            return Reservation.objects.filter(state="open").count()

    def broken(self) -> list[object]:
        """Return the ledger's invariants that do not hold."""
        with in_account(self.account):
            return list(broken_invariants())

    def token_key(self) -> VirtualKey:
        """Return Mia's key."""
        with in_account(self.account):
            return VirtualKey.objects.get(pk=self.key_id)


def set_stage(account: Account, *, api_base: str, names: tuple[str, ...], credits: int) -> Stage:
    """Switch `names` on for Acme, and give Mia `credits` micro-credits in each product."""
    with in_public():
        made = []
        for name in names:
            llm = llms.create_llm(
                name=name,
                title=name,
                vendor="Fake",
                provider="openai",
                upstream_model=name,
                api_base=api_base,
                prices=PRICES,
                kind=KINDS.get(name, "chat"),
                context_window=100_000,
                max_output_tokens=0 if name in KINDS else 4_000,
                actor=TESTS,
            )
            llms.set_credential(
                deployment=llm.deployment,
                credential={"api_key": "sk-canary-upstream-1234567890"},
                actor=TESTS,
            )
            made.append(llm)
            for product in ("console", "copilot"):
                offers.offer_llm(account=account, product=product, llm=llm, actor=TESTS)
    with in_account(account):
        wallets = {}
        for product in ("console", "copilot"):
            for llm in made:
                switch_llm_on(product=product, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
            wallets[product] = _give_credits(product, credits)
        seat = seat_of_email(product_named("console"), MIA.email)
        place = Membership.objects.get(pk=seat.membership_id)
        key = create_key(account=account, membership=place, name="Stage", actor=TESTS)
        user = seat_of_email(product_named("copilot"), MIA.email)
        token = issue_user_token(
            account=account,
            product="copilot",
            user_id=user.user_id,
            member_id=user.member_id,
            team_id=user.team_id,
            scopes=frozenset({GATEWAY}),
            policy_version=policy_version(),
            meant_for=(gateway_audience(),),
        )
    return Stage(
        account=account,
        key=key.token,
        key_id=key.key.pk,
        user_token=token.value,
        console_wallet_id=wallets["console"],
        copilot_wallet_id=wallets["copilot"],
    )


def _give_credits(product: str, credits: int) -> UUID:
    seat = seat_of_email(product_named(product), MIA.email)
    tables = product_named(product)
    place: Any = tables.membership._default_manager.get(pk=seat.membership_id)
    book = Book.objects.get(product=product)
    allocating.grant_credits(book=book, amount=credits, actor=TESTS, idempotency_key=a_key())
    # Down the line, one after the other: each level pays the next.
    for wallet in (place.organization.wallet, place.team.wallet, place.wallet):
        allocating.allocate_credits(
            wallet=wallet, amount=credits, actor=TESTS, idempotency_key=a_key()
        )
    return UUID(str(place.wallet_id))
