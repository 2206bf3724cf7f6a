"""What one batch of a job did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from core.people.models import PeopleJobRow

_SAVE = """
UPDATE people_peoplejobrow r
SET state = u.state, outcome = u.outcome, note = u.note, member_id = u.member_id,
    to_mail = u.to_mail
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::boolean[])
    AS u (id, state, outcome, note, member_id, to_mail)
WHERE r.id = u.id
"""


def _nothing() -> None:
    """Nothing is to be sent."""


@dataclass(frozen=True, slots=True)
class Step:
    """Whether more is to do, how many rows had which outcome, and what follows the commit."""

    has_more: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    after_commit: Callable[[], None] = _nothing


def save_rows(rows: Sequence[PeopleJobRow]) -> None:
    """Write down what became of rows, in one statement: Django's would compare each with each."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            [
                [row.pk for row in rows],
                [str(row.state) for row in rows],
                [str(row.outcome) for row in rows],
                [row.note for row in rows],
                [row.member_id for row in rows],
                [row.to_mail for row in rows],
            ],
        )
