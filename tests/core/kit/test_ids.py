"""Time-ordered ids."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
import time_machine

from core.kit.ids import first_uuid7, time_of, uuid7


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid7()

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_ids_of_a_later_millisecond_sort_later() -> None:
    with time_machine.travel(0, tick=False) as clock:
        made = []
        for _ in range(5):
            made.append(uuid7())
            clock.shift(0.001)

    assert made == sorted(made)


def test_the_time_can_be_read_from_an_id() -> None:
    with time_machine.travel(1_700_000_000.5, tick=False):
        made = uuid7()

    assert made.int >> 80 == 1_700_000_000_500


@pytest.mark.parametrize("count", [10_000])
def test_ids_of_one_moment_differ(count: int) -> None:
    with time_machine.travel(0, tick=False):
        assert len({uuid7() for _ in range(count)}) == count


def test_ids_of_one_millisecond_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_700_000_000_000_000_000, 1_700_000_000_001_000_000, 1_000))
    monkeypatch.setattr("time.time_ns", lambda: next(clock))

    made = [uuid7() for _ in range(1_000)]
    monkeypatch.undo()

    assert made == sorted(made)
    assert {one.int >> 80 for one in made} == {1_700_000_000_000}


def test_a_time_is_the_smallest_id_of_that_time() -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)

    first = first_uuid7(moment)

    assert (first.version, first.variant) == (7, RFC_4122)
    assert time_of(first) == moment
    with time_machine.travel(moment, tick=False):
        assert first <= uuid7() < first_uuid7(moment + timedelta(milliseconds=1))


def test_times_that_no_id_can_have_are_cut() -> None:
    assert first_uuid7(datetime(1900, 1, 1, tzinfo=UTC)).int >> 80 == 0
    assert time_of(UUID(int=2**128 - 1)).year == 9999
