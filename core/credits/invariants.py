"""What must hold in every account at every moment: the SQL function `ledger_verify` says it."""

from dataclasses import dataclass

from django.db import connection

from core.tenancy.context import in_account_schema


@dataclass(frozen=True, slots=True)
class Broken:
    """One row that breaks an invariant."""

    invariant: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.detail}"


def broken_invariants() -> list[Broken]:
    """Return every row of the current account's ledger that breaks an invariant."""
    assert in_account_schema(), "Whose ledger?"
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM ledger_verify()")
        return [Broken(*row) for row in cursor.fetchall()]
