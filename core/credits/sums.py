"""What many wallets have together, summed up by Postgres: a book may have a hundred thousand."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from core.credits.models import Cycle
from core.credits.services.locking import array_of


class Sums(NamedTuple):
    """What some wallets were given, have used and hold, in micro-credits."""

    credited: int = 0
    used: int = 0
    reserved: int = 0

    @property
    def free(self) -> int:
        """What is neither used nor held."""
        return self.credited - self.used - self.reserved


class BookSums(NamedTuple):
    """The balances of a book's own three wallets in a cycle, and of all its wallets together."""

    unallocated: Sums
    pool: Sums
    overflow: Sums
    overflow_limit: int
    everything: Sums


def sums_of(cycle: Cycle) -> BookSums:
    """Return what the wallets of a book have in a cycle, all at the same moment.

    Kinds of nodes are not told apart: looking up a hundred thousand wallets would take longest.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALL, [cycle.book_id, cycle.pk, cycle.pk])
        found = {kind: (Sums(*sums), limit) for kind, limit, *sums in cursor.fetchall()}
    overflow, limit = found["overflow"]
    return BookSums(found["unallocated"][0], found["pool"][0], overflow, limit, found[""][0])


def sums_below(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, Sums]:
    """Return what all below each of these wallets, organizations' or teams', have together."""
    tops = array_of(set(wallets))
    return _by_wallet(_BELOW_SOME, [tops, tops, cycle.pk])


def sums_below_organizations(cycle: Cycle) -> dict[UUID | None, Sums]:
    """Return what all below each organization of a book have together.

    Under None, what members have together who stand below none. One pass over
    the cycle, where looking up every wallet of many branches would take longer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BELOW_ALL, [cycle.pk])
        return {top: Sums(*sums) for top, *sums in cursor.fetchall()}


def _by_wallet(query: str, given: list[Any]) -> dict[UUID, Sums]:
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return {wallet: Sums(*sums) for wallet, *sums in cursor.fetchall()}


_ALL = """
SELECT w.kind, b.credit_limit, b.credited, b.used, b.reserved
FROM credits_wallet w JOIN credits_balance b ON b.wallet_id = w.id
WHERE w.book_id = %s AND w.depth = 0 AND b.cycle_id = %s
UNION ALL
SELECT '', 0, COALESCE(sum(credited), 0)::bigint, COALESCE(sum(used), 0)::bigint,
    COALESCE(sum(reserved), 0)::bigint
FROM credits_balance WHERE cycle_id = %s
"""

_BELOW_SOME = """
WITH above AS (
    SELECT top.id, top.id AS top FROM unnest(%s::uuid[]) AS top (id)
    UNION ALL
    SELECT team.id, team.parent_id FROM credits_wallet team
    WHERE team.kind = 'team' AND team.parent_id = ANY (%s::uuid[])
)
SELECT above.top, sum(b.credited)::bigint, sum(b.used)::bigint, sum(b.reserved)::bigint
FROM above
JOIN credits_wallet w ON w.parent_id = above.id
JOIN credits_balance b ON b.wallet_id = w.id AND b.cycle_id = %s
GROUP BY above.top
"""

# First by parent, as so many fewer rows are left to look up what stands above.
_BELOW_ALL = """
SELECT COALESCE(p.parent_id, p.id), sum(s.credited)::bigint, sum(s.used)::bigint,
    sum(s.reserved)::bigint
FROM (
    SELECT w.parent_id, sum(b.credited) AS credited, sum(b.used) AS used,
        sum(b.reserved) AS reserved
    FROM credits_balance b JOIN credits_wallet w ON w.id = b.wallet_id
    WHERE b.cycle_id = %s AND w.depth > 1
    GROUP BY w.parent_id
) s
LEFT JOIN credits_wallet p ON p.id = s.parent_id
GROUP BY 1
"""
