"""Functions and triggers of one schema: what a copy of tables does not carry."""

from core.credits.install import install_ledger
from core.tenancy.append_only import install_append_only


def install_schema(schema: str) -> None:
    """Install ledger functions and append-only triggers in an account's schema. Idempotent."""
    install_ledger(schema)
    install_append_only(schema, "audit_auditentry")
    install_append_only(schema, "audit_auditseal")


def install_public() -> None:
    """Install what the public schema needs beyond its tables. Idempotent."""
    install_append_only("public", "audit_auditentry")
    install_append_only("public", "audit_auditseal")
    install_append_only("public", "tenants_auditanchor")
