"""Refused calls are kept, so that whoever was refused can name an id to whoever can help.

A caller that tries the same again at the same policy gets the id of the first time: what would be
kept is the same, and a program that repeats itself must not fill a table.
"""

from collections import OrderedDict
from uuid import UUID

import structlog

from core.access.refusals import Refusal
from core.gateway.ports import Directory, Principal
from core.gateway.threads import DatabaseThreads
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 10_000

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

    async def keep(self, problem: Problem, principal: Principal, policy_version: int) -> None:
        """Keep what a problem refuses, and put its id among the problem's details."""
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
            try:
                self._kept[same] = await self._threads.run(
                    lambda: self._directory.keep_refusal(principal, refusal, policy_version)
                )
            # The refusal stands, whether or not anybody can look it up later.
            except Exception as error:  # noqa: BLE001
                log.warning("refusal_not_kept", error=type(error).__name__)
                return
        self._kept.move_to_end(same)
        if len(self._kept) > MOST_REMEMBERED:
            self._kept.popitem(last=False)
        problem.extensions["decision_id"] = str(self._kept[same])
