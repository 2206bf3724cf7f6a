"""Credit terms of an account: factor, grants, overflow. Super admins set, account admins see."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.models import Act, Book
from core.credits.services import allocating, books
from core.hierarchy.product import product_named
from core.kit.money import MAX_MICROCREDITS, format_credits
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from tenants.models import Account, CreditFactor, CreditTerms, Period
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
    """Credits per period and the overflow limit, both in micro-credits."""

    grant_microcredits: int
    overflow_limit_microcredits: int = 0
    period: str = Period.MONTH


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
    *, account: Account, product: str, terms: Terms, grant_now: bool = False, actor: Actor
) -> CreditTerms:
    """Set what an account gets for a product. The overflow limit counts at once.

    With `grant_now` the credits are granted to the current cycle too, once in the account's life;
    otherwise they come with the next one. Terms that are in force already change nothing.

    Raises:
        InvalidInput: an unknown period, or credits that are negative or out of range.
    """
    row = apply_terms(
        account=account, product=product, terms=terms, grant_now=grant_now, actor=actor
    )
    push_balances(account=account)
    return row


def apply_terms(
    *, account: Account, product: str, terms: Terms, grant_now: bool, actor: Actor
) -> CreditTerms:
    """Do as `set_credit_terms` does, as a part of another act that pushes the figures itself."""
    _check(terms)
    Account.objects.select_for_update().get(pk=account.pk)
    row = CreditTerms.objects.filter(account=account, product=product).first()
    before = _described(row) if row is not None else None
    row = row or CreditTerms(account=account, product=product)
    row.period = terms.period
    row.grant_microcredits = terms.grant_microcredits
    row.overflow_limit_microcredits = terms.overflow_limit_microcredits
    after = _described(row)
    if before == after:
        return row
    row.save()
    reason = "Credit terms"
    with in_account(account):
        book = Book.objects.get(product=product)
        books.set_overflow_limit(
            book=book, limit=terms.overflow_limit_microcredits, actor=actor, reason=reason
        )
        if grant_now and terms.grant_microcredits:
            allocating.grant_credits(
                book=book,
                amount=terms.grant_microcredits,
                actor=actor,
                idempotency_key=f"terms:{row.pk}:first",
                reason=reason,
            )
    record(
        actor=actor,
        verb=TERMS_SET,
        target=("account", account.pk, account.name),
        before=before,
        after=after,
    )
    return row


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
    reason = reason.strip()
    if not reason:
        detail = "Say why; the reason stands in both audit logs."
        errors = [{"pointer": "/reason", "code": "required", "detail": detail}]
        raise InvalidInput(detail, errors=errors)
    if not 0 < amount <= MAX_MICROCREDITS:
        detail = "Enter a number of credits above zero."
        errors = [{"pointer": "/amount", "code": "amount", "detail": detail}]
        raise InvalidInput(detail, errors=errors)
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


def _check(terms: Terms) -> None:
    errors = []
    for field, amount in (
        ("grant", terms.grant_microcredits),
        ("overflow_limit", terms.overflow_limit_microcredits),
    ):
        if not 0 <= amount <= MAX_MICROCREDITS:
            detail = "Enter a number of credits that is not negative."
            errors.append({"pointer": f"/{field}", "code": "credits", "detail": detail})
    if terms.period not in Period.values:
        detail = "Choose how often the credits renew."
        errors.append({"pointer": "/period", "code": "period", "detail": detail})
    if errors:
        raise InvalidInput(" ".join(error["detail"] for error in errors), errors=errors)


def _described(row: CreditTerms) -> dict[str, str]:
    return {
        "product": product_named(row.product).title,
        "period": str(row.period),
        "grant": format_credits(row.grant_microcredits),
        "overflow_limit": format_credits(row.overflow_limit_microcredits),
    }
