"""Refused calls are kept, so that whoever was refused can name an id to whoever can help.

A caller that tries the same again at the same policy gets the id of the first time: what would be
kept is the same, and a program that repeats itself must not fill a table. Nobody waits for the
write: a refusal, above all the end of a running stream, must not be as slow as a busy disk.
"""

import asyncio
from collections import OrderedDict
from uuid import UUID

import structlog

from core.access.refusals import Refusal
from core.gateway.ports import Directory, Principal
from core.gateway.threads import DatabaseThreads
from core.kit.ids import uuid7
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 10_000
# What waits while Postgres is slow or away; beyond that a refusal has no id.
MOST_WAITING = 1_000
WRITE_TRIES = 3
WRITE_PAUSE_SECONDS = 0.5

_Same = tuple[str, UUID | None, UUID | None, str, str, int]


def with_refusal(problem: Problem, refusal: Refusal) -> Problem:
    """Return a problem that carries the decision which it tells of."""
    problem.refusal = refusal  # type: ignore[attr-defined]  # only those of the gateway have it
    return problem


class Refusals:
    """The refusals of one gateway process."""

    def __init__(self, directory: Directory, threads: DatabaseThreads) -> None:
        self._directory = directory
        self._threads = threads
        self._kept: OrderedDict[_Same, UUID] = OrderedDict()
        self._writes: set[asyncio.Task[None]] = set()

    def keep(self, problem: Problem, principal: Principal, policy_version: int) -> None:
        """Put an id among a problem's details, and keep under it what the problem refuses."""
        refusal: Refusal | None = getattr(problem, "refusal", None)
        # A team's service key has no member whose access somebody could look into.
        if refusal is None or principal.member_id is None:
            return
        same = (
            principal.account.schema_name,
            principal.membership_id,
            principal.key_id,
            refusal.kind,
            refusal.key,
            policy_version,
        )
        if same not in self._kept:
            if len(self._writes) >= MOST_WAITING:
                log.warning(
                    "refusal_not_kept", account=principal.account.slug, error="TooManyWaiting"
                )
                return
            self._kept[same] = uuid7()
            self._start_write(same, principal, refusal)
        self._kept.move_to_end(same)
        if len(self._kept) > MOST_REMEMBERED:
            self._kept.popitem(last=False)
        problem.extensions["decision_id"] = str(self._kept[same])

    async def drain(self) -> None:
        """Wait until what was refused is written, or given up."""
        await asyncio.gather(*self._writes)

    def _start_write(self, same: _Same, principal: Principal, refusal: Refusal) -> None:
        task = asyncio.create_task(self._write(same, principal, refusal))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write(self, same: _Same, principal: Principal, refusal: Refusal) -> None:
        refusal_id, policy_version = self._kept[same], same[-1]
        for attempt in range(WRITE_TRIES):
            try:
                await self._threads.run(
                    lambda: self._directory.keep_refusal(
                        principal, refusal, policy_version, refusal_id
                    )
                )
            # The refusal stands, whether or not anybody can look it up later.
            except Exception as error:  # noqa: BLE001
                log.warning(
                    "refusal_not_kept",
                    account=principal.account.slug,
                    attempt=attempt,
                    error=type(error).__name__,
                )
                await asyncio.sleep(WRITE_PAUSE_SECONDS * 2**attempt)
            else:
                return
        # Under this id there is nothing: the next refusal of the same gets another.
        self._kept.pop(same, None)
