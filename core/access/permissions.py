"""The codenames that each role carries: the one table that decides what a person may do.

A codename is `<product>.<verb>_<noun>`, or `account.…` for the account as a whole. Super admins
are the users of the public schema and carry `platform.…`. `is_staff` and `is_superuser` decide
nothing.
"""

from collections.abc import Iterable
from typing import Any

from core.access.scopes import roles_of, scope_of
from core.identity.models import Role, User
from core.kit.problems import NotAllowed
from core.tenancy.context import in_account_schema

PRODUCTS = ("copilot", "console")

_ADMIN_OF_A_PRODUCT = (
    "view_overview",
    "view_hierarchy",
    "manage_hierarchy",
    "view_organizations",
    "manage_organizations",
    "manage_teams",
    "manage_admins",
    "view_credits",
    "manage_credits",
    "view_llms",
    "manage_llms",
    "view_access",
    "manage_access",
    "view_guardrails",
    "manage_guardrails",
    "view_usage",
    "view_audit",
    "manage_clients",
    "use",
)
# Who administers a branch has these in the branch alone: what each page shows and changes is
# limited by `core.access.scopes`.
_TEAM_ADMIN = (
    "view_overview",
    "view_hierarchy",
    "manage_hierarchy",
    "manage_admins",
    "view_credits",
    "manage_credits",
    "view_usage",
    "view_audit",
    "view_access",
    "manage_access",
    "use",
)
_ORGANIZATION_ADMIN = (*_TEAM_ADMIN, "view_organizations", "manage_teams")
_KEYS = ("manage_keys", "own_keys", "view_keys", "view_logs", "view_content")
# A company's own contracts with providers are for its account admins.
_DEPLOYMENTS = ("manage_deployments",)
_MEMBER_OF_A_PRODUCT = ("use",)


def _of(product: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{product}.{name}" for name in names)


ROLE_CODENAMES: dict[tuple[Role, str], frozenset[str]] = {
    (Role.ACCOUNT_ADMIN, ""): frozenset(
        {"account.view_overview", "account.manage_admins", "account.view_people"}
    )
    | _of("copilot", _ADMIN_OF_A_PRODUCT)
    | _of("console", (*_ADMIN_OF_A_PRODUCT, *_KEYS, *_DEPLOYMENTS, "manage_content")),
    (Role.ORGANIZATION_ADMIN, "copilot"): _of("copilot", _ORGANIZATION_ADMIN),
    (Role.ORGANIZATION_ADMIN, "console"): _of("console", (*_ORGANIZATION_ADMIN, *_KEYS)),
    (Role.TEAM_ADMIN, "copilot"): _of("copilot", _TEAM_ADMIN),
    (Role.TEAM_ADMIN, "console"): _of("console", (*_TEAM_ADMIN, *_KEYS)),
    (Role.MEMBER, "copilot"): _of("copilot", _MEMBER_OF_A_PRODUCT),
    (Role.MEMBER, "console"): _of(
        "console",
        (*_MEMBER_OF_A_PRODUCT, "own_keys", "view_keys", "view_logs", "view_content", "view_llms"),
    ),
}

PLATFORM_CODENAMES = frozenset(
    {
        "platform.view_overview",
        "platform.manage_accounts",
        "platform.manage_credits",
        "platform.manage_catalogue",
        "platform.view_audit",
        "platform.manage_super_admins",
    }
)

ALL_CODENAMES = PLATFORM_CODENAMES.union(*ROLE_CODENAMES.values())


def permissions_of(user: Any) -> frozenset[str]:
    """Return the codenames that a user of the current schema carries; kept on the user."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return frozenset()
    kept: frozenset[str] | None = getattr(user, "_cockpit_codenames", None)
    if kept is None:
        kept = _read_permissions(user)
        user._cockpit_codenames = kept  # noqa: SLF001  lives as long as the request's user
    return kept


def may(user: Any, codename: str) -> bool:
    """Whether the user carries the codename."""
    assert codename in ALL_CODENAMES, codename
    return codename in permissions_of(user)


def require(user: Any, codename: str) -> None:
    """Pass, or say who can help.

    Raises:
        NotAllowed: the user does not carry the codename.
    """
    if not may(user, codename):
        raise NotAllowed("Your role does not include this. An account admin can change that.")


def _read_permissions(user: User) -> frozenset[str]:
    if not in_account_schema():
        return PLATFORM_CODENAMES
    held = [(Role(role), product) for role, product in roles_of(user)]
    for product in PRODUCTS:
        scope = scope_of(user, product)
        held += [(Role.ORGANIZATION_ADMIN, product)] if scope.organizations else []
        held += [(Role.TEAM_ADMIN, product)] if scope.teams else []
    return frozenset().union(*(ROLE_CODENAMES.get(role, frozenset()) for role in held))
