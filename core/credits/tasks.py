"""The ledger's jobs."""

import structlog

from core.credits import charging
from core.tenancy.jobs import account_job, fan_out, platform_job

log = structlog.get_logger(__name__)

# One job leaves the worker to others after this many batches; the next tick goes on.
MAX_BATCHES = 50


@platform_job(name="platform.sweep_reservations")
def sweep_all_accounts() -> int:
    """Start `credits.sweep_reservations` in each account; return in how many."""
    return fan_out("credits.sweep_reservations")


@account_job(name="credits.sweep_reservations")
def sweep_reservations() -> None:
    """End the holds of calls that were not settled in time."""
    for _ in range(MAX_BATCHES):
        answer = charging.sweep(limit=charging.SWEEP_BATCH)
        if answer.total:
            log.info(
                "reservations_swept",
                charged=answer.charged,
                freed=answer.freed,
                forgotten=answer.forgotten,
            )
        if answer.total < charging.SWEEP_BATCH:
            return
