"""The trail's jobs."""

from core.audit import sealing
from core.tenancy.jobs import account_job, fan_out, platform_job

# One job leaves the worker to others after this many batches; the next tick goes on.
MAX_BATCHES = 50


@platform_job(name="platform.seal_audit")
def seal_all(*, from_the_beginning: bool = False) -> int:
    """Seal the platform's own entries, then start `audit.seal` in each account."""
    _seal(from_the_beginning=from_the_beginning)
    return fan_out("audit.seal", from_the_beginning=from_the_beginning)


@account_job(name="audit.seal")
def seal(*, from_the_beginning: bool = False) -> int:
    """Chain what was written since; return how many entries."""
    return _seal(from_the_beginning=from_the_beginning)


def _seal(*, from_the_beginning: bool) -> int:
    total = 0
    for _ in range(MAX_BATCHES):
        sealed = sealing.seal_batch(from_the_beginning=from_the_beginning)
        total += sealed
        if sealed < sealing.BATCH:
            break
    return total
