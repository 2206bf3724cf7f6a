"""DRF, its OpenAPI document, and how often one may call."""

from cockpit.settings import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (),
    "DEFAULT_PERMISSION_CLASSES": ("core.api.permissions.DenyAll",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
    "DEFAULT_PARSER_CLASSES": ("core.api.parsers.SafeJSONParser",),
    "EXCEPTION_HANDLER": "core.api.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}

# How many fit into a minute; core/api/throttling.py says of what.
API_LIMITS = {
    "calls": env.number("COCKPIT_API_CALLS_A_MINUTE", 1200, low=10, high=1_000_000),
    "refused": 300,
    "wrong_secrets": 10,
    "wrong_secrets_of_address": 60,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Cockpit API",
    "DESCRIPTION": "Users, access, credits and tokens of one account.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "LlmKind": "tenants.rules.LLM_KINDS",
        "CallOutcome": "console.api.v1.logs.shapes.OUTCOMES",
        "KeyState": "console.api.v1.keys.shapes.STATES",
        "NodeState": "core.hierarchy.states.NODE_STATES",
        "MemberState": "core.hierarchy.states.MEMBER_STATES",
        "InvitationState": "core.hierarchy.states.INVITATION_STATES",
        "WalletKind": "core.api.credits.shapes.WALLET_KINDS",
        "TransferKind": "core.api.credits.shapes.TRANSFER_KINDS",
        "CycleState": "core.api.credits.shapes.CYCLE_STATES",
        "AccountState": "superadmin.api.v1.accounts.ACCOUNT_STATES",
        "StatementState": "core.api.credits.shapes.STATEMENT_STATES",
        "NodeKind": "core.access.rules.paths.KINDS",
        "SwitchState": "core.api.access.shapes.SWITCH_STATES",
    },
}
