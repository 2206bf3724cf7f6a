"""`manage.py verify_audit`: silent pride, or a line for each row that is wrong."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from core.audit.models import AuditEntry
from core.audit.sealing import seal_batch
from core.tenancy.append_only import purging
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tenants.services.anchors import anchor_chain


def _run(*args: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("verify_audit", *args, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    return out.getvalue(), 0


@pytest.fixture
def sealed(acme: Account, globex: Account) -> None:
    for schema in (in_public(), in_account(acme), in_account(globex)):
        with schema:
            while seal_batch():
                pass
            anchor_chain()


def test_all_is_well(sealed: None) -> None:
    said, code = _run()

    assert code == 0
    assert [line.partition(":")[0] for line in said.splitlines()] == ["platform", "acme", "globex"]
    assert all("whole" in line for line in said.splitlines())


def test_what_is_wrong_is_named_and_only_there(sealed: None, acme: Account) -> None:
    with in_account(acme), transaction.atomic(), purging(), connection.cursor() as cursor:
        victim = AuditEntry.objects.order_by("id").first()
        assert victim is not None
        cursor.execute("DELETE FROM audit_auditentry WHERE id = %s", [victim.pk])

    said, code = _run()
    alone, code_of_globex = _run("globex")

    assert code == 1
    assert f"acme: missing (seal 1): entry {victim.pk} is gone" in said
    assert "globex: whole" in said
    assert (alone.count("\n"), code_of_globex) == (1, 0)


def test_an_account_that_does_not_exist_is_said_so(sealed: None) -> None:
    with pytest.raises(CommandError, match="no account called nobody"):
        _run("nobody")
