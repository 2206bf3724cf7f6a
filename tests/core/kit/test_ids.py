"""Time-ordered ids."""

import pytest
import time_machine

from core.kit.ids import uuid7


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
