"""What a token may be used for. A scope narrows; it never adds to what its bearer may do."""

from collections.abc import Collection, Iterable

from core.kit.problems import InvalidInput

GATEWAY = "gateway"
RUNTIME = "runtime"
MANAGE = "manage"

SCOPES: dict[str, str] = {
    GATEWAY: "Call LLMs and tools through the gateway",
    RUNTIME: "Read what a member may use, reserve credits, report usage",
    MANAGE: "Change the cockpit with the member's own rights",
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


def in_order(scopes: Collection[str]) -> list[str]:
    """Return scopes in the order of the table, so that equal sets read the same."""
    return [scope for scope in SCOPES if scope in scopes]
