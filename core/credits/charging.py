"""Charging from synchronous code, in the current account: the same steps as the gateway's lane.

Each step is one call of an SQL function, which decides and writes at once. Outside a transaction
it is a transaction of its own.
"""

from collections.abc import Sequence
from uuid import UUID

import orjson
from django.db import DatabaseError, OperationalError, connection, transaction

from core.credits import batching, messages
from core.credits.batching import Answer, End
from core.credits.messages import (
    HeartbeatRequest,
    RefundAnswer,
    RefundRequest,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
    SweepAnswer,
)
from core.tenancy.context import current_schema, in_account_schema

SWEEP_BATCH = 200


def reserve(request: ReserveRequest) -> ReserveAnswer:
    """Hold the upper bound of a call's price, from whichever wallets pay for it.

    Repeating it with the same request id and fingerprint answers `duplicate` and holds nothing
    more; with another fingerprint it answers `mismatch`. `core.credits.errors.problem_of` turns a
    refusal into a problem.
    """
    return messages.reserve_answer(_call("ledger_reserve", messages.to_json(request)))


def dispatch(request_id: UUID) -> bool:
    """Record that the upstream is about to be called; False if the hold is gone: do not call it."""
    return messages.outcome_of(_call("ledger_dispatch", _only(request_id))) == "dispatched"


def heartbeat(request: HeartbeatRequest) -> bool:
    """Keep the hold of a long call; False if it is gone."""
    answer = _call("ledger_heartbeat", messages.to_json(request))
    return messages.outcome_of(answer) == "extended"


def settle(request: SettleRequest) -> SettleAnswer:
    """Charge what a call cost, free the rest, and write its event.

    More than was held is charged all the same. After the sweep, the difference is charged and
    marked late. Repeating it changes nothing.
    """
    return messages.settle_answer(_call("ledger_settle", messages.to_json(request)))


def release(request_id: UUID) -> bool:
    """Give a hold back without a charge; False if it had ended before."""
    return messages.outcome_of(_call("ledger_release", _only(request_id))) == "released"


def refund(request: RefundRequest) -> RefundAnswer:
    """Give back part of what an ended call was charged, the last payer first.

    It goes into the cycle that was charged, or the open one once that is closed. Repeating it
    changes nothing; the same refund id with another call or amount answers `mismatch`.
    """
    return messages.refund_answer(_call("ledger_refund", messages.to_json(request)))


def batch(*, ends: Sequence[End] = (), calls: Sequence[ReserveRequest] = ()) -> list[Answer]:
    """Make many steps of the account at once: all ends, then the calls in their order.

    Returns the answers to the ends and then to the calls, alike those of the single steps. What
    the batch leaves out is made alone after it, and all of it is if one bad step fails the batch.
    """
    requests: list[End | ReserveRequest] = [*ends, *calls]
    try:
        with transaction.atomic():
            text = _call("ledger_batch", batching.to_json(ends, calls))
        answers = batching.from_json(text, ends, calls)
    except OperationalError:
        raise
    except DatabaseError:
        answers = [None] * len(requests)
    return [
        _alone(request) if answer is None else answer
        for request, answer in zip(requests, answers, strict=True)
    ]


def sweep(*, limit: int = SWEEP_BATCH) -> SweepAnswer:
    """End up to `limit` holds that nobody ended in time.

    What was never dispatched is freed. What was is charged by its estimate, marked unsettled.
    """
    request = orjson.dumps({"limit": limit}).decode()
    return messages.sweep_answer(_call("ledger_sweep", request))


def _alone(request: End | ReserveRequest) -> Answer:
    text = _call(batching.function_of(request), messages.to_json(request))
    return batching.read(request, orjson.loads(text))


def _call(function: str, request: str) -> str:
    assert in_account_schema(), "Whose ledger?"
    schema = connection.ops.quote_name(current_schema())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {schema}.{function}(%s::jsonb)::text", [request])
        return str(cursor.fetchone()[0])


def _only(request_id: UUID) -> str:
    return orjson.dumps({"request_id": request_id}).decode()
