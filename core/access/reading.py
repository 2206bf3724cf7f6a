"""What nodes say, read from Postgres in one round trip and without a row object.

Each call of the gateway whose policy has moved waits for this, and a page of a large account reads
thousands of rows by it.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from core.access.models import FeatureSwitch, Grant, LlmActivation, NodeLlmPolicy
from core.access.rules.grants import Grant as GrantSaid
from core.access.rules.llms import NONE, Ids, LlmPolicy
from core.access.rules.product import Said, Thing
from core.access.rules.switches import Switch

_PARTS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "on": (LlmActivation, ("llm_id",)),
    "policies": (NodeLlmPolicy, ("node_id", "only", "add", "block", "is_locked")),
    "switches": (FeatureSwitch, ("feature", "node_id", "is_on", "is_locked")),
    "grants": (
        Grant,
        ("resource_type", "resource_id", "node_id", "is_denial", "ends_at", "carries_llm"),
    ),
}
ALL_PARTS = ("policies", "switches", "grants")


def read_said(
    product: str, nodes: Iterable[UUID] | None = None, *, parts: Collection[str] = ALL_PARTS
) -> Said:
    """Return what nodes of a product say: all nodes, or these. One query."""
    return _read(product, nodes, parts)[1]


def read_rules(
    product: str, nodes: Iterable[UUID] | None = None, *, parts: Collection[str] = ALL_PARTS
) -> tuple[Ids, Said]:
    """Return which LLMs are on in a product, and what `read_said` returns. One query."""
    return _read(product, nodes, ("on", *parts))


def _read(product: str, nodes: Iterable[UUID] | None, parts: Collection[str]) -> tuple[Ids, Said]:
    ids = None if nodes is None else list(set(nodes))
    found = {part: json.loads(rows) if rows else [] for part, rows in _rows(product, ids, parts)}
    known = _Ids()
    said = Said(
        policies=_policies(found.get("policies", ()), known),
        switches=_switches(found.get("switches", ()), known),
        grants=_grants(found.get("grants", ()), known),
    )
    return known.all(llm for (llm,) in found.get("on", ())), said


class _Ids(dict[str, UUID]):
    """Each id is made once: the same LLMs stand in thousands of rows."""

    def __missing__(self, text: str) -> UUID:
        made = self[text] = UUID(text)
        return made

    def all(self, texts: Iterable[str]) -> Ids:
        return frozenset(map(self.__getitem__, texts)) or NONE


def _rows(
    product: str, ids: list[UUID] | None, parts: Collection[str]
) -> Iterable[tuple[str, str | None]]:
    queries: list[str] = []
    values: list[Any] = []
    for part in parts:
        table, columns = _PARTS[part]
        listed = ", ".join(f'"{column}"' for column in columns)
        # Names of tables and columns are ours; what comes from outside goes as values.
        query = (
            f"(SELECT json_agg(json_build_array({listed}))::text"  # noqa: S608
            f' FROM "{table._meta.db_table}" WHERE product = %s'
        )
        values.append(product)
        # What is on for the account is said by no node.
        if ids is not None and "node_id" in columns:
            query += " AND node_id = ANY(%s)"
            values.append(ids)
        queries.append(f"{query})")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(queries)}", values)
        return list(zip(parts, cursor.fetchone(), strict=True))


def _policies(rows: Iterable[Any], known: _Ids) -> dict[UUID, LlmPolicy]:
    return {
        known[node]: LlmPolicy(
            only=None if only is None else known.all(only),
            add=known.all(add),
            block=known.all(block),
            is_locked=is_locked,
        )
        for node, only, add, block, is_locked in rows
    }


def _switches(rows: Iterable[Any], known: _Ids) -> dict[str, dict[UUID, Switch]]:
    switches: dict[str, dict[UUID, Switch]] = defaultdict(dict)
    for feature, node, is_on, is_locked in rows:
        switches[feature][known[node]] = Switch(is_on, is_locked)
    return dict(switches)


def _grants(rows: Iterable[Any], known: _Ids) -> dict[Thing, dict[UUID, GrantSaid]]:
    grants: dict[Thing, dict[UUID, GrantSaid]] = defaultdict(dict)
    for kind, thing, node, is_denial, ends_at, carries_llm in rows:
        end = None if ends_at is None else datetime.fromisoformat(ends_at)
        grants[kind, known[thing]][known[node]] = GrantSaid(is_denial, end, carries_llm)
    return dict(grants)
