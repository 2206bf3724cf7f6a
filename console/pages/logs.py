"""Logs: the list that can be followed live, one call in full, and what was said in it."""

import csv
import json
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from console.pages.keys import user_of
from console.pages.log_filters import PERIODS, STATUSES, LogView, view_of
from console.product import PRODUCT
from console.selectors import keys, logs as selectors
from core.access.permissions import may
from core.hierarchy.wallets import named_charges
from core.kit.money import format_credits
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.once import shown_once
from core.ui.pages import page, render_page
from core.usage import logs
from core.usage.keeping import read_content, search_content
from core.usage.models import CallLog
from core.usage.policies import content_policy

PAGE_SIZE = 50
TAIL_ROWS = 100
_CSV_ROWS = 50_000
_COLUMNS = (
    "request_id", "began_at", "llm", "kind", "status_code", "error_code", "outcome", "latency_ms",
    "first_token_ms", "input_tokens", "output_tokens", "cost_usd", "deployment",
)  # fmt: skip
STEPS = {
    "principal": _("Who is calling"),
    "access": _("What they may call"),
    "limits": _("Rate limits"),
    "input_guardrails": _("Input guardrails"),
    "reserve": _("Credits reserved"),
    "provider": _("Provider and output guardrails"),
    "settle": _("Credits settled"),
}


def urls() -> list[URLPattern]:
    """Return the routes of the logs."""

    @page(permission=selectors.VIEW)
    def list_page(request: HttpRequest) -> HttpResponse:
        view = view_of(request)
        mine = selectors.logs_of_user(user_of(request))
        rows = logs.filtered(mine, view.by)
        if before := request.GET.get("before", ""):
            rows = _before(rows, before)
        found, has_more = _page(request, rows, view)
        return render_page(
            request,
            "console/logs.html",
            title=_("Logs"),
            fragment="more",
            rows=logs.with_names(found),
            more=view.query(before=found[-1].request_id) if has_more else "",
            view=view,
            menus=_menus(request),
            policy=content_policy(PRODUCT.slug),
            may_search=may(request.user, selectors.VIEW_CONTENT),
            is_live=request.GET.get("live") == "1",
            tail=view.query(after=logs.newest_id(mine)),
            sees_all=may(request.user, "console.view_usage"),
        )

    @page(permission=selectors.VIEW)
    def tail(request: HttpRequest) -> HttpResponse:
        view = view_of(request)
        mine = selectors.logs_of_user(user_of(request))
        after = request.GET.get("after", "")
        last = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
        found = logs.logs_after(logs.filtered(mine, view.by), last, limit=TAIL_ROWS)
        return render_page(
            request,
            "console/logs_tail.html",
            title=_("Logs"),
            fragment="tail",
            # What is newest stands first.
            rows=logs.with_names(reversed(found)),
            tail=view.query(after=found[-1].pk if found else last),
            sees_all=may(request.user, "console.view_usage"),
        )

    @page(permission=selectors.VIEW)
    def export(request: HttpRequest) -> HttpResponse:
        rows = logs.filtered(selectors.logs_of_user(user_of(request)), view_of(request).by)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="logs.csv"'
        _write(csv.writer(response), rows)
        return response

    @page(permission=selectors.VIEW)
    def one(request: HttpRequest, call_id: UUID) -> HttpResponse:
        return _show(request, _log(request, call_id))

    @page(permission=selectors.VIEW_CONTENT, methods=("POST",))
    def content(request: HttpRequest, call_id: UUID) -> HttpResponse:
        log = _log(request, call_id)
        said = read_content(log=log, actor=actor_of(request))
        return shown_once(_show(request, log, said))

    return [
        path("logs/", list_page, name="logs"),
        path("logs/tail/", tail, name="logs-tail"),
        path("logs/export.csv", export, name="logs-export"),
        path("logs/<uuid:call_id>/", one, name="log"),
        path("logs/<uuid:call_id>/content/", content, name="log-content"),
    ]


def _log(request: HttpRequest, call_id: UUID) -> CallLog:
    return logs.log_of(selectors.logs_of_user(user_of(request)), call_id)


def _page(request: HttpRequest, rows: Any, view: LogView) -> tuple[list[CallLog], bool]:
    if view.text and may(request.user, selectors.VIEW_CONTENT):
        searched = list(rows.exclude(content="")[: logs.MOST_SEARCHED])
        return search_content(logs=searched, text=view.text, actor=actor_of(request)), False
    found = list(rows[: PAGE_SIZE + 1])
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE


def _before(rows: Any, before: str) -> Any:
    try:
        return rows.filter(request_id__lt=UUID(before))
    except ValueError:
        raise NotFound(_("There is no such page.")) from None


def _menus(request: HttpRequest) -> dict[str, Any]:
    shown = keys.keys_for(user_of(request)).order_by("name")[:200]
    llms = selectors.logs_of_user(user_of(request)).order_by().values_list("llm", flat=True)
    return {
        "keys": [(str(key.pk), key.name) for key in shown],
        "llms": sorted(set(llms.distinct()[:200])),
        "statuses": STATUSES,
        "periods": PERIODS,
    }


def _show(request: HttpRequest, log: CallLog, said: dict[str, Any] | None = None) -> HttpResponse:
    event = selectors.event_of(log)
    [named] = logs.with_names([log])
    total = max(log.latency_ms, 1)
    return render_page(
        request,
        "console/log.html",
        title=log.llm,
        crumbs=((_("Logs"), reverse("console:logs")),),
        log=log,
        event=event,
        named=named,
        steps=[
            {
                **step,
                "label": STEPS.get(step["step"], step["step"]),
                "x": f"{min(step['at'] / total, 1) * 100:.2f}",
                "width": f"{max(min(step['ms'] / total, 1) * 100, 0.4):.2f}",
            }
            for step in log.steps
        ],
        prices=[
            (name.replace("_", " "), value)
            for name, value in log.price.items()
            if value not in ("0", "", None) and str(value).strip("0.") != ""
        ],
        charges=named_charges(PRODUCT, event.charges) if event is not None else [],
        said=said,
        said_json=json.dumps(said, indent=2, ensure_ascii=False) if said else "",
        can_read=bool(log.content) and may(request.user, selectors.VIEW_CONTENT),
        policy=content_policy(PRODUCT.slug),
    )


def _write(out: Any, rows: Any) -> None:
    out.writerow((*_COLUMNS, "credits"))
    for log in rows[:_CSV_ROWS].iterator(chunk_size=2_000):
        values = (_cell(getattr(log, name)) for name in _COLUMNS)
        credits = "" if log.credits is None else format_credits(log.credits)
        out.writerow((*values, credits))


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return f"'{value}"
    return "" if value is None else value
