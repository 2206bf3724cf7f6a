"""Threads that start at the same moment, each with its own database connection."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def run_together(
    calls: Sequence[Callable[[], T]], *, timeout_seconds: float = 300
) -> list[T | Exception]:
    """Run all calls at once; return what each returned or raised, in order."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T | Exception:
        try:
            barrier.wait(timeout_seconds)
            return call()
        except Exception as error:  # noqa: BLE001  the test looks at it
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return [
            future.result(timeout_seconds) for future in [pool.submit(run, call) for call in calls]
        ]
