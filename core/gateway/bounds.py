"""What a call may cost at most, and how long its answer may be."""

from decimal import Decimal

from core.credits.messages import ReserveAnswer
from core.gateway import pricing
from core.gateway.ports import Price
from core.gateway.ticket import Ticket
from core.gateway.upstream_errors import ContextTooLong
from core.kit.money import MICROCREDITS_PER_CREDIT

# For an LLM whose limit nobody has entered.
UNKNOWN_OUTPUT_LIMIT = 4_096


def output_limit(ticket: Ticket) -> int:
    """Return how many tokens each answer may have."""
    if ticket.llm.kind not in {"chat", "image"}:
        # What a transcription may write, a vector or a verdict never has.
        return ticket.body.max_output_tokens or 0
    limit = ticket.llm.max_output_tokens
    if ticket.llm.kind == "chat":
        limit = limit or UNKNOWN_OUTPUT_LIMIT
        if ticket.llm.context_window:
            # Providers refuse a limit that the window could never hold.
            limit = max(min(limit, ticket.llm.context_window - ticket.input_tokens), 1)
    asked = ticket.body.max_output_tokens
    return limit if asked is None else min(asked, limit)


def check_context(ticket: Ticket) -> None:
    """Refuse what is clearly too long.

    Raises:
        ContextTooLong: it is.
    """
    # A batch of texts to embed goes through the window one by one; the provider knows.
    is_one_text = ticket.llm.kind in {"chat", "image"}
    window = ticket.llm.context_window if is_one_text else 0
    # Our count is not the provider's, so only what is clearly too long is refused here.
    if window and ticket.input_tokens * 100 > window * pricing.INPUT_MARGIN_PERCENT:
        raise ContextTooLong(
            f"The request has about {ticket.input_tokens} tokens; {ticket.llm.name} takes "
            f"{window}.",
            param="prompt" if ticket.body.kind == "image" else "messages",
        )


def most_credits(ticket: Ticket, output_tokens: int) -> int:
    """Return the most that a call can cost with answers of so many tokens, in micro-credits."""
    # Whoever answers: a stand-in may be dearer than what was asked for.
    cost = max(
        pricing.upper_bound(
            price,
            input_tokens=ticket.input_tokens,
            output_tokens=output_tokens * ticket.body.choices,
            images=ticket.body.images,
        )
        for price in _prices(ticket)
    )
    return ticket.credits_of(cost)


def shrink(ticket: Ticket, answer: ReserveAnswer) -> None:
    """Let the answer be no longer than what could be held for it."""
    if answer.amount >= most_credits(ticket, ticket.output_limit):
        return
    budget = Decimal(answer.amount) / MICROCREDITS_PER_CREDIT / ticket.snapshot.credit_factor
    affordable = min(
        pricing.affordable_output_tokens(price, budget_usd=budget, input_tokens=ticket.input_tokens)
        for price in _prices(ticket)
    )
    ticket.output_limit = max(min(affordable // ticket.body.choices, ticket.output_limit), 1)


def _prices(ticket: Ticket) -> list[Price]:
    return [llm.price for llm in ticket.candidates if llm.price is not None]
