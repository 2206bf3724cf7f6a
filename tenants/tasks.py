"""Jobs of an account that write about it in the public schema."""

from core.tenancy.context import current_schema, in_public
from core.tenancy.jobs import account_id_of_schema, account_job
from tenants.models import Account
from tenants.services import figures


@account_job(name="tenants.push_figures")
def push_figures() -> None:
    """Bring the current account's public figures up to date."""
    account_id = account_id_of_schema(current_schema())
    with in_public():
        account = Account.objects.get(pk=account_id)
    figures.push_figures(account=account)
