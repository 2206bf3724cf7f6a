"""Credit terms of an account: factor, grants, overflow. Super admins set, account admins see."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.errors import InvalidPlan
from core.credits.models import Act, Book
from core.credits.services import allocating, books, plans
from core.credits.services.plans import PlanTerms, Taking
from core.hierarchy.product import product_named
from core.kit.money import MAX_MICROCREDITS, format_credits
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from tenants.models import Account, CreditFactor, CreditTerms, Period, Rollover
from tenants.rules import is_credit_factor
from tenants.services.figures import push_balances

FACTOR_SET = verbs.register(
    "credit_factor.set",
    "{actor} set the credit factor of {target} to {after[factor]}",
    icon="currency_exchange",
)
TERMS_SET = verbs.register(
    "credit_terms.set",
    "{actor} set the {after[product]} terms of {target}: {after[grant]} credits, "
    "overflow up to {after[overflow_limit]}",
    icon="contract",
)
TOPPED_UP = verbs.register(
    "account.topped_up",
    "{actor} gave {target} {after[credits]} {after[product]} credits",
    icon="add_card",
)
TAKEN_BACK = verbs.register(
    "account.taken_back",
    "{actor} took {after[credits]} {after[product]} credits back from {target}",
    icon="remove_circle",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """A plan and the overflow limit. Amounts are micro-credits; anchors mean what `Plan` says."""

    grant_microcredits: int = 0
    overflow_limit_microcredits: int = 0
    period: str = Period.MONTH
    anchor_day: int = 1
    anchor_month: int = 1
    rollover: str = Rollover.NONE
    rollover_cap_microcredits: int = 0

    @property
    def plan(self) -> PlanTerms:
        """The part that the ledger renews by."""
        return PlanTerms(
            grant=self.grant_microcredits,
            period=self.period,
            anchor_day=self.anchor_day,
            anchor_month=self.anchor_month,
            rollover=self.rollover,
            rollover_cap=self.rollover_cap_microcredits,
        )


@transaction.atomic
def set_credit_factor(
    *, account: Account, factor: Decimal, reason: str = "", actor: Actor
) -> CreditFactor:
    """Start a new version of the factor. Calls in flight settle at the one they were reserved with.

    The factor that is in force already starts no version.

    Raises:
        InvalidInput: the factor is not positive, too large, or finer than six decimals.
    """
    if not is_credit_factor(factor):
        detail = "Enter a positive number below one million, with at most six decimals."
        errors = [{"pointer": "/factor", "code": "credit_factor", "detail": detail}]
        raise InvalidInput(detail, errors=errors)
    Account.objects.select_for_update().get(pk=account.pk)
    last = CreditFactor.objects.filter(account=account).order_by("-version").first()
    if last is not None and last.factor == factor:
        return last
    version = last.version + 1 if last else 1
    row = CreditFactor.objects.create(
        account=account, version=version, factor=factor, created_by=actor.label
    )
    record(
        actor=actor,
        verb=FACTOR_SET,
        target=("account", account.pk, account.name),
        before={"factor": str(last), "version": last.version} if last else None,
        after={"factor": str(row), "version": version},
        reason=reason,
    )
    with in_account(account):
        bump_policy()
    return row


@transaction.atomic
def set_credit_terms(
    *,
    account: Account,
    product: str,
    terms: Terms,
    grant_now: bool = False,
    reason: str = "",
    actor: Actor,
) -> CreditTerms:
    """Start a new version of what an account gets for a product.

    The plan takes effect at the next boundary of its cycles, the first one at once. The overflow
    limit counts at once. With `grant_now` the credits are granted to the current cycle too, once
    in the account's life. Terms that are in force already start no version.

    Raises:
        InvalidPlan: an unknown period or anchor, or credits that are negative or out of range.
    """
    row = apply_terms(
        account=account,
        product=product,
        terms=terms,
        grant_now=grant_now,
        reason=reason,
        actor=actor,
    )
    push_balances(account=account)
    return row


def apply_terms(
    *,
    account: Account,
    product: str,
    terms: Terms,
    grant_now: bool,
    reason: str = "",
    actor: Actor,
) -> CreditTerms:
    """Do as `set_credit_terms` does, as a part of another act that pushes the figures itself."""
    _check(terms)
    Account.objects.select_for_update().get(pk=account.pk)
    last = CreditTerms.objects.filter(account=account, product=product).first()
    reason = reason.strip()
    if last is not None and terms_of_row(last) == terms:
        if grant_now:
            with in_account(account):
                _grant_first(last, terms, reason=reason or "Credit terms", actor=actor)
        return last
    row = CreditTerms(
        account=account,
        product=product,
        version=last.version + 1 if last else 1,
        period=terms.period,
        anchor_day=terms.anchor_day,
        anchor_month=terms.anchor_month,
        rollover=terms.rollover,
        grant_microcredits=terms.grant_microcredits,
        rollover_cap_microcredits=terms.rollover_cap_microcredits,
        overflow_limit_microcredits=terms.overflow_limit_microcredits,
        created_by=actor.label,
        reason=reason[:500],
    )
    with in_account(account):
        _carry_in(row, terms, grant_now=grant_now, reason=reason or "Credit terms", actor=actor)
    row.save(force_insert=True)
    record(
        actor=actor,
        verb=TERMS_SET,
        target=("account", account.pk, account.name),
        before=_described(last) if last is not None else None,
        after=_described(row),
        reason=reason,
    )
    return row


def preview_terms(*, account: Account, product: str, terms: Terms) -> Taking:
    """Return when the plan of these terms would take effect. Changes nothing.

    Raises:
        InvalidPlan: as `set_credit_terms` does.
    """
    _check(terms)
    with in_account(account):
        return plans.preview_plan(book=Book.objects.get(product=product), terms=terms.plan)


def terms_of_row(row: CreditTerms) -> Terms:
    """Return what a version says."""
    return Terms(
        grant_microcredits=row.grant_microcredits,
        overflow_limit_microcredits=row.overflow_limit_microcredits,
        period=row.period,
        anchor_day=row.anchor_day,
        anchor_month=row.anchor_month,
        rollover=row.rollover,
        rollover_cap_microcredits=row.rollover_cap_microcredits,
    )


def _carry_in(
    row: CreditTerms, terms: Terms, *, grant_now: bool, reason: str, actor: Actor
) -> None:
    """Bring the terms into the account's ledger; we are inside the account."""
    book = Book.objects.get(product=row.product)
    plan = plans.set_plan(book=book, terms=terms.plan, actor=actor, reason=reason)
    row.plan_version, row.effective_from = plan.version, plan.effective_from
    if book.overflow_limit != terms.overflow_limit_microcredits:
        books.set_overflow_limit(
            book=book, limit=terms.overflow_limit_microcredits, actor=actor, reason=reason
        )
    if grant_now:
        _grant_first(row, terms, reason=reason, actor=actor)


def _grant_first(row: CreditTerms, terms: Terms, *, reason: str, actor: Actor) -> None:
    """Grant to the current cycle, once in the account's life; we are inside the account."""
    key = f"terms:{row.account_id}:{row.product}:first"
    # Whatever was granted then: a key that was used for another amount is no fault of the caller.
    if not terms.grant_microcredits or Act.objects.filter(idempotency_key=key).exists():
        return
    allocating.grant_credits(
        book=Book.objects.get(product=row.product),
        amount=terms.grant_microcredits,
        actor=actor,
        idempotency_key=key,
        reason=reason,
    )


@transaction.atomic
def top_up_account(
    *, account: Account, product: str, amount: int, reason: str, idempotency_key: str, actor: Actor
) -> None:
    """Give an account credits by hand, into Unallocated of the current cycle.

    Calling again with the same `idempotency_key` gives nothing more.

    Raises:
        InvalidInput: no reason, or an amount that is not positive or out of range.
        IdempotencyMismatch: the key was used for something else.
    """
    _move(
        allocating.grant_credits,
        TOPPED_UP,
        account=account,
        product=product,
        amount=amount,
        reason=reason,
        idempotency_key=idempotency_key,
        actor=actor,
    )


def take_back_from_account(
    *, account: Account, product: str, amount: int, reason: str, idempotency_key: str, actor: Actor
) -> None:
    """Take credits back from Unallocated of the current cycle.

    Calling again with the same `idempotency_key` takes nothing more.

    Raises:
        InsufficientCredits: less is unallocated.
        InvalidInput: no reason, or an amount that is not positive or out of range.
        IdempotencyMismatch: the key was used for something else.
    """
    _move(
        allocating.take_back_credits,
        TAKEN_BACK,
        account=account,
        product=product,
        amount=amount,
        reason=reason,
        idempotency_key=idempotency_key,
        actor=actor,
    )


@transaction.atomic
def _move(
    act: Callable[..., Any],
    verb: str,
    *,
    account: Account,
    product: str,
    amount: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
) -> None:
    reason = said(reason)
    check_amount(amount)
    # One at a time for an account, so that the second of two clicks sees what the first one did.
    Account.objects.select_for_update().get(pk=account.pk)
    with in_account(account):
        is_repeat = Act.objects.filter(idempotency_key=idempotency_key).exists()
        act(
            book=Book.objects.get(product=product),
            amount=amount,
            actor=actor,
            idempotency_key=idempotency_key,
            reason=reason,
        )
    if is_repeat:
        return
    record(
        actor=actor,
        verb=verb,
        target=("account", account.pk, account.name),
        after={"product": product_named(product).title, "credits": format_credits(amount)},
        reason=reason,
    )
    push_balances(account=account)


def said(reason: str) -> str:
    """Return a reason as it is kept.

    Raises:
        InvalidInput: there is none.
    """
    if not reason.strip():
        detail = "Say why; the reason stands in both audit logs."
        errors = [{"pointer": "/reason", "code": "required", "detail": detail}]
        raise InvalidInput(detail, errors=errors)
    return reason.strip()


def check_amount(amount: int) -> None:
    """Pass if so many micro-credits can move.

    Raises:
        InvalidInput: they cannot.
    """
    if not 0 < amount <= MAX_MICROCREDITS:
        detail = "Enter a number of credits above zero."
        errors = [{"pointer": "/amount", "code": "amount", "detail": detail}]
        raise InvalidInput(detail, errors=errors)


def _check(terms: Terms) -> None:
    errors = []
    try:
        plans.check_terms(terms.plan)
    except InvalidPlan as problem:
        errors += problem.extensions["errors"]
    if not 0 <= terms.overflow_limit_microcredits <= MAX_MICROCREDITS:
        detail = "Enter a number of credits that is not negative."
        errors.append({"pointer": "/overflow_limit", "code": "overflow_limit", "detail": detail})
    if errors:
        raise InvalidPlan(" ".join(error["detail"] for error in errors), errors=errors)


def _described(row: CreditTerms) -> dict[str, Any]:
    return {
        "product": product_named(row.product).title,
        "version": row.version,
        "period": str(row.period),
        "anchor_day": row.anchor_day,
        "anchor_month": row.anchor_month,
        "grant": format_credits(row.grant_microcredits),
        "rollover": str(row.rollover),
        "rollover_cap": format_credits(row.rollover_cap_microcredits),
        "overflow_limit": format_credits(row.overflow_limit_microcredits),
        "effective_from": row.effective_from.isoformat() if row.effective_from else None,
    }
