"""What a token may be used for. A scope narrows; it never adds to what its bearer may do."""

from collections.abc import Collection, Iterable

from core.kit.problems import InvalidInput

GATEWAY = "gateway"
RUNTIME = "runtime"
MANAGE = "manage"
PEOPLE_READ = "people:read"
PEOPLE_WRITE = "people:write"
AUDIT_READ = "audit:read"
CREDITS_READ = "credits:read"
CREDITS_WRITE = "credits:write"
KEYS_READ = "keys:read"
KEYS_WRITE = "keys:write"
LOGS_READ = "logs:read"
ACCESS_READ = "access:read"
ACCESS_WRITE = "access:write"

SCOPES: dict[str, str] = {
    GATEWAY: "Call LLMs and tools through the gateway",
    RUNTIME: "Read what a member may use, reserve credits, report usage",
    MANAGE: "Change the cockpit with the member's own rights",
    PEOPLE_READ: "Read organizations, teams, members and invitations",
    PEOPLE_WRITE: "Create, rename, move and archive organizations, teams and members; invite",
    AUDIT_READ: "Read the audit log",
    CREDITS_READ: "Read plan, wallets, movements and caps",
    CREDITS_WRITE: "Allocate, split, move and reclaim credits; set caps",
    KEYS_READ: "Read virtual keys, never their tokens",
    KEYS_WRITE: "Create, change, rotate and revoke virtual keys",
    LOGS_READ: "Read the logs of calls, without their content",
    ACCESS_READ: "Read who may use which LLM, feature and resource, and why",
    ACCESS_WRITE: "Switch LLMs on, set policies and features, grant and share",
}

# What a scope lets through, as codenames without their product. In a user token it narrows what
# the member may do; to a client app's own token it gives exactly this, in the app's product.
SCOPE_CODENAMES: dict[str, frozenset[str]] = {
    PEOPLE_READ: frozenset({"view_hierarchy"}),
    PEOPLE_WRITE: frozenset(
        {"view_hierarchy", "manage_hierarchy", "manage_teams", "manage_organizations"}
    ),
    AUDIT_READ: frozenset({"view_audit"}),
    CREDITS_READ: frozenset({"view_credits"}),
    CREDITS_WRITE: frozenset({"view_credits", "manage_credits"}),
    KEYS_READ: frozenset({"view_keys"}),
    KEYS_WRITE: frozenset({"view_keys", "own_keys"}),
    LOGS_READ: frozenset({"view_logs"}),
    ACCESS_READ: frozenset({"view_llms", "view_access"}),
    ACCESS_WRITE: frozenset({"view_llms", "view_access", "manage_llms", "manage_access"}),
}

# A client app gets what running agents needs; changing the cockpit is given on purpose.
DEFAULT_SCOPES = (GATEWAY, RUNTIME)


def checked_scopes(scopes: Iterable[str]) -> list[str]:
    """Return the scopes once each, in the order of the table above.

    Raises:
        InvalidInput: one of them does not exist, or there is none.
    """
    wanted = set(scopes)
    unknown = wanted - set(SCOPES)
    if unknown or not wanted:
        raise InvalidInput(
            f"Choose from {', '.join(SCOPES)}.",
            errors=[{"pointer": "/scopes", "code": "scope", "detail": "Unknown or no scope."}],
        )
    return in_order(wanted)


def covers(scopes: Collection[str], verb: str) -> bool:
    """Whether one of the scopes lets a codename through, given without its product."""
    return any(verb in SCOPE_CODENAMES.get(scope, ()) for scope in scopes)


def scopes_with(verb: str) -> list[str]:
    """Return the scopes that let a codename through, given without its product."""
    return [scope for scope in SCOPES if verb in SCOPE_CODENAMES.get(scope, ())]


def in_order(scopes: Collection[str]) -> list[str]:
    """Return scopes in the order of the table, so that equal sets read the same."""
    return [scope for scope in SCOPES if scope in scopes]
