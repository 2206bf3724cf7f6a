"""The resources `logs` and `content-policy`."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.v1.logs import shapes
from console.product import PRODUCT
from console.selectors.logs import VIEW, VIEW_CONTENT, event_of, logs_of_user, may_keep_content
from core.access.scopes import EVERYTHING
from core.api.documents import Operation, documented, page_example
from core.api.pagination import Page, cursor_of, id_of
from core.api.viewsets import CockpitViewSet
from core.usage import logs
from core.usage.keeping import read_content
from core.usage.logs import LogFilter
from core.usage.models import CallLog
from core.usage.policies import content_policy, set_content_policy

_TAG = "Logs"
TAIL_ROWS = 200


class LogViewSet(CockpitViewSet):
    """Calls, with how they went: one's own, and for admins those of what they administer."""

    product = PRODUCT
    read_permission = VIEW
    write_permission = VIEW_CONTENT
    output_class = shapes.LogOutput
    query_classes = {"list": shapes.LogQuery, "tail": shapes.TailQuery}

    @documented(
        Operation(
            "listLogs", "List logs", _TAG, page_example(shapes.EXAMPLE),
            output=shapes.LogPageOutput, query=shapes.LogQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return calls, the newest first."""
        rows = logs.filtered(self._logs(), _filter(self.query))
        if cursor := self.query.get("cursor"):
            rows = rows.filter(request_id__lt=id_of(cursor))
        limit = self.query["limit"]
        found = [*rows[: limit + 1]]
        items = found[:limit]
        more = cursor_of(items[-1].request_id) if len(found) > limit else None
        return self.many(Page(items, more))

    @documented(
        Operation(
            "followLogs", "Follow logs", _TAG, {"items": [shapes.EXAMPLE], "tail": 4711},
            output=shapes.LogTailOutput, query=shapes.TailQuery,
        ),
        method="GET",
    )  # fmt: skip
    def tail(self, request: Request) -> Response:
        """Return what was written since `after`, the oldest first; without it, where to begin."""
        rows = logs.filtered(self._logs(), _filter(self.query))
        after = self.query.get("after")
        if after is None:
            return Response({"items": [], "tail": logs.newest_id(self._logs())})
        found = logs.logs_after(rows, after, limit=TAIL_ROWS)
        items = [self.shown(log) for log in found]
        return Response({"items": items, "tail": found[-1].pk if found else after})

    @documented(
        Operation(
            "getLog", "Read a log", _TAG, shapes.DETAIL_EXAMPLE, output=shapes.LogDetailOutput,
            refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, call_id: UUID) -> Response:
        """Return one call in full, without what was said in it."""
        log = logs.log_of(self._logs(), call_id)
        event = event_of(log)
        charges = event.charges if event is not None else []
        names = ("steps", "tried", "passed_over", "price", "guardrails")
        rest = {name: getattr(log, name) for name in names}
        shown = [dict(shapes.ChargeOutput(charge).data) for charge in charges]
        return self.one(log, **rest, charges=shown)

    @documented(
        Operation(
            "readLogContent", "Read what was said in a call", _TAG, shapes.CONTENT_EXAMPLE,
            output=shapes.ContentOutput, refusals=(404,),
        ),
        method="POST",
    )  # fmt: skip
    def content(self, request: Request, call_id: UUID) -> Response:
        """Return request and answer, as far as they are kept. Who looked is audited."""
        log = logs.log_of(self._logs(), call_id)
        return Response(read_content(log=log, actor=self.actor))

    def _logs(self) -> QuerySet[CallLog]:
        if self.is_program:
            return logs.logs_for(PRODUCT.slug, EVERYTHING, user_id=None)
        return logs_of_user(self.request.user)  # type: ignore[arg-type]


class ContentPolicyViewSet(CockpitViewSet):
    """What is kept of Console's calls."""

    product = PRODUCT
    read_permission = VIEW
    write_permission = "console.manage_content"
    output_class = shapes.ContentPolicyOutput
    input_classes = {"partial_update": shapes.ContentPolicyInput}

    @documented(
        Operation(
            "getContentPolicy", "Read the content policy", _TAG, {"keep": "metadata", "days": 30},
            output=shapes.ContentPolicyOutput,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> Response:
        """Return what is kept, and for how many days."""
        return self.one(content_policy(PRODUCT.slug))

    @documented(
        Operation(
            "setContentPolicy", "Change the content policy", _TAG, {"keep": "redacted", "days": 14},
            output=shapes.ContentPolicyOutput, body=shapes.ContentPolicyInput,
            sent={"keep": "redacted", "days": 14},
        ),
        method="PATCH",
    )  # fmt: skip
    def partial_update(self, request: Request) -> Response:
        """Keep more or less from now on. What is no longer kept is deleted at once."""
        given, before = self.input, content_policy(PRODUCT.slug)
        after = set_content_policy(
            product=PRODUCT.slug,
            keep=given.get("keep", before.keep),
            days=given.get("days", before.days),
            may_keep_content=may_keep_content(request.account.pk),  # type: ignore[attr-defined]
            reason=given["reason"],
            actor=self.actor,
        )
        return self.one(after)


def _filter(query: dict[str, Any]) -> LogFilter:
    return LogFilter(
        key_id=query.get("key"),
        member_id=query.get("member"),
        team_id=query.get("team"),
        llm=query.get("llm", ""),
        status=query.get("status", ""),
        slower_than_ms=query.get("slower_than_ms"),
        dearer_than=query.get("dearer_than"),
        since=query.get("since"),
        until=query.get("until"),
    )
