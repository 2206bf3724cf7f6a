"""Any sequence of acts and calls leaves the ledger sound, and equal to a model in plain Python."""

import pytest

from tests.properties.ledger_machine import Beginning, LedgerMachine, run_histories


@pytest.mark.slow  # Two hundred histories of fifty steps, each step checked in full.
def test_any_history_keeps_the_ledger_sound(beginning: Beginning) -> None:
    run_histories(LedgerMachine, beginning)
