"""Jobs of call logs."""

from core.tenancy.jobs import account_job, fan_out, platform_job
from core.usage import keeping


@platform_job(name="platform.forget_calls")
def forget_in_all() -> int:
    """Start `usage.forget_calls` in each account."""
    return fan_out("usage.forget_calls")


@account_job(name="usage.forget_calls")
def forget_calls() -> int:
    """Delete logs of calls that are kept no longer."""
    return keeping.forget_calls()
