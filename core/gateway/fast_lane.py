"""The lane for providers that speak OpenAI's own wire format: pooled connections, nothing between.

About a tenth of LiteLLM's work for a chunk. It takes whatever LiteLLM would take for the same
deployment, answers in the same values and fails with the same problems; the tests of calls run on
both lanes. Addresses that an account has typed in go this way only, since LiteLLM resolves names
by itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson

from core.gateway import wire
from core.gateway.connections import Pools
from core.gateway.egress import check_address
from core.gateway.endpoints import endpoint_of, is_openai_compatible
from core.gateway.errors import UpstreamFailed
from core.gateway.ports import Llm
from core.gateway.upstream_errors import problem_of_upstream
from core.gateway.upstream_refusals import UpstreamError, refusal_of
from core.gateway.wire import Piece, Reply
from core.kit.problems import Problem
from core.tenancy.context import AccountRef

# A dozen images in base64, or a batch of embeddings.
MOST_ANSWER_BYTES = 128 * 1024 * 1024
# A chunk of a stream; tool calls come in small bits.
MOST_LINE_BYTES = 8 * 1024 * 1024
MOST_ERROR_BYTES = 64 * 1024

_DONE = b"[DONE]"


class FastLane:
    """Calls of OpenAI-compatible providers."""

    def __init__(self) -> None:
        self._pools = Pools()

    def takes(self, llm: Llm) -> bool:
        """Whether this lane can call the LLM's deployment."""
        return is_openai_compatible(llm.deployment)

    async def answer(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> Reply:
        """Return the whole answer.

        Raises:
            A problem of `errors`, as LiteLLM's lane does.
        """
        try:
            async with asyncio.timeout(seconds), self._sent(llm, params) as response:
                if llm.kind == "speech":
                    return wire.speech_of(await _read(response), response.content_type)
                return wire.reply_of(llm.kind, _body(await _read(response)))
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001
            raise problem_of_upstream(error, llm.deployment) from None

    async def stream(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> AsyncIterator[Piece]:
        """Yield the pieces of a chat answer, usage last.

        Raises:
            A problem of `errors`, before the first piece or between two.
        """
        params = {**params, "stream": True, "stream_options": {"include_usage": True}}
        has_ended = False
        try:
            async with asyncio.timeout(seconds), self._sent(llm, params) as response:
                if response.content_type == "application/json":
                    # Some servers know no streams: they have answered, and want to be paid.
                    whole = wire.reply_of(llm.kind, _body(await _read(response)))
                    yield wire.piece_of_reply(whole)
                    return
                async for chunk in _chunks(response):
                    if chunk is None:
                        return
                    piece = wire.piece_of_json(chunk)
                    has_ended = has_ended or any(each["finish_reason"] for each in piece.choices)
                    yield piece
            if not has_ended:
                raise UpstreamFailed  # noqa: TRY301  it is one of the problems promised
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001
            raise problem_of_upstream(error, llm.deployment) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._pools.close()

    @contextlib.asynccontextmanager
    async def _sent(
        self, llm: Llm, params: Mapping[str, Any]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        deployment = llm.deployment
        endpoint = endpoint_of(llm, params)
        if deployment.egress is not None:
            # What somebody typed in has no query; Azure's version is ours.
            check_address(endpoint.url.partition("?")[0], deployment.egress)
        request = self._pools.session(deployment.egress).post(
            endpoint.url,
            data=endpoint.body,
            headers=endpoint.headers,
            allow_redirects=False,
        )
        async with request as response:
            if response.status != 200:
                raise await _refusal(response)
            yield response


async def _read(response: aiohttp.ClientResponse, most: int = MOST_ANSWER_BYTES) -> bytes:
    parts = bytearray()
    async for part in response.content.iter_any():
        parts += part
        if len(parts) > most:
            raise UpstreamError(502)
    return bytes(parts)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any] | None]:
    """Yield what each server-sent event holds; None for the one that says that it is done.

    An event may have its data in several lines. Some servers put no empty line between two events,
    so one counts as whole as soon as it can be read.
    """
    begun = b""
    async for line in _lines(response):
        data = begun + b"\n" + line if begun else line
        if data == _DONE:
            yield None
            return
        body = _read_json(data) if line else None
        if body is not None:
            begun = b""
            yield _checked(body)
        elif begun and not line:
            raise UpstreamError(502)
        else:
            begun = data
        if len(begun) > MOST_LINE_BYTES:
            raise UpstreamError(502)
    if begun:
        raise UpstreamError(502)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield each line of data in a stream, however the bytes were cut; nothing ends an event."""
    rest, came = bytearray(), 0
    async for part in response.content.iter_any():
        came += len(part)
        rest += part
        if came > MOST_ANSWER_BYTES or len(rest) > MOST_LINE_BYTES:
            raise UpstreamError(502)
        # A long line that comes byte by byte is not searched again with each of them.
        if b"\n" not in part:
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield bytes(line[5:].strip())
            elif not line.strip():
                yield b""
    # A last line without its end.
    if rest.startswith(b"data:"):
        yield bytes(rest[5:].strip())


def _body(raw: bytes) -> dict[str, Any]:
    """Return an answer, or a chunk of one. Some providers say "200" and put an error into it."""
    return _checked(_read_json(raw))


def _read_json(raw: bytes) -> Any:
    """Return what JSON says; None for what is none."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise UpstreamError(502)
    # vLLM's errors have no field of their own.
    if body.get("error") or body.get("object") == "error":
        raise refusal_of(502, body)
    return body


async def _refusal(response: aiohttp.ClientResponse) -> UpstreamError:
    try:
        body = orjson.loads(await _read(response, MOST_ERROR_BYTES))
    except (orjson.JSONDecodeError, UpstreamError, aiohttp.ClientError):
        body = {}
    # Redirects are not followed, and a provider that sends one is not set up as it should be.
    status = 404 if 300 <= response.status < 400 else response.status
    return refusal_of(status, body, response.headers.get("retry-after", ""))
