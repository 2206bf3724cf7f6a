"""Writing, opening and forgetting logs of calls."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
from django.db import connection, transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.clock import now
from core.kit.problems import NotFound
from core.usage.models import CallLog, Keep
from core.usage.policies import DEFAULT, WITH_CONTENT, content_policies
from core.vault.inline import open_text, seal_text

CONTENT_VIEWED = verbs.register(
    "content.viewed", "{actor} read what was said in the call {target}", icon="visibility"
)
CONTENT_SEARCHED = verbs.register(
    "content.searched",
    "{actor} searched what was said in {after[calls]} calls",
    icon="manage_search",
)
# Few enough rows that a worker never holds a lock for long.
_CHUNK = 5_000


def keep_calls(logs: Iterable[tuple[CallLog, Mapping[str, Any] | None]]) -> int:
    """Write logs of calls, each with what was said in it or None; return how many are new.

    A call that is there already stays as it is.
    """
    rows = []
    names = _written()
    for log, content in logs:
        if content is not None:
            text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
            log.content = seal_text(text, purpose=_purpose(log))
        values = vars(log)
        rows.append({name: values[name] for name in names})
    with connection.cursor() as cursor:
        # Rows as one text: the ORM's insert costs the gateway three times as much for each of them.
        cursor.execute(_insert(), [orjson.dumps(rows, default=str).decode()])
        return int(cursor.rowcount)


@cache
def _written() -> tuple[str, ...]:
    """Return the columns that a log is written with; the others are Postgres's own doing."""
    columns = (str(field.attname) for field in CallLog._meta.concrete_fields)
    return tuple(name for name in columns if name not in {"id", "written_at"})


@cache
def _insert() -> str:
    fields = {str(field.attname): field for field in CallLog._meta.concrete_fields}
    columns = ", ".join(_written())
    types = ", ".join(f"{name} {fields[name].db_type(connection)}" for name in _written())
    # All names are the model's own.
    return (
        f"INSERT INTO {CallLog._meta.db_table} ({columns}) "  # noqa: S608
        f"SELECT {columns} FROM jsonb_to_recordset(%s::jsonb) AS given({types}) "
        "ON CONFLICT DO NOTHING"
    )


@transaction.atomic
def read_content(*, log: CallLog, actor: Actor) -> dict[str, Any]:
    """Return what was said in a call. Who looked stands in the audit log.

    Raises:
        NotFound: nothing of it is kept.
    """
    if not log.content:
        raise NotFound("Nothing of what was said in this call is kept.")
    record(
        actor=actor,
        verb=CONTENT_VIEWED,
        target=("call", log.request_id, str(log.request_id)),
        product=log.product,
        nodes=_nodes([log]),
    )
    return _opened(log)


@transaction.atomic
def search_content(*, logs: Sequence[CallLog], text: str, actor: Actor) -> list[CallLog]:
    """Return those of some logs in which a text was said. Who searched stands in the audit log."""
    with_content = [log for log in logs if log.content]
    if not with_content:
        return []
    product = with_content[0].product
    record(
        actor=actor,
        verb=CONTENT_SEARCHED,
        target=("content", product, product.title()),
        after={"calls": len(with_content)},
        product=product,
        nodes=_nodes(with_content),
    )
    wanted = text.casefold()
    return [
        log
        for log in with_content
        if wanted in json.dumps(_opened(log), ensure_ascii=False).casefold()
    ]


def forget_calls() -> int:
    """Delete what its product's policy keeps no longer; return how many rows were touched."""
    policies = content_policies()
    products = set(CallLog.objects.order_by().values_list("product", flat=True).distinct())
    touched = 0
    for product in products:
        kept = policies.get(product, DEFAULT)
        rows = CallLog.objects.filter(product=product)
        old = rows
        if kept.keep != Keep.NOTHING:
            old = rows.filter(began_at__lt=now() - timedelta(days=kept.days))
        touched += _in_chunks(old, lambda chunk: chunk.delete()[0])
        gone = set(WITH_CONTENT) - ({kept.keep} if kept.has_content else set())
        if kept.keep == Keep.FULL:
            # Redacted is less than full, and may stay.
            gone = set()
        without = rows.filter(content_kind__in=gone)
        touched += _in_chunks(without, lambda chunk: chunk.update(content="", content_kind=""))
    return touched


def _in_chunks(rows: Any, act: Any) -> int:
    touched = 0
    while ids := list(rows.order_by("id").values_list("id", flat=True)[:_CHUNK]):
        touched += act(CallLog.objects.filter(id__in=ids))
    return touched


def _opened(log: CallLog) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(open_text(log.content, purpose=_purpose(log)))
    return found


def _purpose(log: CallLog) -> str:
    # Copied to another call, it does not open.
    return f"call|{log.request_id}"


def _nodes(logs: Sequence[CallLog]) -> tuple[Any, ...]:
    found = (log.team_id or log.organization_id for log in logs)
    return tuple(dict.fromkeys(node for node in found if node is not None))
