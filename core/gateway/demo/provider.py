"""Delivers demo answers as a provider would: with latency, in chunks, failing on demand."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from core.gateway.demo.answers import Answer, answer_to
from core.gateway.demo.directives import Directives, read_directives
from core.gateway.demo.vectors import DIMENSIONS, demo_image, embedding_of

# A word is about one and a third tokens.
TOKENS_PER_WORD = 4 / 3


class DemoFault(Exception):
    """The provider fails on purpose. LiteLLM reads both attributes."""

    def __init__(self, status_code: int, message: str) -> None:
        self.status_code = status_code
        self.message = message
        super().__init__(message)


class DemoProvider:
    """One provider for a process; it keeps no state."""

    def __init__(self, *, latency_seconds: float = 0.15, chunk_ms: float = 12.0) -> None:
        self._latency_seconds = latency_seconds
        self._chunk_ms = chunk_ms

    async def answers(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, model: str
    ) -> list[Answer]:
        """Return the answer of each choice.

        Raises:
            DemoFault: the prompt asks for a failure.
        """
        answers = _answers(messages, options, model)
        await self._begin(answers[0].directives)
        if answers[0].directives.reset_after is not None:
            raise DemoFault(502, "The connection was reset.")
        return answers

    async def stream(
        self, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], *, model: str
    ) -> tuple[Answer, AsyncIterator[tuple[str, dict[str, Any] | None]]]:
        """Return an answer and its pieces: bits of text, or of tool calls.

        Raises:
            DemoFault: the prompt asks for a failure, before the first piece or later.
        """
        answers = _answers(messages, options, model)
        if len(answers) > 1:
            raise DemoFault(400, "The demo provider streams one choice only; leave out `n`.")
        await self._begin(answers[0].directives)
        return answers[0], self._pieces(answers[0])

    async def _pieces(self, answer: Answer) -> AsyncIterator[tuple[str, dict[str, Any] | None]]:
        directives = answer.directives
        pause = (self._chunk_ms if directives.chunk_ms is None else directives.chunk_ms) / 1000
        for index, (text, tool) in enumerate(_deltas(answer)):
            if directives.reset_after is not None and index >= directives.reset_after:
                raise DemoFault(502, "The connection was reset.")
            if directives.is_malformed and index == 2:
                raise ValueError("The chunk is not valid JSON.")
            yield text, tool
            await asyncio.sleep(pause)

    async def embeddings(
        self, texts: Sequence[str], options: Mapping[str, Any]
    ) -> list[list[float]]:
        """Return one vector for each text."""
        await self._begin(read_directives(texts[-1])[0])
        dimensions = min(int(options.get("dimensions") or DIMENSIONS), 4096)
        return [embedding_of(text, dimensions) for text in texts]

    async def images(self, prompt: str, options: Mapping[str, Any]) -> list[str]:
        """Return PNGs in base64."""
        directives, rest = read_directives(prompt)
        await self._begin(directives)
        size = str(options.get("size") or "256x256")
        count = int(options.get("n") or 1)
        return [demo_image(f"{rest}|{index}", size) for index in range(count)]

    async def _begin(self, directives: Directives) -> None:
        wait = directives.latency_seconds
        await asyncio.sleep(self._latency_seconds if wait is None else wait)
        if directives.error == "timeout":
            raise DemoFault(408, "The provider did not answer in time.")
        if directives.error.isdecimal() and 400 <= int(directives.error) <= 599:
            raise DemoFault(int(directives.error), f"The demo provider answers {directives.error}.")


def _answers(
    messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], model: str
) -> list[Answer]:
    limit = options.get("max_completion_tokens") or options.get("max_tokens")
    words = None if limit is None else max(int(limit / TOKENS_PER_WORD), 1)
    return [
        answer_to(messages, options, model=model, most_words=words, choice=choice)
        for choice in range(int(options.get("n") or 1))
    ]


def _deltas(answer: Answer) -> list[tuple[str, dict[str, Any] | None]]:
    deltas: list[tuple[str, dict[str, Any] | None]] = [(piece, None) for piece in answer.pieces()]
    for index, call in enumerate(answer.tool_calls):
        # A provider sends the name first, and then the arguments bit by bit.
        bits = [call.arguments[at : at + 12] for at in range(0, len(call.arguments), 12)]
        for place, bit in enumerate(["", *bits]):
            function = {"name": call.name if place == 0 else None, "arguments": bit}
            tool = {
                "id": call.id if place == 0 else None,
                "type": "function",
                "index": index,
                "function": function,
            }
            deltas.append(("", tool))
    return deltas
