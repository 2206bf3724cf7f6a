"""`Problem`: the base of every failure that the world, and not a programmer, may cause.

Faces translate it: REST into RFC 9457 problem documents, pages into form errors and messages,
the gateway into the error shape of the API it speaks.
"""

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
