"""The same histories as of single calls, each step as a batch."""

import pytest

from tests.factories.credits import in_batches
from tests.properties.ledger_machine import Beginning, LedgerMachine, run_histories


@pytest.mark.slow  # Two hundred histories of fifty steps, each step checked in full.
def test_any_history_in_batches_keeps_the_ledger_sound(beginning: Beginning) -> None:
    with in_batches():
        run_histories(LedgerMachine, beginning)
