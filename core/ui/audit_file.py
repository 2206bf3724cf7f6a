"""The audit log as a file: CSV for spreadsheets, JSON lines for machines, streamed."""

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from core.audit import verbs
from core.audit.documents import as_document
from core.audit.models import AuditEntry
from core.audit.selectors import pages_of_entries
from core.kit.clock import now
from core.tenancy.context import AccountRef, in_account, in_public
from core.ui.audit_view import AuditView

_HEAD = (
    "id",
    "time",
    "product",
    "category",
    "verb",
    "sentence",
    "actor kind",
    "actor id",
    "actor",
    "on behalf of",
    "target kind",
    "target id",
    "target",
    "before",
    "after",
    "reason",
    "request id",
    "address",
)


def audit_csv(request: HttpRequest, view: AuditView) -> StreamingHttpResponse:
    """Return what the page shows, and all before it, as CSV."""
    return _file(request, view, "csv", "text/csv; charset=utf-8", _csv)


def audit_jsonl(request: HttpRequest, view: AuditView) -> StreamingHttpResponse:
    """Return what the page shows, and all before it, one JSON document a line."""
    return _file(request, view, "jsonl", "application/x-ndjson", _jsonl)


def _file(
    request: HttpRequest,
    view: AuditView,
    ending: str,
    content_type: str,
    write: Callable[[Iterator[list[AuditEntry]]], Iterator[str]],
) -> StreamingHttpResponse:
    response = StreamingHttpResponse(write(_pages(request, view)), content_type=content_type)
    name = f"{view.product or 'platform'}-audit-{now():%Y-%m-%d}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pages(request: HttpRequest, view: AuditView) -> Iterator[list[AuditEntry]]:
    """Yield entries as lists, each read in the schema of the request.

    The middleware has left that schema when an answer streams, and between two lists the connection
    may serve something else.
    """
    account = getattr(request, "account", None)
    # What it needs of the request is kept by value.
    ref = AccountRef(account.pk, account.slug, account.schema_name) if account else None
    pages = pages_of_entries(**view.narrowed)
    while True:
        with in_account(ref) if ref else in_public():
            page = next(pages, None)
        if page is None:
            return
        yield page


def _csv(pages: Iterator[list[AuditEntry]]) -> Iterator[str]:
    out = csv.writer(_Echo())
    yield out.writerow(_HEAD)
    for page in pages:
        yield "".join(out.writerow([_cell(value) for value in _values(entry)]) for entry in page)


def _jsonl(pages: Iterator[list[AuditEntry]]) -> Iterator[str]:
    for page in pages:
        lines = (json.dumps(as_document(entry), ensure_ascii=False) for entry in page)
        yield "".join(f"{line}\n" for line in lines)


def _values(entry: AuditEntry) -> tuple[str, ...]:
    return (
        str(entry.pk),
        entry.created_at.isoformat(),
        entry.product,
        verbs.category_of(entry.verb),
        entry.verb,
        entry.sentence,
        entry.actor_kind,
        entry.actor_id,
        entry.actor_label,
        entry.on_behalf_of,
        entry.target_kind,
        entry.target_id,
        entry.target_label,
        _as_json(entry.before),
        _as_json(entry.after),
        entry.reason,
        entry.request_id,
        entry.address,
    )


def _as_json(values: dict[str, Any] | None) -> str:
    return "" if values is None else json.dumps(values, ensure_ascii=False)


def _cell(text: str) -> str:
    # A value that starts like a formula would run in a spreadsheet.
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


class _Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line
