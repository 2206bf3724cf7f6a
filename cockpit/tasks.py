"""Jobs that join several engines."""

import structlog

from core.credits.outlook import keep_forecast
from core.credits.selectors import book_of
from core.hierarchy.credit_alerts import tell_of_used_credits
from core.hierarchy.product import products
from core.tenancy.jobs import account_job, fan_out, platform_job

log = structlog.get_logger(__name__)


@platform_job(name="platform.watch_credits")
def watch_credits_everywhere() -> int:
    """Start `credits.watch` in each account; return in how many."""
    return fan_out("credits.watch")


@account_job(name="credits.watch")
def watch_credits() -> None:
    """Tell people whose credits run low, and keep the day's forecast of each book."""
    for product in products():
        told = tell_of_used_credits(product)
        is_first = keep_forecast(book_of(product.slug))
        if told or is_first:
            log.info("credits_watched", product=product.slug, told=told, forecast=is_first)
