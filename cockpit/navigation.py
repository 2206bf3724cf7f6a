"""The two sidebars, the product switch, and the pages that the palette finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from unfold.dataclasses import SearchResult

from core.access.permissions import permissions_of
from core.ui.context import current_product, home_of

_PRODUCTS = {"copilot": ("Copilot", "smart_toy"), "console": ("Console", "terminal")}


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in a sidebar. `path` and `permission` may hold {product}."""

    title: str
    icon: str
    path: str
    permission: str
    words: str = ""
    # The letter that opens it after `g`; see the help on the keyboard.
    key: str = ""
    # Where the pages of one of its rows live, if not below `path`.
    below: str = ""


# The same skeleton in both products, so that nobody feels two of them.
_PRODUCT_GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry("Overview", "space_dashboard", "/{product}/", "{product}.view_overview", key="o"),
            Entry("My page", "person", "/{product}/me/", "{product}.use", "own usage credits", "h"),
        ),
    ),
    (
        "People",
        (
            Entry(
                "Organizations",
                "domain",
                "/{product}/organization/",
                "{product}.view_organizations",
            ),
            Entry("Teams", "groups", "/{product}/team/", "{product}.view_hierarchy", key="t"),
            Entry(
                "Members", "badge", "/{product}/member/", "{product}.view_hierarchy", "people", "m"
            ),
            Entry(
                "Administrators",
                "supervisor_account",
                "/{product}/administrators/",
                "{product}.manage_admins",
                "roles delegated organization team admins",
            ),
        ),
    ),
    (
        "Spending",
        (
            Entry(
                "Credits",
                "account_balance_wallet",
                "/{product}/credits/",
                "{product}.view_credits",
                "allocate wallet pool overflow budget",
                "c",
            ),
            Entry(
                "Usage",
                "monitoring",
                "/{product}/usage/",
                "{product}.view_usage",
                "calls cost events",
                "u",
            ),
        ),
    ),
    (
        "Access",
        (
            Entry(
                "LLMs", "neurology", "/{product}/llms/", "{product}.view_llms", "models prices", "l"
            ),
            Entry(
                "LLM access",
                "rule",
                "/{product}/llm-access/",
                "{product}.view_access",
                "policy allow block matrix",
            ),
            Entry(
                "Sharing",
                "share",
                "/{product}/sharing/",
                "{product}.view_access",
                "grants allow deny who has it client app",
            ),
            Entry(
                "Features",
                "toggle_on",
                "/{product}/features/",
                "{product}.view_access",
                "switches image generation keys",
            ),
            Entry(
                "Effective access",
                "troubleshoot",
                "/{product}/access/",
                "{product}.view_access",
                "why explain may member",
            ),
            Entry(
                "Guardrails", "shield", "/{product}/guardrails/", "{product}.view_guardrails", "pii"
            ),
        ),
    ),
)
_CONSOLE_GROUP = (
    "Developers",
    (
        Entry(
            "Quick start",
            "rocket_launch",
            "/console/start/",
            "console.own_keys",
            "first call code snippet curl python typescript base url",
            "s",
        ),
        Entry(
            "Own LLMs",
            "dns",
            "/console/deployments/",
            "console.manage_deployments",
            "deployments byo bring your own azure bedrock vllm ollama health",
        ),
        Entry("Virtual keys", "key", "/console/keys/", "console.own_keys", "api key token", "k"),
        Entry(
            "Playground",
            "experiment",
            "/console/playground/",
            "console.own_keys",
            "try chat prompt compare tools",
            "p",
        ),
        Entry(
            "Logs",
            "list_alt",
            "/console/logs/",
            "console.view_logs",
            "requests calls live tail",
            "r",
        ),
        Entry(
            "Costs",
            "payments",
            "/console/costs/",
            "console.view_logs",
            "spending money by key llm team day csv",
            "x",
        ),
        Entry(
            "Performance",
            "speed",
            "/console/performance/",
            "console.view_logs",
            "latency errors percentiles p95 p99 slow reasons health",
        ),
        Entry(
            "Content",
            "policy",
            "/console/content/",
            "console.manage_content",
            "retention privacy redact keep logging",
        ),
    ),
)
_SETTINGS_GROUP = (
    "Settings",
    (
        Entry(
            "Client apps",
            "apps",
            "/{product}/clients/",
            "{product}.manage_clients",
            "oauth secret alchemi",
        ),
        Entry(
            "API reference",
            "api",
            "/api/docs/{product}-v1/",
            "{product}.manage_clients",
            "rest openapi swagger documentation",
        ),
        Entry("Audit log", "history", "/{product}/audit/", "{product}.view_audit", "changes", "a"),
        Entry(
            "Account admins", "admin_panel_settings", "/admins/", "account.manage_admins", "roles"
        ),
    ),
)
_SUPER_GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("", (Entry("Overview", "space_dashboard", "/", "platform.view_overview", key="o"),)),
    (
        "Companies",
        (
            Entry(
                "Accounts",
                "domain",
                "/tenants/account/",
                "platform.manage_accounts",
                "companies",
                "t",
                below="/accounts/",
            ),
            Entry("New account", "domain_add", "/accounts/new/", "platform.manage_accounts"),
            Entry(
                "Overflow statements",
                "receipt_long",
                "/tenants/statementsummary/",
                "platform.manage_credits",
                "billing invoices",
                below="/statements/",
            ),
        ),
    ),
    (
        "Catalogue",
        (
            Entry(
                "LLMs and prices",
                "neurology",
                "/tenants/llm/",
                "platform.manage_catalogue",
                "models credentials",
                "l",
                below="/llms/",
            ),
        ),
    ),
    (
        "Platform",
        (
            Entry(
                "Super admins",
                "admin_panel_settings",
                "/identity/user/",
                "platform.manage_super_admins",
                below="/super-admins/",
            ),
            Entry(
                "API reference",
                "api",
                "/api/docs/",
                "platform.view_overview",
                "rest openapi endpoints",
            ),
            Entry("Audit log", "history", "/audit/", "platform.view_audit", "changes", "a"),
        ),
    ),
)


def account_sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar of the product in view, cut to what the person may open."""
    product = current_product(request)
    groups = [*_PRODUCT_GROUPS]
    if product == "console":
        groups.insert(1, _CONSOLE_GROUP)
    groups.append(_SETTINGS_GROUP)
    return _sidebar(request, groups, product=product)


def super_sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar of the platform."""
    return _sidebar(request, [*_SUPER_GROUPS], product="")


def product_switch(request: HttpRequest) -> list[dict[str, Any]]:
    """Copilot and Console, for those who have a place in them."""
    held, shown = permissions_of(request.user), current_product(request)
    return [
        {
            "icon": icon,
            "title": title,
            "link": home_of(slug, held),
            "attrs": {"current": slug == shown},
        }
        for slug, (title, icon) in _PRODUCTS.items()
        if f"{slug}.use" in held
    ]


def account_name(request: HttpRequest) -> str:
    """The company's name, above the product's."""
    account = getattr(request, "account", None)
    return account.name if account is not None else "Cockpit"


def product_title(request: HttpRequest) -> str:
    """The product in view."""
    return _PRODUCTS[current_product(request)][0]


def product_symbol(request: HttpRequest) -> str:
    """The icon of the product in view."""
    return _PRODUCTS[current_product(request)][1]


def environment(request: HttpRequest) -> list[str] | None:  # noqa: ARG001  unfold passes it
    """A label that nobody can miss while LLMs answer offline."""
    return ["Demo", "info"] if settings.DEMO else None


def search_pages(request: HttpRequest, term: str) -> list[SearchResult]:
    """Pages of the palette."""
    term = term.lower()
    groups = (
        super_sidebar(request)
        if getattr(request, "account", None) is None
        else [
            group
            for product in _PRODUCTS
            for group in _sidebar(
                request,
                [
                    *_PRODUCT_GROUPS,
                    *([_CONSOLE_GROUP] if product == "console" else []),
                    _SETTINGS_GROUP,
                ],
                product=product,
            )
        ]
    )
    # The account's own pages stand in both products' sidebars, and once in the palette.
    found = {
        item["link"]: SearchResult(
            title=item["title"], description=item["where"], link=item["link"], icon=item["icon"]
        )
        for group in groups
        for item in group["items"]
        if term in f"{item['title']} {item['words']}".lower()
    }
    return list(found.values())


def _sidebar(
    request: HttpRequest, groups: list[tuple[str, tuple[Entry, ...]]], *, product: str
) -> list[dict[str, Any]]:
    held = permissions_of(request.user)
    where = _PRODUCTS[product][0] if product else "Platform"
    sidebar = []
    for title, entries in groups:
        items = [
            {
                "title": entry.title,
                "icon": entry.icon,
                "link": entry.path.format(product=product),
                "active": _is_active(entry.path.format(product=product), below=entry.below),
                "words": entry.words,
                "key": entry.key,
                "where": where,
            }
            for entry in entries
            if entry.permission.format(product=product) in held
        ]
        if items:
            sidebar.append({"title": title, "items": items})
    return sidebar


def _is_active(path: str, *, below: str = "") -> Callable[[HttpRequest], bool]:
    # Overview pages are a prefix of all others.
    if path.count("/") <= 2 and path in {"/", "/copilot/", "/console/"}:
        return lambda request: request.path == path
    if not below:
        return lambda request: request.path.startswith(path)
    # The page that makes a new one has an entry of its own.
    return lambda request: (
        request.path != "/accounts/new/" and request.path.startswith((path, below))
    )
