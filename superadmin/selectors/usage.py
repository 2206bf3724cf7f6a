"""Usage of all accounts by account, product or day, from the public daily figures."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum

from tenants.models import DailyFigure

GROUPS = ("account", "product", "day")
_COLUMNS = {"account": "account__slug", "product": "product", "day": "day"}


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one group came to; `charged` are micro-credits."""

    group: str
    calls: int
    errors: int
    charged: int
    cost: Decimal

    @property
    def cost_usd(self) -> str:
        """The cost as a plain decimal."""
        return f"{self.cost.normalize():f}"


def usage_by(
    group_by: str,
    *,
    since: date | None = None,
    until: date | None = None,
    account: str = "",
    product: str = "",
) -> list[UsageRow]:
    """Return a row for each group that had calls: days in order, else the most credits first.

    `since` and `until` are the first and the last day, in UTC.
    """
    narrowed = Q()
    for condition, value in (
        ("day__gte", since),
        ("day__lte", until),
        ("account__slug", account),
        ("product", product),
    ):
        if value:
            narrowed &= Q(**{condition: value})
    column = _COLUMNS[group_by]
    rows: Any = DailyFigure.objects.filter(narrowed).values(column)
    summed = rows.annotate(
        all_calls=Sum("calls"),
        all_errors=Sum("errors"),
        charged=Sum("charged_microcredits"),
        cost=Sum("cost_usd"),
    ).order_by(*(["day"] if group_by == "day" else ["-charged", column]))
    return [
        UsageRow(
            group=str(row[column]),
            calls=row["all_calls"],
            errors=row["all_errors"],
            charged=row["charged"],
            cost=row["cost"],
        )
        for row in summed
    ]
