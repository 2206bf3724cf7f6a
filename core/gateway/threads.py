"""Database work of the gateway: one synchronous unit a step, in a thread that leaves no connection.

A connection carries the schema it was last in. A thread that kept one would carry an account into
the next step; so each unit gives its connection back, and no coroutine ever holds one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

from core.tenancy.context import Account, in_account

T = TypeVar("T")


class DatabaseThreads:
    """The few threads of one process that read what the caches miss."""

    def __init__(self, *, threads: int = 4) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="directory")

    async def run(self, work: Callable[[], T]) -> T:
        """Run one unit of work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, _alone, work)

    async def run_in_account(self, account: Account, work: Callable[[], T]) -> T:
        """Run one unit of work in a thread, inside an account."""

        def inside() -> T:
            with in_account(account):
                return work()

        return await self.run(inside)

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _alone(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        connections.close_all()
