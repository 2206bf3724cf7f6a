"""The effective view says what the function says that reservations walk."""

from itertools import product

import pytest

from core.credits.effective import effective_of
from core.credits.models import Wallet, WalletKind
from core.credits.selectors import payers_of, spendable
from core.credits.services import allocating, books
from tests.cast import TESTS
from tests.factories.credits import Branch, a_key, allocate, seats, set_overflow, top_up


def a_tree(branch: Branch) -> list[Wallet]:
    """Members with and without allocations: in teams, in an organization, and under `global`."""
    book = branch.book
    allocate(branch.organization, 400)
    other = books.create_wallet(book=book, kind=WalletKind.TEAM, parent=branch.organization)
    allocate(other, 100)
    allocating.allocate_to_pool(book=book, amount=50, actor=TESTS, idempotency_key=a_key())
    set_overflow(book, 30)
    members = [
        branch.membership,
        *seats(branch.team, 3),
        *seats(other, 3),
        *seats(branch.organization, 2),
        *(
            books.create_wallet(book=book, kind=WalletKind.MEMBERSHIP, parent=None)
            for _ in range(2)
        ),
    ]
    # The first team has no allocation, only credits that lie there.
    top_up(branch.team, 60)
    for member in members[1::2]:
        allocate(member, 7)
    return members


@pytest.mark.parametrize("spills", list(product((False, True), repeat=3)))
def test_the_view_of_all_is_that_of_each(branch: Branch, spills: tuple[bool, bool, bool]) -> None:
    team, organization, pool = spills
    members = a_tree(branch)
    books.set_spill(book=branch.book, team=team, organization=organization, pool=pool, actor=TESTS)

    found = {one.wallet_id: one for one in effective_of(branch.book)}

    assert found.keys() == {member.pk for member in members}
    for wallet, one in found.items():
        payers = payers_of(wallet)
        assert one.payers == tuple(payer.wallet_id for payer in payers)
        assert one.via == tuple(payer.via for payer in payers)
        assert one.free == tuple(payer.free for payer in payers)
        assert one.spendable == spendable(wallet)


def test_nodes_of_all_kinds_are_seen_at_once(branch: Branch) -> None:
    a_tree(branch)
    wallets = [branch.organization.pk, branch.team.pk, branch.membership.pk]

    found = {one.wallet_id: one for one in effective_of(branch.book, wallets)}

    assert {wallet: one.payers for wallet, one in found.items()} == {
        wallet: tuple(payer.wallet_id for payer in payers_of(wallet)) for wallet in wallets
    }
