"""Jobs of access."""

from core.access import refusals
from core.tenancy.jobs import account_job, fan_out, platform_job


@platform_job(name="platform.forget_refusals")
def forget_refusals_everywhere() -> int:
    """Start `access.forget_refusals` in each account."""
    return fan_out("access.forget_refusals")


@account_job(name="access.forget_refusals")
def forget_refusals() -> int:
    """Forget refused calls that have had their time."""
    return refusals.forget_old_refusals()
