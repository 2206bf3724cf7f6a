"""How a user token becomes a principal of Copilot."""

from uuid import UUID

from copilot.product import PRODUCT
from core.gateway.ports import Principal
from core.gateway.principals import principal_of_member
from core.tenancy.context import AccountRef
from core.tokens.jwt import UserToken


def principal_for_user_token(
    account: AccountRef, token: UserToken, *, client_app_id: UUID | None, team: str | None
) -> Principal:
    """Return who calls: a client app for a member, or a page of Copilot. Runs inside the account.

    Raises:
        NotAllowed: the member has no active seat any more, or is not in the team.
    """
    return principal_of_member(
        PRODUCT, account=account, token=token, client_app_id=client_app_id, team=team
    )
