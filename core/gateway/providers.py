"""The interface behind which all providers stand; `upstream.LiteLlm` is the first lane."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from core.gateway.bodies import Body
from core.gateway.ports import Deployment, Llm
from core.gateway.wire import Piece, Reply
from core.tenancy.context import AccountRef


class Upstream(Protocol):
    """Transport to providers, and a token counter."""

    async def count_input(self, body: Body) -> int: ...
    def count_text(self, text: str) -> int: ...
    def facts(self, deployment: Deployment) -> dict[str, Any]: ...
    def takes_image_addresses(self, llm: Llm) -> bool: ...

    async def answer(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> Reply: ...

    def stream(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> AsyncIterator[Piece]: ...
