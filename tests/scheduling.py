"""Which of two processes runs which tests, and in what order.

The longest first, since one that begins last keeps a process waiting for the other. All journeys
are one process's, so that one installation serves them.
"""

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

JOURNEYS = "tests/journeys/"
# In the order of their time on a quiet machine; the others follow by how many tests they have.
LONGEST = (
    "tests/properties/test_splits_in_batches.py",
    "tests/properties/test_splits.py",
    "tests/properties/test_ledger_in_batches.py",
    "tests/properties/test_ledger.py",
)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives out whole files, and the journeys as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Put tests into the order in which their files are given out."""
    sizes = Counter(_unit(item.nodeid) for item in items)
    known = {unit: place for place, unit in enumerate((JOURNEYS, *LONGEST))}

    def place(item: pytest.Item) -> tuple[Any, ...]:
        unit = _unit(item.nodeid)
        return known.get(unit, len(known)), -sizes[unit], unit

    items.sort(key=place)


def _unit(nodeid: str) -> str:
    return JOURNEYS if nodeid.startswith(JOURNEYS) else nodeid.split("::", 1)[0]
