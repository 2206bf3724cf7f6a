"""The two looks of unfold: one for an account's cockpit, one for super admins."""

from typing import Any

from django.templatetags.static import static


def _asset(path: str) -> Any:
    return lambda request: static(path)  # noqa: ARG005  unfold passes the request


_COMMON: dict[str, Any] = {
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "STYLES": [
        _asset("cockpit/css/cockpit.css"),
        _asset("cockpit/css/parts.css"),
        _asset("cockpit/css/people.css"),
        _asset("cockpit/css/shell.css"),
        _asset("cockpit/css/access.css"),
        _asset("cockpit/css/credits.css"),
        _asset("cockpit/css/console.css"),
    ],
    "SCRIPTS": [
        _asset("cockpit/js/cockpit.js"),
        _asset("cockpit/js/shell.js"),
        _asset("cockpit/js/credits.js"),
        _asset("cockpit/js/people.js"),
        _asset("cockpit/js/playground-code.js"),
        _asset("cockpit/js/playground-pane.js"),
        _asset("cockpit/js/playground.js"),
    ],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _asset("cockpit/img/favicon.svg")}
    ],
    "ENVIRONMENT": "cockpit.navigation.environment",
    "ACCOUNT": {
        "navigation": [
            {"title": "Profile and security", "link": "/profile/"},
        ],
    },
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.314)",
            "100": "oklch(93% .034 272.788)",
            "200": "oklch(87% .065 274.039)",
            "300": "oklch(78.5% .115 274.713)",
            "400": "oklch(67.3% .182 276.935)",
            "500": "oklch(58.5% .233 277.117)",
            "600": "oklch(51.1% .262 276.966)",
            "700": "oklch(45.7% .24 277.023)",
            "800": "oklch(39.8% .195 277.366)",
            "900": "oklch(35.9% .144 278.697)",
            "950": "oklch(25.7% .09 281.288)",
        },
    },
}

UNFOLD_ACCOUNT: dict[str, Any] = {
    **_COMMON,
    "SITE_TITLE": "Cockpit",
    "SITE_HEADER": "cockpit.navigation.account_name",
    "SITE_SUBHEADER": "cockpit.navigation.product_title",
    "SITE_SYMBOL": "cockpit.navigation.product_symbol",
    "COMMAND": {"search_callback": "cockpit.palette.search"},
    "SITE_DROPDOWN": "cockpit.navigation.product_switch",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "cockpit.navigation.account_sidebar",
    },
}

UNFOLD_SUPER: dict[str, Any] = {
    **_COMMON,
    "SITE_TITLE": "Cockpit platform",
    "SITE_HEADER": "Cockpit",
    "SITE_SUBHEADER": "Platform",
    "SITE_SYMBOL": "rocket_launch",
    "COMMAND": {"search_callback": "cockpit.palette.search_platform"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "cockpit.navigation.super_sidebar",
    },
}
