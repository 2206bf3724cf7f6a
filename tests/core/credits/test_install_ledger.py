"""Functions, triggers and storage options of each schema, and the plans that the functions keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from core.credits import charging
from core.credits.batching import DispatchRequest, ReleaseRequest
from core.credits.install import install_after_migrations, install_ledger
from core.credits.invariants import broken_invariants
from core.credits.messages import HeartbeatRequest, SettleRequest
from core.kit.ids import uuid7
from core.tenancy.append_only import purging
from core.tenancy.context import TEMPLATE_SCHEMA, current_schema, in_account, in_public, in_template
from tenants.models import Account
from tests.factories.credits import (
    Branch,
    allocate,
    cap,
    figures,
    hold,
    open_branch,
    reserve_request,
    set_overflow,
    settle,
    spend,
)

TABLES = (
    "act", "allocationrule", "balance", "book", "cap", "capcounter", "cycle", "label",
    "reservation", "transfer", "usageevent", "wallet",
)  # fmt: skip


def contents(schema: str) -> dict[str, str]:
    """Return a hash of every ledger table of a schema."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"SELECT COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '') "
                f'FROM "{schema}".credits_{table} t'
            )
            found[table] = cursor.fetchone()[0]
    return found


def every_step(branch: Branch) -> None:
    """Go through each of the ledger's functions."""
    subject = uuid7()
    cap(branch.book, subject, 500)
    allocate(branch.organization, 300)
    allocate(branch.team, 200)
    allocate(branch.membership, 100)
    set_overflow(branch.book, 50)
    settle(hold(branch.membership, 40, cap_subjects=(subject,)), 130)
    late = hold(branch.team, 10, ttl_seconds=0, estimate_microcredits=5)
    hold(branch.team, 10, ttl_seconds=0, dispatch=False, cap_subjects=(subject,))
    charging.sweep()
    settle(late, 2)
    kept = hold(branch.team, 10, dispatch=False)
    charging.dispatch(kept)
    charging.heartbeat(HeartbeatRequest(request_id=kept, ttl_seconds=60, reported_microcredits=1))
    charging.release(kept)
    settle(kept, 3)


def one_batch(branch: Branch) -> None:
    """Settle, release, dispatch and reserve in one go, below a cap."""
    subject = uuid7()
    cap(branch.book, subject, 500)
    held = [hold(branch.team, 3, dispatch=False, cap_subjects=(subject,)) for _ in range(3)]
    settlement = SettleRequest(request_id=held[0], cost_usd=Decimal("0.000002"), outcome="ok")
    answers = charging.batch(
        ends=[settlement, ReleaseRequest(held[1]), DispatchRequest(held[2])],
        calls=[
            reserve_request(wallet, 2, cap_subjects=(subject,))
            for wallet in (branch.membership, branch.team, branch.organization)
        ],
    )
    assert all(answers)


def test_calls_in_one_account_leave_the_others_and_the_template_alone(
    acme: Account, globex: Account
) -> None:
    before = {schema: contents(schema) for schema in (globex.schema_name, TEMPLATE_SCHEMA)}

    with in_account(acme):
        ours = open_branch(grant=1000)
        every_step(ours)
        one_batch(ours)

    assert {schema: contents(schema) for schema in before} == before


def test_each_account_keeps_its_own_ledger(acme: Account, globex: Account) -> None:
    with in_account(acme):
        ours = open_branch(grant=1000)
        allocate(ours.organization, 300)
    with in_account(globex):
        theirs = open_branch(grant=1000)
        allocate(theirs.organization, 300)
        spend(theirs.organization, 100)

    with in_account(acme):
        assert figures(ours.organization) == (300, 0, 0)
    with in_account(globex):
        assert figures(theirs.organization) == (300, 100, 0)


def test_installing_again_keeps_what_is_there(branch: Branch) -> None:
    allocate(branch.organization, 100)

    install_ledger(current_schema())

    spend(branch.organization, 40)
    assert figures(branch.organization) == (100, 40, 0)


def test_migrations_bring_the_functions_up_to_date(branch: Branch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP FUNCTION ledger_verify()")
        cursor.execute("ALTER TABLE credits_balance RESET (fillfactor)")

    install_after_migrations(plan=[])

    assert broken_invariants() == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE oid = 'credits_balance'::regclass")
        assert "fillfactor=50" in cursor.fetchone()[0]


def test_the_public_schema_gets_no_ledger(db: None) -> None:
    with in_public():
        install_after_migrations(plan=[])

        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regproc('public.ledger_reserve')")
            assert cursor.fetchone() == (None,)


def test_functions_name_no_other_schema(in_acme: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = %s::regnamespace "
            "AND (prosrc LIKE %s OR prosrc LIKE '%%{schema}%%' OR array_to_string(proconfig, ',') "
            "LIKE '%%account_%%')",
            [in_acme.schema_name, f"%{TEMPLATE_SCHEMA}%"],
        )

        assert cursor.fetchall() == []


def test_nobody_else_may_call_the_functions(in_acme: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = %s::regnamespace "
            "AND p.proname LIKE 'ledger%%' AND has_function_privilege('public', p.oid, 'EXECUTE')",
            [in_acme.schema_name],
        )

        assert cursor.fetchall() == []


def test_the_hot_tables_have_room_for_hot_updates(in_acme: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, (SELECT option_value FROM pg_options_to_table(reloptions) "
            "WHERE option_name = 'fillfactor') FROM pg_class "
            "WHERE relnamespace = %s::regnamespace AND relname LIKE 'credits%%' "
            "AND relkind = 'r' AND reloptions IS NOT NULL ORDER BY 1",
            [in_acme.schema_name],
        )

        assert cursor.fetchall() == [
            ("credits_balance", "50"),
            ("credits_capcounter", "50"),
            ("credits_reservation", "70"),
        ]


@contextmanager
def explained() -> Iterator[list[str]]:
    """Collect the plan of every statement inside, those in functions included."""
    plans: list[str] = []

    def keep(notice: object) -> None:
        plans.append(str(getattr(notice, "message_primary", "")))

    with connection.cursor() as cursor:
        try:
            cursor.execute("LOAD 'auto_explain'")
        except DatabaseError:
            pytest.skip("only a superuser may load auto_explain")
        for option in (
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_nested_statements = on",
            "client_min_messages = log",
        ):
            cursor.execute(f"SET LOCAL {option}")
        raw = connection.connection
        raw.add_notice_handler(keep)
        try:
            yield plans
        finally:
            raw.remove_notice_handler(keep)
            cursor.execute("SET LOCAL auto_explain.log_min_duration = -1")


def test_plans_are_index_scans_even_while_the_tables_are_empty(branch: Branch) -> None:
    with explained() as plans:
        every_step(branch)
        one_batch(branch)

    # The functions name their tables in full; Django's own statements do not.
    ours = [plan for plan in plans if f'"{current_schema()}".credits_' in plan]
    assert len(ours) > 50
    # The last one would mean that the order of payers is worked out for every wallet each time.
    unwanted = (
        "Seq Scan on",
        "Bitmap",
        "Hash Join",
        "Merge Join",
        "Function Scan on ledger_payers",
    )
    for scan in unwanted:
        assert [plan for plan in ours if scan in plan] == []


# -- append-only -----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["credits_act", "credits_transfer", "credits_usageevent"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_history_is_only_added_to(branch: Branch, table: str, statement: str) -> None:
    allocate(branch.organization, 100)
    spend(branch.organization, 10)

    refusal = pytest.raises(DatabaseError, match=f"{table} is append-only")
    with connection.cursor() as cursor:
        # Postgres would otherwise refuse to truncate for a reason of its own.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with refusal, transaction.atomic():
            cursor.execute(statement.format(table))


def test_retention_may_remove_history(branch: Branch) -> None:
    allocate(branch.organization, 100)
    spend(branch.organization, 10)

    with purging(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM credits_usageevent WHERE product = 'testing'")

        assert cursor.rowcount == 1


def test_the_template_is_installed_too(db: None) -> None:
    with in_template(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_verify()")

        assert cursor.fetchone() == (0,)
