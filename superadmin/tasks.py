"""The platform's own clock entries; those of the engines stand beside the engines."""

from core.tenancy.jobs import fan_out, platform_job


@platform_job(name="platform.daily_figures")
def daily_figures() -> int:
    """Have every account push its figures to the public schema."""
    return fan_out("tenants.push_figures")
