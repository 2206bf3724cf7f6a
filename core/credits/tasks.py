"""The ledger's jobs."""

import structlog

from core.audit.services import Actor
from core.credits import charging
from core.credits.selectors import book_of, products_to_renew
from core.credits.services import renewing
from core.tenancy.jobs import account_job, enqueue_on_commit, fan_out, platform_job

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


@platform_job(name="platform.renew_books")
def renew_all_accounts() -> int:
    """Start `credits.renew_books` in each account; return in how many."""
    return fan_out("credits.renew_books")


@account_job(name="credits.renew_books")
def renew_books() -> list[str]:
    """Start a renewal for each book that is due or has a cycle to close; return their products.

    One job a book: trouble with one does not keep the other back.
    """
    products = products_to_renew()
    for product in products:
        enqueue_on_commit("credits.renew_book", product=product)
    return products


@account_job(name="credits.renew_book")
def renew_book(*, product: str) -> None:
    """Begin the cycles of a book that are due, and close those whose last call has ended."""
    cycles = renewing.renew_book(book=book_of(product), actor=Actor.job("credits.renew_book"))
    for cycle in cycles:
        log.info("book_renewed", product=product, cycle=cycle.number, shortfall=cycle.shortfall)
