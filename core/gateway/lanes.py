"""The lanes behind one interface, and the rule that chooses between them."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from core.gateway.bodies import Body
from core.gateway.fast_lane import FastLane
from core.gateway.ports import Deployment, Llm
from core.gateway.upstream import LiteLlm
from core.gateway.wire import Piece, Reply
from core.tenancy.context import AccountRef


class Lanes:
    """Providers that speak OpenAI's format by the fast lane, all others by LiteLLM."""

    def __init__(self, litellm: LiteLlm | None = None, fast: FastLane | None = None) -> None:
        self._litellm = litellm or LiteLlm()
        self._fast = fast or FastLane()

    async def count_input(self, body: Body) -> int:
        """Return how many tokens a request sends."""
        return await self._litellm.count_input(body)

    def count_text(self, text: str) -> int:
        """Return how many tokens a text has."""
        return self._litellm.count_text(text)

    def takes_image_addresses(self, llm: Llm) -> bool:
        """Whether an image may be given by its address, wherever the LLM runs."""
        return self._litellm.takes_image_addresses(llm)

    async def answer(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> Reply:
        """Return a whole answer."""
        return await self._lane(llm).answer(account, llm, params, seconds=seconds)

    def stream(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> AsyncIterator[Piece]:
        """Yield the pieces of an answer."""
        return self._lane(llm).stream(account, llm, params, seconds=seconds)

    def facts(self, deployment: Deployment) -> dict[str, Any]:
        """Return what is known of a model, as a start for its price and its limits."""
        return self._litellm.facts(deployment)

    async def close(self) -> None:
        """Close the connections of both."""
        await self._fast.close()
        await self._litellm.close()

    def _lane(self, llm: Llm) -> FastLane | LiteLlm:
        return self._fast if self._fast.takes(llm) else self._litellm
