"""What a call may cost at most, and what it did cost: always from our own price rows.

What LiteLLM or the upstream say about prices plays no part: LiteLLM prices by the name that the
upstream claims, and knows nothing of an account's terms.
"""

from dataclasses import dataclass
from decimal import Decimal

from core.gateway.ports import Price

NOTHING = Decimal(0)
_MILLION = Decimal(1_000_000)

# Token counters differ by provider; a bound that is a little high holds credits for seconds only.
INPUT_MARGIN_PERCENT = 110


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used. Tokens of special kinds are part of the input or the output."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    images: int = 0
    is_estimated: bool = False


def upper_bound(price: Price, *, input_tokens: int, output_tokens: int, images: int = 0) -> Decimal:
    """Return the most a call can cost in US dollars, whatever kind its tokens turn out to be."""
    dearest_input = max(price.input, price.cache_read, price.cache_write, price.audio_input)
    dearest_output = max(price.output, price.reasoning, price.audio_output)
    padded = -(-input_tokens * INPUT_MARGIN_PERCENT // 100)
    tokens = padded * dearest_input + output_tokens * dearest_output
    return tokens / _MILLION + images * price.image_each + price.request


def affordable_output_tokens(price: Price, *, budget_usd: Decimal, input_tokens: int) -> int:
    """Return how many output tokens a budget leaves after the input; never negative."""
    rest = budget_usd - upper_bound(price, input_tokens=input_tokens, output_tokens=0)
    dearest_output = max(price.output, price.reasoning, price.audio_output)
    if rest <= 0 or dearest_output <= 0:
        return 0
    return int(rest * _MILLION / dearest_output)


def cost_of(usage: Usage, price: Price) -> Decimal:
    """Return what a call cost in US dollars."""
    special = usage.cached_tokens + usage.cache_write_tokens + usage.audio_input_tokens
    plain_input = max(usage.input_tokens - special, 0)
    plain_output = max(usage.output_tokens - usage.reasoning_tokens - usage.audio_output_tokens, 0)
    tokens = (
        plain_input * price.input
        + usage.cached_tokens * price.cache_read
        + usage.cache_write_tokens * price.cache_write
        + usage.audio_input_tokens * price.audio_input
        + plain_output * price.output
        + usage.reasoning_tokens * price.reasoning
        + usage.audio_output_tokens * price.audio_output
    )
    return tokens / _MILLION + usage.images * price.image_each + price.request
