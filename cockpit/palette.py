"""The palette (Ctrl+K) of an account: actions, pages, people, places, LLMs and keys.

Everything comes through `_for` selectors and codenames, and nothing is kept: whoever loses a
right finds nothing from the next letter on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from cockpit.navigation import search_pages
from console.selectors.keys import active_keys, keys_for
from console.selectors.own_llms import offered_llms as console_llms
from core.access.permissions import may
from core.access.scopes import scope_of
from core.access.selectors import active_llm_ids
from core.hierarchy.product import Product, products
from core.hierarchy.selectors import members_for, organizations_for, teams_for
from core.identity.search import people_matching
from core.ui.context import current_product
from core.ui.sites import RESULTS_OF_A_KIND, Result
from tenants.selectors import offered_llms


@dataclass(frozen=True, slots=True)
class _Action:
    title: str
    icon: str
    path: str
    permission: str
    words: str = ""


_ACTIONS = (
    _Action("Invite a member", "person_add", "/{p}/member/add/", "{p}.manage_hierarchy", "add"),
    _Action("Create a team", "group_add", "/{p}/team/add/", "{p}.manage_teams", "new add"),
    _Action(
        "Create an organization",
        "domain_add",
        "/{p}/organization/add/",
        "{p}.manage_organizations",
        "new add",
    ),
    _Action("Allocate credits", "payments", "/{p}/credits/", "{p}.manage_credits", "split give"),
    _Action("Switch an LLM on or off", "toggle_on", "/{p}/llms/", "{p}.manage_llms", "model"),
    _Action("New client app", "add_box", "/{p}/clients/#new", "{p}.manage_clients", "create"),
    _Action("New key", "vpn_key", "/console/keys/#new-key", "console.own_keys", "create virtual"),
    _Action(
        "Appoint an account admin",
        "admin_panel_settings",
        "/admins/",
        "account.manage_admins",
        "invite add role",
    ),
    _Action("Change your password", "password", "/password/change/", "", "security"),
    _Action("Choose what comes by mail", "mail", "/profile/#notifications", "", "notifications"),
)

_PLATFORM_ACTIONS = (
    _Action("Create an account", "domain_add", "/accounts/new/", "platform.manage_accounts", "new"),
    _Action("Add an LLM", "add_box", "/llms/new/", "platform.manage_catalogue", "new model"),
    _Action(
        "Add a super admin",
        "person_add",
        "/super-admins/new/",
        "platform.manage_super_admins",
        "new invite",
    ),
)


def search(request: HttpRequest, term: str) -> list[Result]:
    """Return what fits, the product in view first; without a term what can be done and opened."""
    shown = current_product(request)
    order = sorted(products(), key=lambda product: product.slug != shown)
    found = [*_actions(request, order, term), *_pages(request, term)]
    if term:
        for finder in _FINDERS:
            for product in order:
                found += finder(request, product, term)
        found += _keys(request, term)
    return found


def search_platform(request: HttpRequest, term: str) -> list[Result]:
    """Return pages and actions of the platform; the site adds rows of its lists."""
    pages = _pages(request, term)
    actions = [
        Result(_("Actions"), action.title, "", action.path, action.icon)
        for action in _PLATFORM_ACTIONS
        if may(request.user, action.permission) and _fits(term, f"{action.title} {action.words}")
    ]
    return [*actions, *pages]


def _actions(request: HttpRequest, order: list[Product], term: str) -> list[Result]:
    found: dict[str, Result] = {}
    for product in order:
        for action in _ACTIONS:
            permission = action.permission.format(p=product.slug)
            if permission and not may(request.user, permission):
                continue
            path = action.path.format(p=product.slug)
            where = product.title if "{p}" in action.path else ""
            if _fits(term, f"{action.title} {action.words} {where}"):
                found.setdefault(path, Result(_("Actions"), action.title, where, path, action.icon))
    # Before anything is typed, only what concerns the product in view.
    return list(found.values())[: None if term else 5]


def _pages(request: HttpRequest, term: str) -> list[Result]:
    shown = current_product(request)
    rows = search_pages(request, term)
    if not term:
        rows = [row for row in rows if not row.link.startswith(_others(shown))]
    # What is called so comes before what has the word among others.
    rows.sort(key=lambda row: term.lower() not in row.title.lower())
    return [
        Result(_("Pages"), row.title, row.description or "", row.link, row.icon or "")
        for row in rows
    ]


def _organizations(request: HttpRequest, product: Product, term: str) -> list[Result]:
    rows = organizations_for(product, scope_of(request.user, product.slug))
    return _nodes(request, product, rows, term, kind="organization", icon="domain")


def _teams(request: HttpRequest, product: Product, term: str) -> list[Result]:
    rows = teams_for(product, scope_of(request.user, product.slug))
    return _nodes(request, product, rows, term, kind="team", icon="groups")


def _nodes(
    request: HttpRequest, product: Product, rows: QuerySet[Any], term: str, *, kind: str, icon: str
) -> list[Result]:
    if not may(request.user, f"{product.slug}.view_hierarchy"):
        return []
    for word in term.split():
        rows = rows.filter(name__icontains=word)
    named = rows.filter(archived_at=None).values_list("pk", "name")[:RESULTS_OF_A_KIND]
    title = {"organization": _("Organizations"), "team": _("Teams")}[kind]
    return [
        Result(title, name, product.title, f"/{product.slug}/{kind}/{pk}/change/", icon)
        for pk, name in named
    ]


def _members(request: HttpRequest, product: Product, term: str) -> list[Result]:
    if not may(request.user, f"{product.slug}.view_hierarchy"):
        return []
    rows = members_for(product, scope_of(request.user, product.slug))
    # Unsorted: ordering would read everybody whose name begins so, and typing on narrows it down.
    rows = people_matching(rows.filter(archived_at=None).order_by(), term, user="user__")
    named = rows.values_list("pk", "user__name", "user__email")[:RESULTS_OF_A_KIND]
    return [
        Result(
            _("Members"),
            name or email,
            f"{email} · {product.title}",
            f"/{product.slug}/member/{pk}/change/",
            "person",
        )
        for pk, name, email in sorted(named, key=lambda row: (row[1], row[2]))
    ]


def _llms(request: HttpRequest, product: Product, term: str) -> list[Result]:
    if not may(request.user, f"{product.slug}.view_llms"):
        return []
    sees_all = may(request.user, f"{product.slug}.manage_llms")
    on = active_llm_ids(product.slug)
    read = console_llms if product.slug == "console" else offered_llms
    rows = read(request.account.pk, product.slug)  # type: ignore[attr-defined]
    return [
        Result(
            _("LLMs"),
            llm.title,
            f"{llm.name} · {product.title} · {_('on') if llm.pk in on else _('off')}",
            f"/{product.slug}/llms/",
            "neurology",
        )
        for llm in rows
        if (sees_all or llm.pk in on) and _fits(term, f"{llm.title} {llm.name} {llm.vendor}")
    ][:RESULTS_OF_A_KIND]


def _keys(request: HttpRequest, term: str) -> list[Result]:
    rows = active_keys(keys_for(request.user))  # type: ignore[arg-type]
    rows = rows.filter(Q(name__icontains=term) | Q(last_four=term[-4:]))
    return [
        Result(
            _("Virtual keys"),
            key.name,
            f"ck_…{key.last_four} · {key.owner}",
            f"/console/keys/{key.pk}/",
            "key",
        )
        for key in rows[:RESULTS_OF_A_KIND]
    ]


_FINDERS: tuple[Callable[[HttpRequest, Product, str], Iterable[Result]], ...] = (
    _members,
    _teams,
    _organizations,
    _llms,
)


def _fits(term: str, text: str) -> bool:
    text = text.lower()
    return all(word in text for word in term.lower().split())


def _others(shown: str) -> tuple[str, ...]:
    return tuple(f"/{product.slug}/" for product in products() if product.slug != shown)
