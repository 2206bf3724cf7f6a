"""Jobs of access."""

from core.access import granting, refusals
from core.tenancy.jobs import account_job, fan_out, platform_job


@platform_job(name="platform.forget_refusals")
def forget_refusals_everywhere() -> int:
    """Start `access.forget_refusals` in each account."""
    return fan_out("access.forget_refusals")


@account_job(name="access.forget_refusals")
def forget_refusals() -> int:
    """Forget refused calls that have had their time."""
    return refusals.forget_old_refusals()


@platform_job(name="platform.end_grants")
def end_grants_everywhere() -> int:
    """Start `access.end_grants` in each account."""
    return fan_out("access.end_grants")


@account_job(name="access.end_grants")
def end_grants() -> int:
    """Take away the grants whose time is over."""
    return granting.end_grants()
