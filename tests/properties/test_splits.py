"""Histories with splits, overrides, moves, leavers, undo and changed caps among all the rest."""

import pytest

from tests.properties.ledger_machine import Beginning, run_histories
from tests.properties.split_machine import SplitMachine, with_splits


@pytest.mark.slow  # As many histories as of the ledger itself.
def test_any_history_with_splits_keeps_the_ledger_sound(beginning: Beginning) -> None:
    run_histories(SplitMachine, with_splits(beginning))
