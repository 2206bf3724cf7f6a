"""What deserves a super admin's attention."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import F, Max, Q

from core.kit.clock import now
from superadmin import rules
from superadmin.selectors.catalogue import catalogue_rows
from tenants.models import Account, AccountFigure, AccountState

# More accounts with the same trouble have one cause, and one alert.
_NAMED = 2
_ACCOUNTS_LOOKED_AT = 16


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that deserves attention: a sentence and the page to go to."""

    tone: str
    icon: str
    text: str
    href: str

    @property
    def rank(self) -> int:
        """The gravest come first."""
        return ("bad", "warn", "info").index(self.tone)


def alerts() -> list[Alert]:
    """Return what deserves attention, the gravest first."""
    return sorted([*_account_alerts(), *_catalogue_alerts()], key=lambda alert: alert.rank)


def _account_alerts() -> list[Alert]:
    """Return what is wrong with accounts."""
    tight = AccountFigure.objects.filter(
        Q(granted_microcredits__gt=0)
        & Q(left_microcredits__lt=F("granted_microcredits") / (100 // rules.NEARLY_OUT_PERCENT))
        | Q(overflow_used_microcredits__gt=0)
    )
    figures = tight.filter(account__state=AccountState.ACTIVE).select_related("account")
    found = [
        alert
        for figure in figures.order_by("left_microcredits", "pk")[:_ACCOUNTS_LOOKED_AT]
        for alert in alerts_of(figure)
    ]
    return [*found, *_state_alerts()]


def alerts_of(figure: AccountFigure) -> list[Alert]:
    """Return what is wrong with the credits of one product of an account."""
    name, product = figure.account.name, figure.product.capitalize()
    href = f"/accounts/{figure.account.slug}/credits/"
    granted, left = figure.granted_microcredits, figure.left_microcredits
    overflow = figure.overflow_used_microcredits
    limit = figure.overflow_limit_microcredits
    found = []
    if rules.is_out(granted=granted, left=left) and overflow >= limit:
        found.append(Alert("bad", "money_off", f"{name} is out of {product} credits", href))
    elif rules.is_out(granted=granted, left=left):
        found.append(Alert("warn", "waves", f"{name} lives on {product} overflow", href))
    elif rules.is_nearly_out(granted=granted, left=left):
        share = round(left * 100 / granted)
        text = f"{name} has {share} % of its {product} credits left"
        found.append(Alert("warn", "battery_low", text, href))
    if rules.is_deep_in_overflow(used=overflow, limit=limit) and overflow < limit:
        share = round(overflow * 100 / limit)
        text = f"{name} has drawn {share} % of its {product} overflow"
        found.append(Alert("warn", "waves", text, href))
    return found


def _state_alerts() -> list[Alert]:
    """Return which accounts are closed, or say nothing of themselves; together if many."""
    open_accounts = Account.objects.exclude(state=AccountState.ARCHIVED)
    rows = open_accounts.annotate(as_of=Max("figures__as_of")).filter(
        Q(state=AccountState.SUSPENDED) | Q(as_of=None) | Q(as_of__lt=now() - rules.STALE_AFTER)
    )
    suspended, missing, stale = [], [], []
    for account in rows.order_by("name"):
        if account.state == AccountState.SUSPENDED:
            suspended.append(account)
        elif account.as_of is None:
            missing.append(account)
        else:
            stale.append(account)
    return [
        *_about(
            stale,
            Alert("warn", "sync_problem", "", ""),
            one="The figures of {} are out of date: is the worker running?",
            many="The figures of {} accounts are out of date: is the worker running?",
        ),
        *_about(
            missing,
            Alert("info", "hourglass_empty", "", ""),
            one="{} has no figures yet",
            many="{} accounts have no figures yet",
        ),
        *_about(
            suspended,
            Alert("info", "pause_circle", "", ""),
            one="{} is suspended",
            many="{} accounts are suspended",
        ),
    ]


def _about(accounts: Sequence[Account], like: Alert, *, one: str, many: str) -> list[Alert]:
    if len(accounts) > _NAMED:
        return [replace(like, text=many.format(len(accounts)), href="/tenants/account/")]
    return [
        replace(like, text=one.format(account), href=f"/accounts/{account.slug}/")
        for account in accounts
    ]


def _catalogue_alerts() -> list[Alert]:
    found = []
    for row in catalogue_rows():
        href = f"/llms/{row.llm.pk}/"
        if row.price is None:
            text = f"{row.llm} has no price: every call to it is refused"
            found.append(Alert("warn", "sell", text, href))
        elif row.credential is None or row.credential.source == "none":
            text = f"{row.llm} has no credential: it is left out for every account"
            found.append(Alert("warn", "key_off", text, href))
    return found
