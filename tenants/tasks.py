"""Jobs of an account that write about it in the public schema."""

from core.tenancy.context import current_schema, in_public
from core.tenancy.jobs import account_id_of_schema, account_job, fan_out, platform_job
from tenants.models import Account
from tenants.services import anchors, figures, statements


@account_job(name="tenants.push_figures")
def push_figures() -> None:
    """Bring the current account's public figures up to date."""
    account_id = account_id_of_schema(current_schema())
    with in_public():
        account = Account.objects.get(pk=account_id)
    figures.push_figures(account=account)
    statements.push_statements(account=account)


@platform_job(name="platform.anchor_audit")
def anchor_all() -> int:
    """Anchor the platform's own audit chain, then start `tenants.anchor_audit` in each account."""
    anchors.anchor_chain()
    return fan_out("tenants.anchor_audit")


@account_job(name="tenants.anchor_audit")
def anchor_audit() -> None:
    """Keep the head of the current account's audit chain in the public schema."""
    anchors.anchor_chain()
