"""Logs of calls: written beside the calls, in batches, so that none of them waits for it.

A log that is lost with its process is lost; the money is the ledger's, and is not.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import DataError

from core.audit.redaction import storable, without_secrets
from core.credits.messages import SettleAnswer
from core.gateway import metrics
from core.gateway.ending import Progress, outcome_of, status_of
from core.gateway.entitlement import may_keep_content
from core.gateway.ports import Directory, Price
from core.gateway.threads import DatabaseThreads
from core.gateway.ticket import Ticket
from core.guardrails.engine import check
from core.guardrails.verdicts import BoundGuardrail
from core.kit.problems import Problem
from core.tenancy.context import AccountRef
from core.usage.models import CallLog, Keep
from core.usage.policies import DEFAULT

log = structlog.get_logger(__name__)

# Half a second of calls in one write.
FLUSH_SECONDS = 0.5
MOST_AT_ONCE = 200
# What waits while Postgres is away; beyond that the oldest go.
MOST_WAITING = 5_000
# Of each text; the rest is cut, and says so.
MOST_CHARACTERS = 100_000

_PII = BoundGuardrail(UUID(int=0), "redaction", "pii", "mask", frozenset({"input"}))

Entry = tuple[AccountRef, CallLog, dict[str, Any] | None]


class Journal:
    """The logs of one process that are still to be written."""

    def __init__(self, directory: Directory, threads: DatabaseThreads) -> None:
        self._directory = directory
        self._threads = threads
        self._waiting: deque[Entry] = deque(maxlen=MOST_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._has_some = asyncio.Event()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    def note(
        self, progress: Progress, problem: Problem | None, answer: SettleAnswer | None
    ) -> None:
        """Take down how a call has ended, as far as its account keeps that."""
        ticket = progress.ticket
        if not ticket.is_known:
            return
        kept = ticket.snapshot.content.get(ticket.principal.product, DEFAULT)
        if kept.keep == Keep.NOTHING:
            return
        row = _row(progress, problem, answer)
        content, words = None, progress.words
        if kept.has_content and keeps_content(ticket):
            row.content_kind = kept.keep
            content = {"request": _request_of(ticket), "answer": words.said() if words else []}
        if len(self._waiting) == MOST_WAITING:
            metrics.LOGS_LOST.inc()
        self._waiting.append((ticket.principal.account, row, content))
        metrics.LOGS_WAITING.set(len(self._waiting))
        self._has_some.set()

    async def flush(self) -> None:
        """Write what waits now."""
        while self._waiting:
            entries = [
                self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))
            ]
            by_account: dict[AccountRef, list[Entry]] = {}
            for entry in entries:
                by_account.setdefault(entry[0], []).append(entry)
            for account, those in by_account.items():
                await self._write(account, those)
        metrics.LOGS_WAITING.set(0)

    async def _write(self, account: AccountRef, entries: Sequence[Entry]) -> None:
        def write() -> int:
            rows = [(row, _kept(row, content)) for _, row, content in entries]
            return self._directory.keep_calls(account, rows)

        try:
            await self._threads.run(write)
        # One row that Postgres does not take must not cost the others.
        except DataError:
            if len(entries) == 1:
                metrics.LOGS_LOST.inc()
                log.warning(
                    "call_log_refused",
                    request_id=str(entries[0][1].request_id),
                    account=account.slug,
                )
                return
            for entry in entries:
                await self._write(account, [entry])
        # The calls are settled; what is lost is how they went.
        except Exception as error:  # noqa: BLE001
            metrics.LOGS_LOST.inc(len(entries))
            log.warning(
                "call_logs_lost",
                account=account.slug,
                count=len(entries),
                error=type(error).__name__,
            )

    async def _write_on(self) -> None:
        while True:
            await self._has_some.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._has_some.clear()
            await self.flush()


def keeps_content(ticket: Ticket) -> bool:
    """Whether what is said in a call may be kept: the policy says so, and the caller's feature."""
    return not ticket.keeps_no_content and may_keep_content(ticket.snapshot, ticket.principal)


def _row(progress: Progress, problem: Problem | None, answer: SettleAnswer | None) -> CallLog:
    ticket = progress.ticket
    principal = ticket.principal
    row = CallLog(
        request_id=ticket.request_id,
        began_at=ticket.began_at,
        product=principal.product,
        user_id=principal.user_id,
        member_id=principal.member_id,
        membership_id=principal.membership_id,
        team_id=principal.team_id,
        organization_id=principal.organization_id,
        key_id=principal.key_id,
        client_id=principal.client_id,
        agent_id=ticket.agent_id,
        llm=storable(ticket.body.model)[:200],
        kind=ticket.body.kind,
        is_stream=ticket.body.is_stream,
        outcome=outcome_of(progress, problem),
        status_code=status_of(progress, problem),
        error_code="" if problem is None else problem.code,
        error="" if problem is None else storable(without_secrets(problem.detail))[:500],
        latency_ms=ticket.milliseconds(),
        first_token_ms=_first_token_ms(progress),
        steps=ticket.steps,
        guardrails=[verdict.as_record() for verdict in progress.verdicts],
        tried=list(ticket.tried),
        passed_over=ticket.passed_over,
        credits=answer.credits if answer is not None else 0 if not ticket.may_hold else None,
    )
    if ticket.is_identified:
        _add_run(row, progress)
    return row


@lru_cache(maxsize=4096)
def _price_row(price: Price) -> Mapping[str, str]:
    """Return a price as a log keeps it; the same for every call until it changes."""
    return {
        name: _plain(value) if isinstance(value, Decimal) else value
        for name, value in asdict(price).items()
    }


def _plain(value: Decimal) -> str:
    """Return a decimal as people write it: 0.25, not 0.250000 or 1E+2."""
    return format(value.normalize(), "f")


def _first_token_ms(progress: Progress) -> int | None:
    if progress.first_token is None:
        return None
    return int((progress.first_token - progress.ticket.started) * 1000)


def _add_run(row: CallLog, progress: Progress) -> None:
    """Say what has answered and what it used."""
    ticket = progress.ticket
    row.is_demo = ticket.runs.deployment.is_demo
    row.deployment = ticket.runs.deployment.label[:200]
    row.upstream_model = progress.upstream_model[:200]
    row.price = {
        **_price_row(ticket.charged_price),
        "credit_factor": _plain(ticket.snapshot.credit_factor),
        "factor_version": ticket.snapshot.factor_version,
    }
    if progress.settled is not None:
        settled = progress.settled
        row.input_tokens, row.output_tokens = settled.input_tokens, settled.output_tokens
        row.cached_tokens, row.reasoning_tokens = settled.cached_tokens, settled.reasoning_tokens
        row.is_estimated, row.cost_usd = settled.is_estimated, settled.cost_usd


def _request_of(ticket: Ticket) -> dict[str, Any]:
    """Return a request as it could be sent again, after what guardrails have masked."""
    body = ticket.body
    found = {"model": body.model, **body.upstream}
    if body.max_output_tokens:
        found["max_tokens"] = body.max_output_tokens
    return found


def _kept(row: CallLog, content: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return content as the policy keeps it; runs in a thread, since redaction is work."""
    if content is None:
        return None
    if row.content_kind != Keep.REDACTED:
        short: dict[str, Any] = _mapped(content, _shortened)
        return short
    redacted: dict[str, Any] = _mapped(_mapped(_read_as_one(content), _shortened), _redacted)
    return redacted


def _read_as_one(value: Any, name: str = "") -> Any:
    """Return content so that nothing hides between two parts of a message, or in an escape."""
    if isinstance(value, dict):
        return {key: _read_as_one(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_read_as_one(item) for item in _joined_parts(value)]
    if name == "arguments" and isinstance(value, str):
        try:
            return orjson.dumps(orjson.loads(value)).decode()
        except (orjson.JSONDecodeError, TypeError):
            return value
    return value


def _joined_parts(items: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if found and _is_text(item) and _is_text(found[-1]):
            found[-1] = {"type": "text", "text": found[-1]["text"] + item["text"]}
        else:
            found.append(item)
    return found


def _is_text(part: Any) -> bool:
    return (
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
    )


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, item in value.items():
            key = change(str(name))
            while key in found:
                key += "_"
            found[key] = _mapped(item, change)
        return found
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    return change(value) if isinstance(value, str) else value


def _shortened(text: str) -> str:
    text = storable(text)
    if text.startswith("data:") and len(text) > 1_000:
        kind = text[:80].partition(";")[0].removeprefix("data:")
        return f"[{kind}, {len(text)} characters]"
    if len(text) > MOST_CHARACTERS:
        return f"{text[:MOST_CHARACTERS]}… [{len(text) - MOST_CHARACTERS} more characters]"
    return text


def _redacted(text: str) -> str:
    try:
        masked = check([without_secrets(text)], [_PII], stage="input")
    # What cannot be redacted is not kept.
    except Exception as error:  # noqa: BLE001
        log.warning("redaction_failed", error=type(error).__name__)
        return "[not redacted, so not kept]"
    if any(verdict.outcome == "failed" for verdict in masked.verdicts):
        return "[not redacted, so not kept]"
    return masked.texts[0]
