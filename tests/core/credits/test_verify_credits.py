"""The check of all invariants: silent when all is well, one line for each row that is not."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from core.credits import charging
from core.credits.invariants import broken_invariants
from core.credits.messages import RefundRequest
from core.kit.ids import uuid7
from core.tenancy.append_only import purging
from core.tenancy.context import in_public
from tenants.models import Account
from tests.factories.credits import (
    Branch,
    allocate,
    cap,
    hold,
    open_branch,
    set_overflow,
    settle,
    spend,
    split,
    top_up,
)
from tests.factories.cycles import renew, set_plan


@pytest.fixture
def used(branch: Branch) -> Branch:
    """A branch in which everything that can stand in a ledger stands."""
    other = open_branch("another", grant=100)
    allocate(other.organization, 50)
    spend(other.organization, 5)
    subject = uuid7()
    cap(branch.book, subject, 500)
    allocate(branch.organization, 300)
    set_overflow(branch.book, 50)
    call = spend(branch.organization, 40)
    charging.refund(RefundRequest(refund_id=uuid7(), request_id=call, amount=2))
    hold(branch.organization, 30, cap_subjects=(subject,))
    settle(hold(branch.organization, 20, cap_subjects=(subject,)), 25)
    late = hold(branch.organization, 10, ttl_seconds=0, estimate_microcredits=5)
    charging.sweep()
    settle(late, 2)
    charging.release(hold(branch.organization, 10))
    set_plan(other.book, rollover="all")
    renew(other.book)
    top_up(branch.organization, 60)
    split(branch.organization, [branch.team], 60)
    return branch


def verify(*options: str) -> tuple[str, int]:
    """Run the command; return what it printed and its exit code."""
    out = StringIO()
    try:
        with in_public():
            call_command("verify_credits", *options, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def test_a_sound_ledger_prints_nothing(used: Branch) -> None:
    assert broken_invariants() == []
    assert verify("--account", "acme") == ("", 0)
    assert verify() == ("", 0)


def test_a_broken_ledger_is_named_and_fails(used: Branch) -> None:
    corrupt(used, "UPDATE credits_balance SET credited = credited + 1 WHERE wallet_id = %(pool)s")

    printed, code = verify("--all")

    assert code == 1
    assert f"acme: I13 credited = transfers: {used.pool.pk}: credited 1, transfers" in printed


def test_another_accounts_fault_is_not_ours(used: Branch) -> None:
    corrupt(used, "UPDATE credits_balance SET credited = credited + 1 WHERE wallet_id = %(pool)s")

    assert verify("--account", "globex") == ("", 0)


def test_an_account_that_does_not_exist_is_an_error(in_acme: Account) -> None:
    with pytest.raises(CommandError, match="no account called nobody"):
        verify("--account", "nobody")


FAULTS = {
    "I1 not overspent": """
        UPDATE credits_balance SET overrun = 7 WHERE wallet_id = %(organization)s""",
    "I1 only overflow is a credit line": """
        UPDATE credits_balance SET credit_limit = 7 WHERE wallet_id = %(organization)s""",
    "I2 reserved = open reservations": """
        DELETE FROM credits_reservation WHERE state = 'open'""",
    "I2 a reservation = its sources": """
        UPDATE credits_reservation SET amount = amount + 1 WHERE state = 'open'""",
    "I2 a cap's reserved = open reservations": """
        UPDATE credits_capcounter SET reserved = reserved + 1""",
    "I3 used = charges": """
        UPDATE credits_balance SET used = used - 1 WHERE wallet_id = %(organization)s""",
    "I3 an event's credits = its charges": """
        UPDATE credits_usageevent SET credits = credits + 1 WHERE product = 'testing'""",
    "I3 no more is refunded than was charged": """
        UPDATE credits_usageevent SET credits = credits * 100 WHERE refund_of IS NOT NULL""",
    "I3 a cap's used = what was counted": """
        UPDATE credits_capcounter SET used = used + 1""",
    "I4 what came in is there": """
        UPDATE credits_balance SET credited = credited + 1 WHERE wallet_id = %(pool)s""",
    "I4 carried out = carried in": """
        DELETE FROM credits_transfer WHERE kind = 'rollover' AND from_wallet_id IS NULL""",
    "I4 nothing is left in a closed cycle": """
        UPDATE credits_balance SET credited = credited + 1
        WHERE cycle_id = (SELECT id FROM credits_cycle WHERE state = 'closed')""",
    "I5 open or final, not both": """
        UPDATE credits_reservation SET request_id =
            (SELECT id FROM credits_usageevent WHERE product = 'testing' LIMIT 1)
        WHERE state = 'open'""",
    "I5 one final event": """
        UPDATE credits_usageevent SET is_unsettled = false""",
    "I6 an equal split sums exactly": """
        UPDATE credits_split SET total = total + 1""",
    "I7 one open cycle": """
        UPDATE credits_cycle SET state = 'closed' WHERE book_id = %(book)s""",
    "I7 cycles follow each other": """
        UPDATE credits_cycle SET ends_at = ends_at - interval '1 day' WHERE state = 'closed'""",
    "I7 one statement for each closed cycle": """
        DELETE FROM credits_overflowstatement""",
    "I7 a statement = overflow used, less what covered it": """
        UPDATE credits_overflowstatement SET used = used + 1, amount = amount + 1""",
    "I7 every wallet is in the open cycle": """
        DELETE FROM credits_balance WHERE wallet_id = %(team)s""",
    "I9 nothing outlives the sweep": """
        UPDATE credits_reservation SET expires_at = now() - interval '6 minutes'""",
    "I10 unallocated is not spent": """
        UPDATE credits_balance SET used = 1 WHERE wallet_id = %(unallocated)s""",
    "I11 a transfer stays in its book": """
        UPDATE credits_transfer SET cycle_id =
            (SELECT c.id FROM credits_cycle c
            WHERE c.book_id <> %(book)s AND c.state = 'open' LIMIT 1)
        WHERE book_id = %(book)s""",
    "I11 a balance stays in its book": """
        UPDATE credits_balance SET cycle_id =
            (SELECT c.id FROM credits_cycle c
            WHERE c.book_id <> %(book)s AND c.state = 'open' LIMIT 1)
        WHERE wallet_id = %(team)s""",
    "I11 a charge stays in its book": """
        UPDATE credits_usageevent SET book_id =
            (SELECT b.id FROM credits_book b WHERE b.id <> %(book)s LIMIT 1)
        WHERE product = 'testing'""",
    "I13 credited = transfers": """
        DELETE FROM credits_transfer WHERE to_wallet_id = %(organization)s""",
}


@pytest.mark.parametrize("invariant", FAULTS)
def test_each_fault_is_found(used: Branch, invariant: str) -> None:
    corrupt(used, FAULTS[invariant])

    assert invariant in {row.invariant for row in broken_invariants()}


def test_every_invariant_is_tried(in_acme: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosrc FROM pg_proc WHERE proname = 'ledger_verify' "
            "AND pronamespace = %s::regnamespace",
            [in_acme.schema_name],
        )
        text = cursor.fetchone()[0]

    named = {part.split("'")[0] for part in text.replace("''", "’").split("SELECT 'I")[1:]}
    assert {f"I{name}".replace("’", "'") for name in named} == set(FAULTS)


def corrupt(branch: Branch, statement: str) -> None:
    """Do what no code of ours does."""
    ids = {
        "book": branch.book.pk,
        **{
            name: getattr(branch, name).pk
            for name in ("unallocated", "pool", "organization", "team")
        },
    }
    with transaction.atomic(), purging(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE credits_balance DROP CONSTRAINT balance_not_overspent")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(statement, ids)
