"""Which wallets have used a share of their credits that people want to be told of."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.models import Book
from core.credits.selectors import open_cycle_of
from core.kit.problems import ChangedMeanwhile, InvalidInput

MOST_THRESHOLDS = 8


@dataclass(frozen=True, slots=True)
class Crossing:
    """A wallet that came to have used `percent` of what it and all below it got in this cycle.

    Unallocated stands for the whole book.
    """

    wallet_id: UUID
    cycle_id: UUID
    kind: str
    percent: int
    used: int
    given: int


@transaction.atomic
def new_crossings(book: Book) -> list[Crossing]:
    """Return what people have not been told of, and remember that they are now.

    Of several thresholds that a wallet has passed at once, the highest.
    """
    cycle = open_cycle_of(book)
    with connection.cursor() as cursor:
        cursor.execute(_CROSSED, {"cycle": cycle.pk, "book": book.pk, "at": list(book.alert_at)})
        return [
            Crossing(wallet, cycle.pk, kind, percent, int(used), int(given))
            for wallet, kind, percent, used, given in cursor.fetchall()
        ]


@transaction.atomic
def set_thresholds(
    *,
    book: Book,
    percents: Sequence[int],
    seen: Sequence[int] | None = None,
    actor: Actor,
    reason: str = "",
) -> None:
    """Say at which shares of their credits people are told; none tells nobody.

    `seen` are those that stood when the actor looked; None does not compare.

    Raises:
        ChangedMeanwhile: others stand by now.
        InvalidInput: one is not between 1 and 100, or there are too many.
    """
    chosen = sorted(set(percents))
    if len(chosen) > MOST_THRESHOLDS or not all(1 <= percent <= 100 for percent in chosen):
        raise InvalidInput(
            "Choose up to eight thresholds between 1 and 100 percent.",
            errors=[{"pointer": "/percents", "code": "percents", "detail": "1 to 100 percent."}],
        )
    before = list(Book.objects.select_for_update(no_key=True).get(pk=book.pk).alert_at)
    if seen is not None and sorted(seen) != sorted(before):
        raise ChangedMeanwhile(
            f"Somebody has changed the thresholds since, to {_listed(before)}. You typed "
            f"{_listed(chosen)}: look at them, and save again."
        )
    book.alert_at = chosen
    book.save(update_fields=("alert_at",))
    record(
        actor=actor,
        verb=verbs.ALERTS_SET,
        target=("book", book.pk, book.product),
        before={"percents": ", ".join(map(str, before))},
        after={"percents": ", ".join(map(str, chosen))},
        reason=reason,
        product=book.product,
    )


def _listed(percents: Sequence[int]) -> str:
    return ", ".join(map(str, percents)) or "none"


# Each balance counts for its wallet, for the two above it, and for the whole book.
_CROSSED = """
WITH sums AS (
    SELECT node.id AS wallet_id, sum(b.credited) AS given, sum(b.used) AS used
    FROM credits_balance b
    JOIN credits_wallet w ON w.id = b.wallet_id AND w.kind <> 'overflow'
    JOIN credits_wallet top ON top.book_id = w.book_id AND top.kind = 'unallocated'
    LEFT JOIN credits_wallet p ON p.id = w.parent_id
    CROSS JOIN LATERAL (VALUES (w.id), (p.id), (p.parent_id),
        (CASE WHEN w.id <> top.id THEN top.id END)) AS node (id)
    WHERE b.cycle_id = %(cycle)s AND w.book_id = %(book)s AND node.id IS NOT NULL
    GROUP BY node.id
), crossed AS (
    SELECT s.wallet_id, t.percent, s.used, s.given
    FROM sums s CROSS JOIN unnest(%(at)s::int[]) AS t (percent)
    WHERE s.given > 0 AND s.used > 0 AND s.used * 100 >= t.percent * s.given
), told AS (
    INSERT INTO credits_toldthreshold (wallet_id, cycle_id, percent)
    SELECT c.wallet_id, %(cycle)s, c.percent FROM crossed c ORDER BY 1, 3
    ON CONFLICT DO NOTHING
    RETURNING wallet_id, percent
)
SELECT DISTINCT ON (t.wallet_id) t.wallet_id, w.kind, t.percent, c.used, c.given
FROM told t
JOIN crossed c ON c.wallet_id = t.wallet_id AND c.percent = t.percent
JOIN credits_wallet w ON w.id = t.wallet_id
WHERE w.kind <> 'pool'
ORDER BY t.wallet_id, t.percent DESC
"""
