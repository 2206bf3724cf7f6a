"""Refunds: the platform gives back what a call of an account was charged."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.models import Act, Book, UsageEvent, Wallet
from core.credits.refunds import ChargedCall, charged_call
from core.credits.services import refunding
from core.hierarchy.product import product_named
from core.kit.money import format_credits
from core.tenancy.context import in_account
from tenants.models import Account
from tenants.services.credits import check_amount, said
from tenants.services.figures import push_balances

REFUNDED = verbs.register(
    "account.call_refunded",
    "{actor} refunded {target} {after[credits]} {after[product]} credits of a call",
    icon="undo",
)


@dataclass(frozen=True, slots=True)
class Refunded:
    """A call after a refund, and which kinds of wallets got how many micro-credits back."""

    call: ChargedCall
    back: tuple[tuple[str, int], ...]


@transaction.atomic
def refund_call(
    *,
    account: Account,
    product: str,
    call_id: UUID,
    amount: int,
    reason: str,
    idempotency_key: str,
    actor: Actor,
) -> Refunded:
    """Give back part of what a call was charged, to the wallets that paid, with a reason.

    Calling again with the same `idempotency_key` gives nothing more.

    Raises:
        InvalidInput: no reason, or an amount that is not positive or out of range.
        NotFound: the account has no call of that id that has ended.
        RefundTooLarge: less of the charge is left.
        CallUnsettled: the call was charged an estimate, and its settlement may still come.
        IdempotencyMismatch: the key was used for something else.
    """
    reason = said(reason)
    check_amount(amount)
    Account.objects.select_for_update().get(pk=account.pk)
    with in_account(account):
        is_repeat = Act.objects.filter(idempotency_key=idempotency_key).exists()
        book = Book.objects.get(product=product)
        act = refunding.refund_call(
            book=book,
            call_id=call_id,
            amount=amount,
            actor=actor,
            idempotency_key=idempotency_key,
            reason=reason,
        )
        done = Refunded(charged_call(book, call_id), _back_by(act))
    if is_repeat:
        return done
    record(
        actor=actor,
        verb=REFUNDED,
        target=("account", account.pk, account.name),
        after={
            "product": product_named(product).title,
            "credits": format_credits(amount),
            "call": str(call_id),
        },
        reason=reason,
    )
    push_balances(account=account)
    return done


def refundable_call(*, account: Account, product: str, call_id: UUID) -> ChargedCall:
    """Return a call of an account with what it was charged and got back.

    Raises:
        NotFound: the account has no call of that id that has ended.
    """
    with in_account(account):
        return charged_call(Book.objects.get(product=product), call_id)


def preview_refund(
    *, account: Account, product: str, call_id: UUID, amount: int, actor: Actor
) -> Refunded:
    """Return what `refund_call` would do now, without doing it.

    Raises:
        As `refund_call`.
    """
    with transaction.atomic():
        done = refund_call(
            account=account,
            product=product,
            call_id=call_id,
            amount=amount,
            reason="Preview",
            idempotency_key=f"preview:{call_id}",
            actor=actor,
        )
        transaction.set_rollback(True)
    return done


def _back_by(act: Act) -> tuple[tuple[str, int], ...]:
    event = UsageEvent.objects.get(pk=act.pk)
    amounts = {UUID(charge["wallet"]): -int(charge["amount"]) for charge in event.charges}
    wallets = Wallet.objects.in_bulk(amounts)
    return tuple((str(wallets[pk].get_kind_display()), amounts[pk]) for pk in amounts)
