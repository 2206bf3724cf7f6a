"""Reads of the public schema, and what a super admin may see of one account's own schema."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.credits import outlook
from core.credits.cycle_figures import CycleFigures, cycles_of
from core.credits.models import Balance, Book, CycleState, UsageEvent, WalletKind
from core.hierarchy.product import Product
from core.identity.models import Role, RoleAssignment
from core.kit.problems import NotFound
from core.tenancy.context import in_account, in_public
from core.tenancy.hosts import account_url
from tenants.models import (
    Account,
    CreditFactor,
    CreditTerms,
    Llm,
    LlmOffer,
    PriceRow,
    WithheldFeature,
)
from tenants.rules import RESERVED_SLUGS, is_slug


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """The credit factor in force, with its version."""

    credit_factor: Decimal
    factor_version: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one product of an account stands in its open cycle; amounts are micro-credits.

    `granted`, `used`, `reserved` and `left` are of all wallets but overflow.
    """

    cycle_number: int
    cycle_starts_at: datetime
    cycle_ends_at: datetime | None
    plan_version: int
    granted: int
    used: int
    reserved: int
    left: int
    unallocated: int
    pool: int
    overflow_used: int
    overflow_limit: int
    members: int
    last_call_at: datetime | None


@dataclass(frozen=True, slots=True)
class Admin:
    """An account admin, as a super admin sees one."""

    user_id: UUID
    name: str
    email: str
    is_active: bool
    has_joined: bool
    invitation_expires_at: datetime | None
    last_login: datetime | None

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def key(self) -> str:
        """The id as text, for ids of elements."""
        return str(self.user_id)


def domain_of(slug: str) -> str:
    """Return the host name of an account's cockpit."""
    return f"{slug}.{settings.BASE_HOST}"


def invitation_url(account: Account, token: str) -> str:
    """Return the link of an invitation."""
    return f"{account_url(account)}/invitations/{token}/"


def credit_factor_of(account_id: object) -> Decimal:
    """Return the credits for one US dollar of cost, at this moment."""
    return terms_of(account_id).credit_factor


def accounts() -> QuerySet[Account]:
    """Return every account."""
    return Account.objects.all()


def account_named(slug: str) -> Account:
    """Return an account by its short name.

    Raises:
        NotFound: there is none.
    """
    account = Account.objects.filter(slug=slug).first()
    if account is None:
        raise NotFound(f"There is no account called {slug}.")
    return account


def slug_fault(slug: str) -> str:
    """Return why no new account can have this short name; nothing when one can."""
    if not is_slug(slug):
        return "Use 1 to 40 lower-case letters, digits and hyphens; no hyphen at either end."
    if slug in RESERVED_SLUGS or domain_of(slug) in settings.PUBLIC_HOSTS:
        return f"The platform itself needs {slug}."
    if Account.objects.filter(slug=slug).exists():
        return f"{slug} is taken. Short names are never used twice."
    return ""


def terms_of(account_id: Any) -> AccountTerms:
    """Return what an account's credits cost at this moment."""
    with in_public():
        row = CreditFactor.objects.filter(account_id=account_id).order_by("-version").first()
    assert row is not None, "Every account is created with a credit factor."
    return AccountTerms(row.factor, row.version)


def factor_history(account: Account) -> list[CreditFactor]:
    """Return every version of an account's factor, the one in force first."""
    return list(CreditFactor.objects.filter(account=account).order_by("-version"))


def credit_terms_of(account: Account) -> dict[str, CreditTerms]:
    """Return the latest credit terms by product."""
    rows = CreditTerms.objects.filter(account=account).order_by("product", "-version")
    return {row.product: row for row in rows.distinct("product")}


def terms_history(account: Account, product: str) -> list[CreditTerms]:
    """Return every version of the terms of a product, the latest first."""
    return list(CreditTerms.objects.filter(account=account, product=product).order_by("-version"))


def cycles_of_account(account: Account, product: str) -> list[CycleFigures]:
    """Return the latest cycles of a product from the account's own ledger, the newest first."""
    with in_account(account):
        book = Book.objects.filter(product=product).first()
        return cycles_of(book) if book else []


def offered_llms(account_id: Any, product: str) -> list[Llm]:
    """Return the LLMs that a product of an account may switch on, with deployment and prices."""
    with in_public():
        offers = (
            LlmOffer.objects.filter(
                account_id=account_id, product=product, llm__retired_at__isnull=True
            )
            .select_related("llm__deployment")
            .prefetch_related("llm__prices")
            .order_by("llm__vendor", "llm__name")
        )
        return [offer.llm for offer in offers]


def llms_on_offer(account_id: Any) -> dict[str, list[Llm]]:
    """Return what `offered_llms` does, by product, with the price in force; three queries."""
    with in_public():
        offers = (
            LlmOffer.objects.filter(account_id=account_id, llm__retired_at__isnull=True)
            .order_by("llm__vendor", "llm__name")
            .values_list("product", "llm_id")
        )
        newest = PriceRow.objects.order_by("llm_id", "-version").distinct("llm_id")
        rows = Llm.objects.select_related("deployment").prefetch_related(Prefetch("prices", newest))
        by_id = rows.in_bulk({llm_id for _, llm_id in offers})
    found: dict[str, list[Llm]] = {}
    for product, llm_id in offers:
        found.setdefault(product, []).append(by_id[llm_id])
    return found


def withheld_features(account_id: Any, product: str) -> frozenset[str]:
    """Return the features that the super admin does not let a product of an account have."""
    with in_public():
        rows = WithheldFeature.objects.filter(account_id=account_id, product=product)
        return frozenset(rows.values_list("feature", flat=True))


def features_withheld(account_id: Any) -> dict[str, frozenset[str]]:
    """Return what `withheld_features` does, by product; one query."""
    with in_public():
        rows = WithheldFeature.objects.filter(account_id=account_id)
        found: dict[str, set[str]] = {}
        for product, feature in rows.values_list("product", "feature"):
            found.setdefault(product, set()).add(feature)
    return {product: frozenset(keys) for product, keys in found.items()}


def offered_ids(account: Account) -> dict[str, frozenset[UUID]]:
    """Return the ids of the LLMs on offer by product."""
    found: dict[str, set[UUID]] = {}
    rows = LlmOffer.objects.filter(account=account).values_list("product", "llm_id")
    for product, llm_id in rows:
        found.setdefault(product, set()).add(llm_id)
    return {product: frozenset(ids) for product, ids in found.items()}


def catalogue() -> QuerySet[Llm]:
    """Return every LLM with its deployment, its `prices` (the one in force first) and `offered_to`.

    `offered_to` counts accounts that are not archived.
    """
    return (
        Llm.objects.select_related("deployment")
        .prefetch_related(Prefetch("prices", PriceRow.objects.order_by("-version")))
        .annotate(
            offered_to=Count(
                "offers__account", filter=Q(offers__account__archived_at=None), distinct=True
            ),
            price_version=Max("prices__version"),
        )
    )


def llm_by_id(llm_id: UUID) -> Llm:
    """Return an LLM as `catalogue()` does.

    Raises:
        NotFound: there is none.
    """
    llm = catalogue().filter(pk=llm_id).first()
    if llm is None:
        raise NotFound("There is no such LLM in the catalogue.")
    return llm


def admins_of(account: Account) -> list[Admin]:
    """Return an account's admins, those who can sign in first."""
    with in_account(account):
        rows = (
            RoleAssignment.objects.filter(role=Role.ACCOUNT_ADMIN)
            .select_related("user")
            .annotate(
                invited_until=Max(
                    "user__invitations__expires_at",
                    filter=Q(
                        user__invitations__accepted_at=None, user__invitations__revoked_at=None
                    ),
                )
            )
            .order_by("-user__is_active", "user__email")
        )
        return [
            Admin(
                user_id=row.user_id,
                name=row.user.name,
                email=row.user.email,
                is_active=row.user.is_active,
                has_joined=row.user.has_usable_password(),
                invitation_expires_at=row.invited_until,
                last_login=row.user.last_login,
            )
            for row in rows
        ]


def standing_of(account: Account, product: Product) -> Standing | None:
    """Return where a product of an account stands now, from its own ledger; None without a book."""
    with in_account(account):
        balances = Balance.objects.filter(
            cycle__state=CycleState.OPEN, cycle__book__product=product.slug
        )
        cycle = balances.values(
            "cycle__number", "cycle__starts_at", "cycle__ends_at", "cycle__plan_version"
        ).first()
        if cycle is None:
            return None
        sums = balances.aggregate(**_SUMS)
        last_calls = UsageEvent.objects.filter(product=product.slug).order_by("-created_at")
        return Standing(
            cycle_number=cycle["cycle__number"],
            cycle_starts_at=cycle["cycle__starts_at"],
            cycle_ends_at=cycle["cycle__ends_at"],
            plan_version=cycle["cycle__plan_version"],
            granted=sums["all_granted"],
            used=sums["all_used"],
            reserved=sums["all_reserved"],
            left=sums["all_granted"] - sums["all_used"] - sums["all_reserved"],
            unallocated=sums["unallocated"],
            pool=sums["pool_credited"] - sums["pool_used"] - sums["pool_reserved"],
            overflow_used=sums["overflow_used"],
            overflow_limit=sums["overflow_limit"],
            members=product.member._default_manager.filter(archived_at=None).count(),
            last_call_at=last_calls.values_list("created_at", flat=True).first(),
        )


def recommended_overflow_of(account: Account, product: Product) -> int | None:
    """Return the credit line that past cycles suggest, in micro-credits; None without a book."""
    with in_account(account):
        book = Book.objects.filter(product=product.slug).first()
        return outlook.recommended_overflow_of(book) if book is not None else None


_OVERFLOW = Q(wallet__kind=WalletKind.OVERFLOW)
_POOL = Q(wallet__kind=WalletKind.POOL)


def _sum(column: str, only: Q) -> Coalesce:
    return Coalesce(Sum(column, filter=only), 0)


# A sum may not have the name of a column.
_SUMS = {
    "all_granted": _sum("credited", ~_OVERFLOW),
    "all_used": _sum("used", ~_OVERFLOW),
    "all_reserved": _sum("reserved", ~_OVERFLOW),
    "unallocated": _sum("credited", Q(wallet__kind=WalletKind.UNALLOCATED)),
    "pool_credited": _sum("credited", _POOL),
    "pool_used": _sum("used", _POOL),
    "pool_reserved": _sum("reserved", _POOL),
    "overflow_used": _sum("used", _OVERFLOW),
    "overflow_limit": _sum("limit", _OVERFLOW),
}
