"""Figures over all accounts, from the public tables only; never by visiting schemas."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.kit.clock import now
from superadmin import rules
from tenants.credentials import CredentialState, credential_states
from tenants.models import (
    Account,
    AccountFigure,
    AccountState,
    CreditFactor,
    DailyFigure,
    Llm,
    LlmOffer,
    PriceRow,
)
from tenants.selectors import catalogue

DAYS = 14
# The overview shows the busiest ones and leads to the list of all.
_ACCOUNTS_SHOWN = 25
_ALERTS_SHOWN = 8
# More accounts with the same trouble have one cause, and one alert.
_NAMED = 2


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over some days; `charged` are micro-credits."""

    calls: int = 0
    errors: int = 0
    charged: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def error_percent(self) -> float:
        """Failed calls among all, in percent."""
        return round(self.errors * 100 / self.calls, 1) if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: micro-credits by product, and calls."""

    day: date
    charged: dict[str, int]
    calls: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account in the overview."""

    account: Account
    sums: Sums
    figures: dict[str, AccountFigure]
    trend: tuple[int, ...]

    @property
    def used(self) -> int:
        """Micro-credits used in the open cycles of both products, overflow included."""
        return sum(
            figure.used_microcredits + figure.overflow_used_microcredits
            for figure in self.figures.values()
        )

    @property
    def spark(self) -> str:
        """The trend as the points of a small line; empty when nothing happened."""
        return rules.spark_points(self.trend) if any(self.trend) else ""

    @property
    def has_many_errors(self) -> bool:
        """Whether the error rate deserves a look."""
        return rules.has_many_errors(calls=self.sums.calls, errors=self.sums.errors)


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


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows, as of the newest figures."""

    rows: Sequence[AccountRow]
    states: dict[str, int]
    days: Sequence[Day]
    sums: Sums
    today: Sums
    charged_change: int | None
    alerts: Sequence[Alert]
    as_of: datetime | None
    members: int = 0
    more_alerts: int = 0

    @property
    def account_count(self) -> int:
        """Accounts that are not archived."""
        return self.states.get(AccountState.ACTIVE, 0) + self.states.get(AccountState.SUSPENDED, 0)


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One LLM of the catalogue with its price in force and what its credential looks like."""

    llm: Llm
    price: PriceRow | None
    credential: CredentialState | None


@dataclass(frozen=True, slots=True)
class Offered:
    """An account that is offered an LLM: for which products, and its price in their credits."""

    account: Account
    products: Sequence[str]
    factor: Decimal
    input: Decimal | None
    output: Decimal | None


@dataclass(slots=True)
class _Days:
    by_day: dict[date, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    calls: dict[date, int] = field(default_factory=lambda: defaultdict(int))


def overview() -> Overview:
    """Return the overview of the platform, by a fixed number of queries."""
    today = now().date()
    first = today - timedelta(days=DAYS - 1)
    rows = _busiest(first)
    alerts = sorted([*_account_alerts(), *_catalogue_alerts()], key=lambda alert: alert.rank)
    newest = AccountFigure.objects.filter(account__archived_at=None).aggregate(
        as_of=Max("as_of"), members=Coalesce(Sum("members"), 0)
    )
    states = Account.objects.values("state").order_by("state").annotate(count=Count("id"))
    sums = sums_of(DailyFigure.objects.filter(day__gte=first))
    before = DailyFigure.objects.filter(day__gte=first - timedelta(days=DAYS), day__lt=first)
    charged_before = before.aggregate(total=Coalesce(Sum("charged_microcredits"), 0))["total"]
    return Overview(
        rows=rows,
        states={row["state"]: row["count"] for row in states},
        days=days_of(DailyFigure.objects.all(), first=first),
        sums=sums,
        today=sums_of(DailyFigure.objects.filter(day=today)),
        charged_change=rules.change_percent(sums.charged, charged_before),
        alerts=alerts[:_ALERTS_SHOWN],
        more_alerts=max(0, len(alerts) - _ALERTS_SHOWN),
        as_of=newest["as_of"],
        members=newest["members"],
    )


def sums_of(figures: QuerySet[DailyFigure]) -> Sums:
    """Return the sums of some daily figures."""
    return Sums(
        **figures.aggregate(
            calls=Coalesce(Sum("calls"), 0),
            errors=Coalesce(Sum("errors"), 0),
            charged=Coalesce(Sum("charged_microcredits"), 0),
            cost_usd=Coalesce(Sum("cost_usd"), Decimal(0)),
        )
    )


def days_of(figures: QuerySet[DailyFigure], *, first: date) -> list[Day]:
    """Return each day from `first` until today, days without calls included."""
    found = _Days()
    rows = (
        figures.filter(day__gte=first)
        .values("day", "product")
        .order_by("day")
        .annotate(charged=Sum("charged_microcredits"), count=Sum("calls"))
    )
    for row in rows:
        found.by_day[row["day"]][row["product"]] = row["charged"]
        found.calls[row["day"]] += row["count"]
    days = (now().date() - first).days + 1
    return [
        Day(day, found.by_day.get(day, {}), found.calls.get(day, 0))
        for day in (first + timedelta(days=offset) for offset in range(days))
    ]


def account_figures(account: Account) -> tuple[Sums, list[Day]]:
    """Return one account's sums and days of the last two weeks."""
    first = now().date() - timedelta(days=DAYS - 1)
    figures = DailyFigure.objects.filter(account=account)
    return sums_of(figures.filter(day__gte=first)), days_of(figures, first=first)


def catalogue_rows() -> list[CatalogueRow]:
    """Return the LLMs that are in use, with prices and credential states."""
    llms = list(catalogue().filter(retired_at=None))
    states = credential_states(llm.deployment for llm in llms if hasattr(llm, "deployment"))
    return [
        CatalogueRow(
            llm,
            next(iter(llm.prices.all()), None),
            states.get(llm.deployment.pk) if hasattr(llm, "deployment") else None,
        )
        for llm in llms
    ]


def offers_of(llm: Llm, price: PriceRow | None) -> list[Offered]:
    """Return the accounts that are offered an LLM, with its price in their credits."""
    products: dict[UUID, list[str]] = defaultdict(list)
    accounts: dict[UUID, Account] = {}
    offers = LlmOffer.objects.filter(llm=llm, account__archived_at=None)
    for offer in offers.select_related("account").order_by("account__name", "product"):
        accounts[offer.account_id] = offer.account
        products[offer.account_id].append(offer.product.capitalize())
    factors = dict(
        CreditFactor.objects.filter(account_id__in=accounts)
        .order_by("account_id", "-version")
        .distinct("account_id")
        .values_list("account_id", "factor")
    )
    return [
        Offered(
            account=account,
            products=products[id_],
            factor=factors[id_],
            input=price.input_usd * factors[id_] if price else None,
            output=price.output_usd * factors[id_] if price else None,
        )
        for id_, account in accounts.items()
    ]


def _busiest(first: date) -> list[AccountRow]:
    recent = Q(daily_figures__day__gte=first)
    accounts = list(
        Account.objects.exclude(state=AccountState.ARCHIVED)
        .annotate(
            calls=Coalesce(Sum("daily_figures__calls", filter=recent), 0),
            errors=Coalesce(Sum("daily_figures__errors", filter=recent), 0),
            charged=Coalesce(Sum("daily_figures__charged_microcredits", filter=recent), 0),
            cost=Coalesce(Sum("daily_figures__cost_usd", filter=recent), Decimal(0)),
        )
        .order_by("-charged", "name")[:_ACCOUNTS_SHOWN]
    )
    ids = [account.pk for account in accounts]
    figures = _figures(ids)
    trends = _trends(ids, first)
    return [
        AccountRow(
            account=account,
            sums=Sums(account.calls, account.errors, account.charged, account.cost),
            figures=figures.get(account.pk, {}),
            trend=trends[account.pk],
        )
        for account in accounts
    ]


def _figures(ids: Iterable[UUID]) -> dict[UUID, dict[str, AccountFigure]]:
    found: dict[UUID, dict[str, AccountFigure]] = defaultdict(dict)
    for figure in AccountFigure.objects.filter(account_id__in=ids):
        found[figure.account_id][figure.product] = figure
    return found


def _trends(ids: Sequence[UUID], first: date) -> dict[UUID, tuple[int, ...]]:
    rows = (
        DailyFigure.objects.filter(account_id__in=ids, day__gte=first)
        .values("account_id", "day")
        .order_by("day")
        .annotate(charged=Sum("charged_microcredits"))
    )
    found: dict[UUID, list[int]] = {id_: [0] * DAYS for id_ in ids}
    for row in rows:
        found[row["account_id"]][(row["day"] - first).days] = row["charged"]
    return {id_: tuple(values) for id_, values in found.items()}


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
        for figure in figures.order_by("left_microcredits", "pk")[: 2 * _ALERTS_SHOWN]
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
