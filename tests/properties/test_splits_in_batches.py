"""The same histories with splits as of single calls, each step as a batch."""

import pytest

from tests.factories.credits import in_batches
from tests.properties.ledger_machine import Beginning, run_histories
from tests.properties.split_machine import SplitMachine, with_splits


@pytest.mark.slow  # As many histories as of the ledger itself.
def test_any_history_with_splits_in_batches_keeps_the_ledger_sound(beginning: Beginning) -> None:
    with in_batches():
        run_histories(SplitMachine, with_splits(beginning))
