"""Credit terms: what super admins set, and credits that they move by hand."""

from decimal import Decimal
from typing import Any

import pytest

from core.audit.models import AuditEntry
from core.credits.errors import IdempotencyMismatch, InsufficientCredits
from core.credits.models import Book
from core.hierarchy.product import product_named
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account, in_public
from core.tenancy.policy import policy_version
from tenants.models import Account, AccountFigure, CreditTerms
from tenants.selectors import factor_history, standing_of, terms_of
from tenants.services import credits as services
from tenants.services.credits import Terms
from tests.cast import TESTS

CREDIT = 1_000_000


def _unallocated(account: Account, product: str = "copilot") -> int:
    standing = standing_of(account, product_named(product))
    assert standing is not None
    return standing.unallocated


def _top_up(account: Account, amount: int = 100 * CREDIT, key: str = "a", **changes: str) -> None:
    wanted = {"product": "copilot", "reason": "Goodwill", **changes}
    services.top_up_account(
        account=account, amount=amount, idempotency_key=key, actor=TESTS, **wanted
    )


def _take_back(account: Account, amount: int, key: str = "b", reason: str = "Mistake") -> None:
    services.take_back_from_account(
        account=account,
        product="copilot",
        amount=amount,
        reason=reason,
        idempotency_key=key,
        actor=TESTS,
    )


# -- factor ----------------------------------------------------------------------------------------


def test_a_new_factor_is_a_new_version(acme: Account) -> None:
    with in_account(acme):
        version = policy_version()

    services.set_credit_factor(account=acme, factor=Decimal("110.5"), actor=TESTS)

    assert [(row.version, row.factor) for row in factor_history(acme)] == [
        (2, Decimal("110.5")),
        (1, Decimal(100)),
    ]
    assert terms_of(acme.pk).credit_factor == Decimal("110.5")
    with in_account(acme):
        assert policy_version() > version


def test_the_factor_in_force_starts_no_version(acme: Account) -> None:
    services.set_credit_factor(account=acme, factor=Decimal("100.000"), actor=TESTS)

    assert len(factor_history(acme)) == 1


@pytest.mark.parametrize("factor", ["0", "-1", "1000000", "NaN", "Infinity", "0.0000001"])
def test_a_factor_that_cannot_be_is_refused(acme: Account, factor: str) -> None:
    with pytest.raises(InvalidInput):
        services.set_credit_factor(account=acme, factor=Decimal(factor), actor=TESTS)

    assert len(factor_history(acme)) == 1


# -- terms -----------------------------------------------------------------------------------------


def test_terms_come_with_the_next_cycle_and_overflow_at_once(acme: Account) -> None:
    services.set_credit_terms(
        account=acme,
        product="copilot",
        terms=Terms(500 * CREDIT, 50 * CREDIT, "month"),
        actor=TESTS,
    )

    row = CreditTerms.objects.get(account=acme, product="copilot")
    assert (row.grant_microcredits, row.overflow_limit_microcredits) == (500 * CREDIT, 50 * CREDIT)
    assert _unallocated(acme) == 0
    with in_account(acme):
        assert Book.objects.get(product="copilot").overflow_limit == 50 * CREDIT
        assert Book.objects.get(product="console").overflow_limit == 0


def test_terms_in_force_already_change_nothing(acme: Account) -> None:
    terms = Terms(500 * CREDIT)
    services.set_credit_terms(account=acme, product="copilot", terms=terms, actor=TESTS)
    before = AuditEntry.objects.count()

    services.set_credit_terms(account=acme, product="copilot", terms=terms, actor=TESTS)

    assert AuditEntry.objects.count() == before


def test_the_first_grant_comes_once_also_where_the_terms_are_there_already(acme: Account) -> None:
    def said(grant: int, *, grant_now: bool) -> int:
        services.set_credit_terms(
            account=acme,
            product="copilot",
            terms=Terms(grant * CREDIT),
            grant_now=grant_now,
            actor=TESTS,
        )
        return _unallocated(acme) - before

    before = _unallocated(acme)

    assert said(500, grant_now=False) == 0
    assert said(500, grant_now=True) == 500 * CREDIT
    assert said(500, grant_now=True) == 500 * CREDIT
    # Another grant is no reason to refuse the terms.
    assert said(700, grant_now=True) == 500 * CREDIT


def test_an_entry_says_what_the_terms_were(acme: Account) -> None:
    services.set_credit_terms(account=acme, product="copilot", terms=Terms(5), actor=TESTS)
    services.set_credit_terms(account=acme, product="copilot", terms=Terms(7), actor=TESTS)

    with in_public():
        entry: Any = AuditEntry.objects.first()
    assert (entry.before["grant"], entry.after["grant"]) == ("0.000005", "0.000007")
    assert entry.sentence.startswith("The tests set the Copilot terms of Acme: 0.000007 credits")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        (Terms(-1), "/grant"),
        (Terms(0, -1), "/overflow_limit"),
        (Terms(10**17), "/grant"),
        (Terms(0, 0, "yearly"), "/period"),
    ],
)
def test_terms_that_cannot_be_are_refused(acme: Account, terms: Terms, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.set_credit_terms(account=acme, product="copilot", terms=terms, actor=TESTS)

    assert [error["pointer"] for error in caught.value.extensions["errors"]] == [pointer]


# -- by hand ---------------------------------------------------------------------------------------


def test_a_top_up_lies_in_unallocated(acme: Account, globex: Account) -> None:
    _top_up(acme)

    assert _unallocated(acme) == 100 * CREDIT
    assert _unallocated(acme, "console") == 0
    assert _unallocated(globex) == 0


def test_a_double_click_gives_once(acme: Account) -> None:
    _top_up(acme)
    _top_up(acme)

    assert _unallocated(acme) == 100 * CREDIT
    with in_public():
        assert AuditEntry.objects.filter(verb="account.topped_up").count() == 1
    with in_account(acme):
        assert AuditEntry.objects.filter(reason="Goodwill").count() == 1


def test_a_key_is_not_used_for_something_else(acme: Account) -> None:
    _top_up(acme)

    with pytest.raises(IdempotencyMismatch):
        _top_up(acme, 200 * CREDIT)
    with pytest.raises(IdempotencyMismatch):
        _take_back(acme, 100 * CREDIT, key="a")

    assert _unallocated(acme) == 100 * CREDIT


def test_what_was_given_can_be_taken_back(acme: Account) -> None:
    _top_up(acme)

    _take_back(acme, 40 * CREDIT)

    assert _unallocated(acme) == 60 * CREDIT


def test_no_more_than_there_is_is_taken_back(acme: Account) -> None:
    _top_up(acme)

    with pytest.raises(InsufficientCredits):
        _take_back(acme, 100 * CREDIT + 1)

    assert _unallocated(acme) == 100 * CREDIT
    with in_public():
        assert not AuditEntry.objects.filter(verb="account.taken_back").exists()


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_reason_is_asked_for(acme: Account, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _top_up(acme, reason=reason)

    assert caught.value.extensions["errors"][0]["pointer"] == "/reason"


@pytest.mark.parametrize("amount", [0, -1, 10**17])
def test_an_amount_that_cannot_move_is_refused(acme: Account, amount: int) -> None:
    with pytest.raises(InvalidInput):
        _top_up(acme, amount)


def test_the_overview_knows_at_once(acme: Account) -> None:
    _top_up(acme)

    figure = AccountFigure.objects.get(account=acme, product="copilot")
    assert figure.left_microcredits == 100 * CREDIT
