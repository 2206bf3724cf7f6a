"""`Problem`: the base of every failure that the world, and not a programmer, may cause.

Faces translate it: REST into RFC 9457 problem documents, pages into form errors and messages,
the gateway into the error shape of the API it speaks.
"""

from collections.abc import Iterator
from typing import Any, ClassVar


class Problem(Exception):
    """An expected failure with a stable code, a title and an HTTP status."""

    code: ClassVar[str] = "problem"
    title: ClassVar[str] = "Something is not right"
    status: ClassVar[int] = 400

    def __init__(self, detail: str = "", **extensions: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extensions = extensions


class InvalidInput(Problem):
    """The input does not make sense; `errors` lists pointer, code and detail of each fault."""

    code = "invalid_input"
    title = "The input is not valid"
    status = 422


class Unauthenticated(Problem):
    """Nobody, or nobody we know, is asking."""

    code = "unauthenticated"
    title = "Sign in or send a valid token"
    status = 401


class NotAllowed(Problem):
    """The actor may see this but may not do that."""

    code = "not_allowed"
    title = "You may not do this"
    status = 403


class NotFound(Problem):
    """It does not exist, or the actor may not know that it does."""

    code = "not_found"
    title = "There is no such thing here"
    status = 404


class Conflict(Problem):
    """The current state does not admit this."""

    code = "conflict"
    title = "This does not fit the current state"
    status = 409


class ChangedMeanwhile(Conflict):
    """Somebody has changed since what the actor was looking at, and would be overwritten."""

    code = "changed_meanwhile"
    title = "Somebody has just changed this"


class BadRequest(Problem):
    """The request contradicts itself, or broke off before it was complete."""

    code = "bad_request"
    title = "The request makes no sense"


class MalformedBody(Problem):
    """The body is not the format that it says it is."""

    code = "malformed_body"
    title = "The body cannot be read"


class MethodNotAllowed(Problem):
    """The address exists, but not with this method; the header Allow names those it has."""

    code = "method_not_allowed"
    title = "This method does not exist here"
    status = 405


class NotAcceptable(Problem):
    """The header Accept asks for a format that we do not have."""

    code = "not_acceptable"
    title = "We cannot answer in this format"
    status = 406


class PreconditionFailed(Problem):
    """Somebody has changed the object since it was read: its ETag is not the one in If-Match."""

    code = "precondition_failed"
    title = "It has changed in the meantime"
    status = 412


class BodyTooLarge(Problem):
    """The body is larger than this address takes. Send less at once."""

    code = "body_too_large"
    title = "The request is too large"
    status = 413


class UnsupportedMediaType(Problem):
    """The header Content-Type names a format that this address does not read."""

    code = "unsupported_media_type"
    title = "We cannot read this format"
    status = 415


class TooManyRequests(Problem):
    """More was asked in a short time than is allowed; the header Retry-After says how to go on."""

    code = "throttled"
    title = "Too many requests"
    status = 429


class InternalError(Problem):
    """A fault of ours. It is logged under its request id, and nothing of the request was kept."""

    code = "internal_error"
    title = "Something broke on our side"
    status = 500


def known_problems() -> dict[str, type[Problem]]:
    """Return every problem that the product declares, by its code."""
    return {kind.code: kind for kind in sorted(_below(Problem), key=lambda kind: kind.code)}


def _below(kind: type[Problem]) -> Iterator[type[Problem]]:
    for inner in kind.__subclasses__():
        # What tests declare is not the product's.
        if not inner.__module__.startswith("tests"):
            yield inner
        yield from _below(inner)
