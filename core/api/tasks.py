"""Jobs of the REST API."""

from core.api import idempotency
from core.tenancy.jobs import account_job, fan_out, platform_job


@platform_job(name="platform.sweep_answers")
def sweep_all() -> int:
    """Sweep the platform's own answers, and start `api.sweep_answers` in each account."""
    idempotency.sweep_answers()
    return fan_out("api.sweep_answers")


@account_job(name="api.sweep_answers")
def sweep() -> int:
    """Forget the answers that are older than a day."""
    return idempotency.sweep_answers()
