"""Books, cycles and wallets, and what the database refuses about them."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from core.audit.models import AuditEntry
from core.credits.errors import InvalidAmount, NoSuchBook
from core.credits.models import Balance, Book, Cycle, CycleState, Wallet, WalletKind
from core.credits.selectors import balance_of, book_of, open_cycle_of
from core.credits.services import books
from core.kit.money import MAX_MICROCREDITS
from tenants.models import Account
from tests.cast import TESTS
from tests.factories.credits import Branch, figures, free_in, hold, open_branch, set_overflow


def test_a_new_book_has_three_empty_wallets_and_an_open_cycle(in_acme: Account) -> None:
    book = books.open_book(product="testing", actor=TESTS)

    kinds = set(Wallet.objects.filter(book=book).values_list("kind", flat=True))
    assert kinds == {"unallocated", "pool", "overflow"}
    assert open_cycle_of(book).number == 1
    assert Balance.objects.filter(wallet__book=book, credited=0, reserved=0).count() == 3


def test_the_pool_is_locked_before_overflow(branch: Branch) -> None:
    assert branch.pool.pk < branch.overflow.pk


def test_opening_a_book_is_in_the_audit_log(in_acme: Account) -> None:
    books.open_book(product="testing", actor=TESTS)

    entry = AuditEntry.objects.filter(product="testing").get()
    assert entry.sentence == "The tests opened the book of testing"


def test_a_product_has_one_book(branch: Branch) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        books.open_book(product="testing", actor=TESTS)


def test_a_book_is_found_by_its_product(branch: Branch) -> None:
    assert book_of("testing") == branch.book


def test_a_product_without_a_book_is_a_problem(in_acme: Account) -> None:
    with pytest.raises(NoSuchBook):
        book_of("nothing")


def test_cycles_of_a_book_do_not_overlap(branch: Branch) -> None:
    cycle = open_cycle_of(branch.book)
    cycle.state, cycle.ends_at = CycleState.CLOSED, cycle.starts_at + timedelta(days=30)
    cycle.save()

    with pytest.raises(IntegrityError, match="cycles_of_a_book_apart"), transaction.atomic():
        Cycle.objects.create(
            book=branch.book, number=2, starts_at=cycle.ends_at - timedelta(seconds=1)
        )


def test_a_cycle_may_begin_where_the_last_one_ends(branch: Branch) -> None:
    cycle = open_cycle_of(branch.book)
    cycle.state, cycle.ends_at = CycleState.CLOSED, cycle.starts_at + timedelta(days=30)
    cycle.save()

    Cycle.objects.create(book=branch.book, number=2, starts_at=cycle.ends_at)

    assert open_cycle_of(branch.book).number == 2


def test_cycles_of_two_books_may_overlap(branch: Branch) -> None:
    other = open_branch("another")

    assert open_cycle_of(other.book).number == 1


def test_a_book_has_one_open_cycle(branch: Branch) -> None:
    cycle = open_cycle_of(branch.book)
    Cycle.objects.filter(pk=cycle.pk).update(ends_at=cycle.starts_at + timedelta(days=30))

    with pytest.raises(IntegrityError, match="one_open_cycle"), transaction.atomic():
        Cycle.objects.create(
            book=branch.book, number=2, starts_at=cycle.starts_at + timedelta(days=30)
        )


def test_a_cycle_number_comes_once(branch: Branch) -> None:
    starts_at = open_cycle_of(branch.book).starts_at - timedelta(days=90)

    with pytest.raises(IntegrityError, match="each_cycle_number_once"), transaction.atomic():
        Cycle.objects.create(
            book=branch.book,
            number=1,
            state=CycleState.CLOSED,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(days=30),
        )


def test_a_node_gets_an_empty_wallet_at_its_depth(branch: Branch) -> None:
    assert (branch.organization.depth, branch.team.depth, branch.membership.depth) == (1, 2, 3)
    assert figures(branch.membership) == (0, 0, 0)


@pytest.mark.parametrize("parent", [None, "organization", "team"])
def test_a_membership_hangs_below_team_organization_or_global(
    branch: Branch, parent: str | None
) -> None:
    wallet = books.create_wallet(
        book=branch.book,
        kind=WalletKind.MEMBERSHIP,
        parent=getattr(branch, parent) if parent else None,
    )

    assert wallet.depth == 3


def test_a_wallet_and_its_parent_are_of_one_book(branch: Branch) -> None:
    other = open_branch("another")

    with (
        pytest.raises(IntegrityError, match="wallet_and_parent_in_one_book"),
        transaction.atomic(),
    ):
        Wallet.objects.create(
            book=other.book, kind=WalletKind.TEAM, parent=branch.organization, depth=2
        )


def test_a_wallet_stands_at_the_depth_of_its_kind(branch: Branch) -> None:
    with pytest.raises(IntegrityError, match="wallet_stands_at_its_depth"), transaction.atomic():
        Wallet.objects.create(
            book=branch.book, kind=WalletKind.TEAM, parent=branch.organization, depth=3
        )


def test_a_wallet_with_history_is_never_deleted(branch: Branch) -> None:
    with pytest.raises(ProtectedError):
        branch.team.delete()


def test_the_overflow_limit_counts_at_once_and_stays(branch: Branch) -> None:
    set_overflow(branch.book, 50)

    assert balance_of(branch.overflow).limit == 50
    assert Book.objects.get(pk=branch.book.pk).overflow_limit == 50


def test_a_limit_below_what_is_drawn_admits_nothing_more(branch: Branch) -> None:
    set_overflow(branch.book, 50)
    hold(branch.membership, 40)

    set_overflow(branch.book, 10)

    balance = balance_of(branch.overflow)
    assert (balance.reserved, balance.overrun, balance.free) == (40, 30, -30)


def test_a_raised_limit_covers_what_went_past_it(branch: Branch) -> None:
    set_overflow(branch.book, 50)
    hold(branch.membership, 40)
    set_overflow(branch.book, 10)

    set_overflow(branch.book, 45)

    assert balance_of(branch.overflow).overrun == 0
    assert free_in(branch.overflow) == 5


@pytest.mark.parametrize("limit", [-1, MAX_MICROCREDITS + 1])
def test_an_overflow_limit_is_a_number_of_credits(branch: Branch, limit: int) -> None:
    with pytest.raises(InvalidAmount):
        set_overflow(branch.book, limit)


def test_the_switches_of_spill_are_in_the_audit_log(branch: Branch) -> None:
    books.set_spill(
        book=branch.book, team=True, organization=False, pool=True, actor=TESTS, reason="Why not"
    )

    entry = AuditEntry.objects.filter(verb="credits.spill_set").latest("id")
    assert entry.before == {"team": False, "organization": False, "pool": False}
    assert entry.after == {"team": True, "organization": False, "pool": True}
    assert entry.reason == "Why not"
