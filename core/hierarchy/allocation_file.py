"""Allocations of a product as a table: one row a node, for a CSV file out and in."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.scopes import Scope
from core.credits.models import Cycle, Wallet
from core.credits.selectors import book_of
from core.credits.services.allocating_many import Allocations, plan_allocations
from core.credits.services.locking import among, read_balances
from core.credits.services.standing import standing_of
from core.hierarchy.node_wallets import archived_among
from core.hierarchy.product import Product
from core.hierarchy.selections import wallets_below
from core.hierarchy.wallets import wallet_labels
from core.kit.money import format_credits, parse_credits
from core.kit.problems import InvalidInput

HEADER = ("wallet", "kind", "organization", "team", "member", "allocation", "used", "free")
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class FileChange:
    """One row of a file that would change something: amounts before and after, or what is wrong."""

    line: int
    label: str
    before: int | None
    after: int | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a file would do: its rows, the amounts to set, and who lacks credits for it, by name."""

    changes: Sequence[FileChange]
    amounts: Mapping[UUID, int]
    lacking: Mapping[str, int]

    @property
    def faults(self) -> list[FileChange]:
        """The rows that cannot be read."""
        return [change for change in self.changes if change.fault]

    @property
    def mark(self) -> str:
        """A short text that two plans share only if they change the same from and to the same."""
        changes = [(wallet.hex, self.amounts[wallet]) for wallet in sorted(self.amounts)]
        before = [(change.line, change.before, change.after) for change in self.changes]
        return hashlib.sha256(repr((changes, before)).encode()).hexdigest()[:32]

    @property
    def is_fine(self) -> bool:
        """Whether it can be applied."""
        return bool(self.amounts) and not self.faults and not self.lacking


def allocation_rows(product: Product, scope: Scope, cycle: Cycle) -> Iterator[tuple[str, ...]]:
    """Return every node in a scope with what it gets in each cycle, and has used of this one."""
    for kind, rows in _nodes(product, scope):
        known = [row[0] for row in rows]
        rules, has = standing_of(known), read_balances(cycle, known)
        for wallet, organization, team, member in rows:
            rule, balance = rules.get(wallet), has.get(wallet)
            yield (
                str(wallet),
                kind,
                organization,
                team,
                member,
                format_credits(rule.amount) if rule else "",
                format_credits(balance.used if balance else 0),
                format_credits(balance.free if balance else 0),
            )


def rows_of(text: str) -> list[dict[str, str]]:
    """Read a file of allocations.

    Raises:
        InvalidInput: it is no CSV, has too many rows, or lacks a column.
    """
    try:
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise _unreadable(f"This is not a CSV file: {error}.") from None
    if not {"wallet", "allocation"} <= set(reader.fieldnames or ()):
        raise _unreadable("The file needs the columns wallet and allocation.")
    if len(rows) > MOST_ROWS:
        raise _unreadable(f"The file has more than {MOST_ROWS:,} rows.")
    return rows


def _unreadable(detail: str) -> InvalidInput:
    return InvalidInput(
        detail, errors=[{"pointer": "/csv", "code": "unreadable", "detail": detail}]
    )


def plan_file(product: Product, scope: Scope, rows: Sequence[Mapping[str, str]]) -> FilePlan:
    """Return what a file would do. Rows without an allocation are left as they are."""
    wanted = [_wallet_of(row) for row in rows]
    allowed = wallets_below(product, scope, [wallet for wallet in wanted if wallet])
    known, archived = standing_of(allowed), archived_among(product, allowed)
    labels = wallet_labels(product, Wallet.objects.filter(pk__in=among(allowed)))
    changes: list[FileChange] = []
    amounts: dict[UUID, int] = {}
    for line, (row, wallet) in enumerate(zip(rows, wanted, strict=True), start=2):
        text = (row.get("allocation") or "").strip()
        if not text:
            continue
        label = labels.get(wallet, "") if wallet is not None and wallet in allowed else None
        rule = known.get(wallet) if wallet is not None else None
        change = _change(line, text, label=label, before=rule.amount if rule else None)
        if not change.fault and wallet in amounts:
            change = FileChange(line, change.label, None, None, "This node stands here twice.")
        if not change.fault and wallet in archived and (change.after or 0) > (change.before or 0):
            change = FileChange(line, change.label, None, None, "This node is archived.")
        if change.fault:
            changes.append(change)
        elif change.before != change.after:
            assert wallet is not None
            assert change.after is not None
            changes.append(change)
            amounts[wallet] = change.after
    plan = plan_allocations(book=book_of(product.slug), amounts=amounts) if amounts else None
    return FilePlan(changes, amounts, _lacking(product, plan))


def _change(line: int, text: str, *, label: str | None, before: int | None) -> FileChange:
    if label is None:
        return FileChange(line, "", None, None, "There is no such node that you may change.")
    try:
        amount = parse_credits(text)
    except ValueError as error:
        return FileChange(line, label, before, None, str(error))
    fault = "" if amount >= 0 else "Enter zero or more credits."
    return FileChange(line, label, before, amount, fault)


def _lacking(product: Product, plan: Allocations | None) -> dict[str, int]:
    if plan is None or not plan.lacking:
        return {}
    labels = wallet_labels(product, Wallet.objects.filter(pk__in=plan.lacking))
    return {labels[wallet]: amount for wallet, amount in plan.lacking.items()}


def _wallet_of(row: Mapping[str, str]) -> UUID | None:
    try:
        return UUID((row.get("wallet") or "").strip())
    except ValueError:
        return None


def _nodes(product: Product, scope: Scope) -> Iterator[tuple[str, list[Any]]]:
    organizations: QuerySet[Any] = product.organization._default_manager.filter(
        is_global=False, archived_at=None
    )
    teams: Any = product.team._default_manager.filter(archived_at=None)
    everywhere: Any = product.membership._default_manager
    places = everywhere.filter(archived_at=None, member__archived_at=None)
    if not scope.everything:
        below = Q(organization__in=scope.organizations)
        organizations = organizations.filter(pk__in=scope.organizations)
        teams = teams.filter(below | Q(pk__in=scope.teams))
        places = places.filter(below | Q(team__in=scope.teams))
    yield "organization", [(w, name, "", "") for w, name in
                           organizations.values_list("wallet_id", "name")]  # fmt: skip
    rows = teams.order_by("organization__name", "name")
    yield "team", [(w, o, t, "") for w, o, t in
                   rows.values_list("wallet_id", "organization__name", "name")]  # fmt: skip
    rows = places.order_by("organization__name", "team__name", "member__user__email")
    yield "member", [(w, o, t or "", m) for w, o, t, m in rows.values_list(
        "wallet_id", "organization__name", "team__name", "member__user__email")]  # fmt: skip
