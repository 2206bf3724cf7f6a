"""Jobs of client apps."""

from core.tenancy.jobs import account_job, fan_out, platform_job
from core.tokens import services


@platform_job(name="platform.sweep_tokens")
def sweep_all() -> int:
    """Start `tokens.sweep` in each account."""
    return fan_out("tokens.sweep")


@account_job(name="tokens.sweep")
def sweep() -> int:
    """Forget used assertions that have expired."""
    return services.sweep_used_assertions()
