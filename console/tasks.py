"""Jobs of Console."""

from console.services import key_warnings
from core.tenancy.jobs import account_job, fan_out, platform_job


@platform_job(name="platform.warn_of_expiring_keys")
def warn_all() -> int:
    """Start `console.warn_of_expiring_keys` in each account."""
    return fan_out("console.warn_of_expiring_keys")


@account_job(name="console.warn_of_expiring_keys")
def warn_of_expiring_keys() -> int:
    """Tell developers of keys that expire within a week."""
    return key_warnings.warn_of_expiring_keys()
