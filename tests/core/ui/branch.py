"""Acme's branch of one product, Marketing > Content > Mia, and calls by her."""

from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID

from core.credits.models import Book, Wallet, WalletKind
from core.credits.selectors import book_of, book_wallet
from core.credits.services import allocating, books
from core.hierarchy.product import Product
from core.kit.money import MICROCREDITS_PER_CREDIT
from tests.cast import MIA, ORGANIZATION, TEAM, TESTS
from tests.factories.credits import a_key, allocate, call_context, hold, settle


@dataclass(frozen=True)
class ProductBranch:
    """Nodes and wallets that a product's pages show."""

    product: Product
    book: Book
    organization: Any
    team: Any
    place: Any
    pool: Wallet

    @property
    def member(self) -> Any:
        """Mia's seat."""
        return self.place.member

    def call(self, charge: int, **fields: Any) -> UUID:
        """Make a call of Mia's that costs `charge` micro-credits; return its id."""
        context = call_context(
            product=self.product.slug,
            llm=fields.pop("llm", "gpt-5"),
            member_id=self.member.pk,
            user_id=self.member.user_id,
            membership_id=self.place.pk,
            team_id=self.team.pk,
            organization_id=self.organization.pk,
            key_id=fields.pop("key_id", None),
            labels={
                str(self.member.pk): str(self.member),
                str(self.team.pk): self.team.name,
                **fields.pop("labels", {}),
            },
        )
        request_id = hold(self.place.wallet, charge, context=context)
        settle(request_id, charge, **fields)
        return request_id


def branch_of(product: Product, *, grant: int = 1000) -> ProductBranch:
    """Grant whole credits: 600 for Marketing, of those 400 for Content; nothing spills."""
    book = book_of(product.slug)
    team: Any = product.team._default_manager.get(name=TEAM)
    memberships: Any = product.membership._default_manager
    places = memberships.select_related("member__user", "wallet__book")
    branch = ProductBranch(
        product,
        book,
        product.organization._default_manager.select_related("wallet__book").get(name=ORGANIZATION),
        team,
        places.get(team=team, member__user__email=MIA.email),
        book_wallet(book, WalletKind.POOL),
    )
    books.set_spill(book=book, team=False, organization=False, pool=False, actor=TESTS)
    allocating.grant_credits(book=book, amount=whole(grant), actor=TESTS, idempotency_key=a_key())
    allocate(branch.organization.wallet, whole(600))
    allocate(branch.team.wallet, whole(400))
    return branch


def whole(credits: int) -> int:
    """Return whole credits as micro-credits."""
    return credits * MICROCREDITS_PER_CREDIT


def text_of(response: Any) -> str:
    """Return what a page says, white space collapsed and entities resolved."""
    return " ".join(unescape(response.content.decode()).split())
