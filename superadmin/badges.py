"""Small pieces of HTML in lists: badges and numbers, as the components draw them."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.credentials import CredentialState
from tenants.models import Account, AccountState, StatementState

_STATES = {
    AccountState.ACTIVE: ("success", "check_circle"),
    AccountState.SUSPENDED: ("warning", "pause_circle"),
    AccountState.ARCHIVED: ("", "archive"),
}

_STATEMENTS = {
    StatementState.OPEN: ("warning", "pending"),
    StatementState.INVOICED: ("info", "receipt"),
    StatementState.SETTLED: ("success", "task_alt"),
}


def badge(text: Any, tone: str = "", icon: str = "", title: str = "") -> SafeString:
    """Return a badge as `components/badge.html` draws it."""
    mark = (
        format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', icon)
        if icon
        else ""
    )
    return format_html(
        '<span class="ck-badge{}" title="{}">{}{}</span>',
        f" ck-badge--{tone}" if tone else "",
        title,
        mark,
        text,
    )


def number(text: Any) -> SafeString:
    """Return a number that lines up with those above and below."""
    return format_html('<span class="ck-end">{}</span>', text)


def two_lines(mark: Any, name: Any, more: Any) -> SafeString:
    """Return a row's name with what tells it apart below, beside a mark of a few letters."""
    return format_html(
        '<span class="ck-who"><span class="ck-avatar ck-avatar--square" aria-hidden="true">{}'
        '</span><span class="ck-who__text"><span class="ck-who__name">{}</span>'
        '<span class="ck-who__more">{}</span></span></span>',
        mark,
        name,
        more,
    )


def state_badge(account: Account) -> SafeString:
    """Return the state of an account."""
    tone, icon = _STATES[AccountState(account.state)]
    return badge(account.get_state_display(), tone, icon)


def statement_badge(state: str) -> SafeString:
    """Return how far a statement is."""
    tone, icon = _STATEMENTS[StatementState(state)]
    return badge(StatementState(state).label, tone, icon)


def credential_badge(state: CredentialState | None) -> SafeString:
    """Return the state of a credential; never more of it than its last four characters."""
    if state is None:
        return badge(_("Runs nowhere"), "danger", "cloud_off")
    if state.source == "sealed":
        ending = f" …{state.last_four}" if state.last_four else ""
        return badge(format_html("{}{}", _("Own key"), ending), "success", "key")
    if state.source == "environment":
        return badge(_("Key from environment"), "success", "terminal", title=state.variable)
    if state.source == "unneeded":
        return badge(_("Needs none"), "success", "lock_open")
    if state.source == "demo":
        return badge(_("Demo answers"), "info", "theater_comedy")
    return badge(_("None"), "danger", "key_off", title=state.reason)
