"""The paths that run calls: how each is read, and in whose shape its errors are."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from core.gateway import bodies, media
from core.gateway.bodies import Body
from core.gateway.dialects import anthropic
from core.gateway.dialects.base import ErrorBody
from core.gateway.dialects.completions import read_completion
from core.gateway.dialects.responses import read_response
from core.gateway.errors import InvalidBody, error_body
from core.gateway.http import read_body
from core.gateway.settings import GatewaySettings

Read = Callable[[Request, GatewaySettings], Awaitable[Body]]


@dataclass(frozen=True, slots=True)
class CallPath:
    """One path."""

    path: str
    read: Read
    errors: ErrorBody = error_body


def _json(read: Callable[[bytes], Body]) -> Read:
    async def read_request(request: Request, settings: GatewaySettings) -> Body:
        return read(await read_body(request, settings))

    return read_request


async def _transcription(request: Request, settings: GatewaySettings) -> Body:
    raw = await read_body(request, settings, most=media.MOST_SOUND_BYTES + 64 * 1024)

    async def once() -> AsyncGenerator[bytes, None]:
        yield raw

    try:
        form = await MultiPartParser(
            request.headers, once(), max_files=1, max_fields=20, max_part_size=64 * 1024
        ).parse()
    except (MultiPartException, KeyError, ValueError):
        raise InvalidBody("Send the sound as a form: multipart/form-data with `file`.") from None
    try:
        return await media.read_transcription(form, raw)
    finally:
        await form.close()


CALL_PATHS = (
    CallPath("/v1/chat/completions", _json(bodies.read_chat)),
    CallPath("/v1/responses", _json(read_response)),
    CallPath("/v1/completions", _json(read_completion)),
    CallPath("/v1/messages", _json(anthropic.read_messages), anthropic.error_body),
    CallPath("/v1/embeddings", _json(bodies.read_embedding)),
    CallPath("/v1/images/generations", _json(bodies.read_image)),
    CallPath("/v1/audio/transcriptions", _transcription),
    CallPath("/v1/audio/speech", _json(media.read_speech)),
    CallPath("/v1/rerank", _json(media.read_rerank)),
    CallPath("/v1/moderations", _json(media.read_moderation)),
)
