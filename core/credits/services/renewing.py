"""The start of a cycle, and the end of the one before. One renewal is one transaction.

Only the database's clock counts. `as_of` stands in for it in tests and in the demo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.cycles import end_of_cycle
from core.credits.models import (
    Act,
    Balance,
    Book,
    Cycle,
    CycleState,
    OverflowStatement,
    Plan,
    Rollover,
    TransferKind,
    Wallet,
    WalletKind,
)
from core.credits.replay import Replayed, Standing, replay
from core.credits.rules import Move
from core.credits.services.dormancy import is_asleep, was_asleep_in
from core.credits.services.moving import claim_act
from core.credits.services.plans import plan_at, rhythm_of
from core.credits.services.sharing import keep_rules, sharings_of
from core.credits.services.standing import spots_of
from core.identity.selectors import account_admins
from core.kit.ids import uuid7
from core.kit.money import format_credits
from core.notifications import kinds
from core.notifications.services import notify

# A daily plan that nobody renewed for a year is made up for in one go; more waits for the next job.
MAX_AT_ONCE = 400


SHORT_NEWS = kinds.register(
    "credits.shortfall",
    label=_("A cycle began with less than the allocation rules ask for"),
    sentence=_(
        "Cycle {cycle} began with {shortfall} credits less than your allocation rules ask for. "
        "Pinned ones got theirs, the others their part."
    ),
    icon="production_quantity_limits",
    tone="warn",
    by_mail=True,
)


_MANY = 1_000


@dataclass(frozen=True, slots=True)
class _Renewal:
    """What one renewal works on: the cycle that ends and the one that begins."""

    book: Book
    ended: Cycle
    begun: Cycle
    plan: Plan
    act: Act


def renew_book(*, book: Book, actor: Actor, as_of: datetime | None = None) -> list[Cycle]:
    """Begin every cycle that is due, in order, and close what can be closed; return the new ones.

    Each is a transaction of its own. Doing it again changes nothing.
    """
    begun = []
    for _attempt in range(MAX_AT_ONCE):
        cycle = renew_once(book=book, actor=actor, as_of=as_of)
        if cycle is None:
            break
        begun.append(cycle)
    close_cycles(book=book, actor=actor)
    return begun


@transaction.atomic
def renew_once(*, book: Book, actor: Actor, as_of: datetime | None = None) -> Cycle | None:
    """Begin the next cycle if the open one has come to its end; None if it has not.

    What is free in the ended cycle rolls over or expires by its plan. The new one gets its grant,
    and the allocation rules are replayed. Where that is not enough for the rules, the new cycle
    says by how much, and so does the audit log.

    While the account is archived nothing is renewed. Of the cycles that are made up for once it is
    restored, those that began and ended meanwhile get no grant, and no rule is replayed for them.
    """
    ended = _due_cycle(book, as_of)
    if ended is None or is_asleep():
        return None
    # As it is now: the caller may have read it before its time zone or line were changed.
    book = Book.objects.get(pk=book.pk)
    renewal = _begin(book, ended, actor)
    if renewal is None:
        return None
    _wind_down(renewal)
    _close(ended, actor=actor)
    is_skipped = was_asleep_in(renewal.begun)
    granted = 0 if is_skipped else renewal.plan.grant
    _grant(renewal, granted)
    replayed = Replayed({}, 0) if is_skipped else _replay_rules(renewal)
    _record(renewal, granted, replayed, actor)
    return renewal.begun


def close_cycles(*, book: Book, actor: Actor) -> int:
    """Close the cycles of a book whose last call has ended; return how many."""
    closing = Cycle.objects.filter(book=book, state=CycleState.CLOSING).order_by("number")
    closed = 0
    for cycle in closing:
        with transaction.atomic():
            closed += _close(cycle, actor=actor)
    return closed


def _due_cycle(book: Book, as_of: datetime | None) -> Cycle | None:
    """Lock the open cycle of a book if it is over. Whoever waited here finds it ended already."""
    return next(iter(Cycle.objects.raw(_DUE, [book.pk, as_of])), None)


def _begin(book: Book, ended: Cycle, actor: Actor) -> _Renewal | None:
    boundary = ended.ends_at
    assert boundary is not None
    plan = plan_at(book, boundary)
    ends_at = end_of_cycle(boundary, rhythm_of(plan), book.time_zone)
    new, number = uuid7(), ended.number + 1
    with connection.cursor() as cursor:
        # The row that decides who renews. It opens once the one before has made way.
        cursor.execute(_BEGIN, [new, book.pk, number, boundary, ends_at, plan.version])
        if cursor.rowcount == 0:
            return None
        act = claim_act(
            book=book,
            verb=verbs.RENEWED,
            content={"cycle": new},
            actor=actor,
            idempotency_key=f"cycle:{new}",
            reason="",
        ).act
        limit = Balance.objects.get(cycle=ended, wallet__kind=WalletKind.OVERFLOW).limit
        cursor.execute(_END, [_room(ended), limit, act.pk, ended.pk])
        cursor.execute(_OPEN, [new])
        cursor.execute(_BALANCES, {"cycle": new, "book": book.pk, "limit": book.overflow_limit})
        if cursor.rowcount >= _MANY:
            # Of a cycle that is in no statistics the planner expects a single balance, and would
            # compare each of ten thousand with each.
            cursor.execute("ANALYZE credits_balance")
    return _Renewal(book, ended, Cycle.objects.get(pk=new), plan, act)


def _room(ended: Cycle) -> int | None:
    """Return how much may roll over out of a cycle; None if all may."""
    plan = Plan.objects.filter(book_id=ended.book_id, version=ended.plan_version).first()
    if plan is None or plan.rollover == Rollover.NONE:
        return 0
    return plan.rollover_cap if plan.rollover == Rollover.CAPPED else None


def _wind_down(renewal: _Renewal) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_wind_down(%s, %s)", [renewal.ended.pk, renewal.begun.pk])


def _close(cycle: Cycle, *, actor: Actor) -> bool:
    """Close a cycle if its last call has ended, and say so in the audit log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_close(%s, %s)", [cycle.pk, uuid7()])
        if not cursor.fetchone()[0]:
            return False
    statement = OverflowStatement.objects.get(cycle=cycle)
    record(
        actor=actor,
        verb=verbs.CYCLE_CLOSED,
        target=("book", cycle.book_id, cycle.book.product),
        after={
            "cycle": cycle.number,
            "used": format_credits(statement.used),
            "covered": format_credits(statement.covered),
            "amount": format_credits(statement.amount),
        },
        product=cycle.book.product,
    )
    return True


def _grant(renewal: _Renewal, amount: int) -> None:
    if amount == 0:
        return
    unallocated = Wallet.objects.get(book=renewal.book, kind=WalletKind.UNALLOCATED)
    _apply(renewal, [Move(None, unallocated.pk, amount, TransferKind.GRANT)])


def _replay_rules(renewal: _Renewal) -> Replayed:
    with connection.cursor() as cursor:
        cursor.execute(_RULES, [renewal.book.pk])
        rules = [Standing(*row) for row in cursor.fetchall()]
        cursor.execute(_FREE, [renewal.begun.pk])
        has: dict[UUID, int] = dict(cursor.fetchall())
    splits = sharings_of(renewal.book)
    replayed = replay(rules, has=has, splits=splits)
    spots = spots_of(renewal.book, replayed.given)
    parents = {wallet: spot.parent for wallet, spot in spots.items()}
    _apply(
        renewal,
        [
            Move(parents[wallet], wallet, amount, TransferKind.ALLOCATE)
            for wallet, amount in replayed.given.items()
            if amount
        ],
    )
    keep_rules(act=renewal.act, splits=splits, replayed=replayed, others=[r.wallet for r in rules])
    if replayed.shortfall:
        Cycle.objects.filter(pk=renewal.begun.pk).update(shortfall=replayed.shortfall)
        renewal.begun.shortfall = replayed.shortfall
    return replayed


def _apply(renewal: _Renewal, moves: Sequence[Move]) -> None:
    """Write moves of the new cycle, which nobody else can see yet, in two statements."""
    if not moves:
        return
    columns: dict[str, Any] = {
        "act": renewal.act.pk,
        "book": renewal.book.pk,
        "cycle": renewal.begun.pk,
        "ids": [uuid7() for _ in moves],
        "sources": [move.source for move in moves],
        "destinations": [move.destination for move in moves],
        "amounts": [move.amount for move in moves],
        "kinds": [str(move.kind) for move in moves],
    }
    with connection.cursor() as cursor:
        cursor.execute(_TRANSFERS, columns)
        cursor.execute(_DELTAS, columns)


def _record(renewal: _Renewal, granted: int, replayed: Replayed, actor: Actor) -> None:
    target = ("book", renewal.book.pk, renewal.book.product)
    number, product = renewal.begun.number, renewal.book.product
    record(
        actor=actor,
        verb=verbs.RENEWED,
        target=target,
        after={
            "cycle": number,
            "plan": renewal.plan.version,
            "starts_at": renewal.begun.starts_at.isoformat(),
            "ends_at": renewal.begun.ends_at.isoformat() if renewal.begun.ends_at else None,
            "granted": format_credits(granted),
        },
        product=product,
    )
    if replayed.shortfall:
        record(
            actor=actor,
            verb=verbs.SHORT,
            target=target,
            after={"cycle": number, "shortfall": format_credits(replayed.shortfall)},
            product=product,
        )
        notify(
            users=account_admins(),
            kind=SHORT_NEWS,
            params={"shortfall": format_credits(replayed.shortfall), "cycle": number},
            link=f"/{product}/credits/",
            product=product,
            dedup_key=f"shortfall:{renewal.begun.pk}",
        )


_DUE = """
SELECT * FROM credits_cycle
WHERE book_id = %s AND state = 'open' AND ends_at <= COALESCE(%s, clock_timestamp())
FOR NO KEY UPDATE
"""

_BEGIN = """
INSERT INTO credits_cycle (id, book_id, number, starts_at, ends_at, plan_version, state, shortfall)
VALUES (%s, %s, %s, %s, %s, %s, 'closing', 0)
ON CONFLICT (book_id, number) DO NOTHING
"""

_END = """
UPDATE credits_cycle
SET state = 'closing', rollover_left = %s, overflow_limit = %s, ended_by_id = %s
WHERE id = %s
"""

_OPEN = "UPDATE credits_cycle SET state = 'open' WHERE id = %s"

_BALANCES = """
INSERT INTO credits_balance (
    wallet_id, cycle_id, credited, used, reserved, overrun, credit_limit)
SELECT w.id, %(cycle)s, 0, 0, 0, 0, CASE w.kind WHEN 'overflow' THEN %(limit)s ELSE 0 END
FROM credits_wallet w WHERE w.book_id = %(book)s
"""

# Unallocated feeds what stands at the top.
_RULES = """
SELECT w.id, COALESCE(w.parent_id, top.id), COALESCE(parent.depth, 0), r.amount, r.mode, r.pinned
FROM credits_allocationrule r
JOIN credits_wallet w ON w.id = r.wallet_id
JOIN credits_wallet top ON top.book_id = w.book_id AND top.kind = 'unallocated'
LEFT JOIN credits_wallet parent ON parent.id = w.parent_id
WHERE w.book_id = %s AND r.split_id IS NULL
"""

_FREE = "SELECT wallet_id, credited - used - reserved FROM credits_balance WHERE cycle_id = %s"

_TRANSFERS = """
INSERT INTO credits_transfer (
    id, act_id, book_id, cycle_id, from_wallet_id, to_wallet_id, amount, kind)
SELECT m.id, %(act)s, %(book)s, %(cycle)s, m.source, m.destination, m.amount, m.kind
FROM unnest(%(ids)s::uuid[], %(sources)s::uuid[], %(destinations)s::uuid[], %(amounts)s::bigint[],
    %(kinds)s::text[]) AS m (id, source, destination, amount, kind)
"""

# What comes in covers an overrun that was carried over first.
_DELTAS = """
WITH ends AS (
    SELECT m.source, m.destination, m.amount
    FROM unnest(%(sources)s::uuid[], %(destinations)s::uuid[], %(amounts)s::bigint[])
        AS m (source, destination, amount)
), delta AS (
    SELECT e.wallet_id, sum(e.amount)::bigint AS amount
    FROM (
        SELECT source, -amount FROM ends UNION ALL SELECT destination, amount FROM ends
    ) AS e (wallet_id, amount)
    WHERE e.wallet_id IS NOT NULL GROUP BY e.wallet_id
)
UPDATE credits_balance b SET
    credited = b.credited + d.amount,
    overrun = GREATEST(b.used + b.reserved - b.credited - d.amount - b.credit_limit, 0)
FROM delta d WHERE b.wallet_id = d.wallet_id AND b.cycle_id = %(cycle)s
"""
