"""Refusals of the gateway, and the one place that speaks OpenAI's error shape.

`{"error": {"message", "type", "param", "code"}}`; what a person needs to act on it, such as the
wallet that ran dry, stands beside them under `details`.
"""

from typing import Any

from django.db import InterfaceError, OperationalError

from core.kit.problems import Problem, Unauthenticated

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


class InvalidBody(Problem):
    """The body is not what this path takes; `param` names the field."""

    code = "invalid_request"
    title = "The request is not valid"
    status = 400


class BodyTooLarge(Problem):
    """The body is over the limit."""

    code = "body_too_large"
    title = "The request is too large"
    status = 413


class UnknownPath(Problem):
    """The gateway serves a few paths only."""

    code = "unknown_path"
    title = "There is nothing at this path"
    status = 404


class WrongMethod(Problem):
    """The path exists, but not for this method."""

    code = "wrong_method"
    title = "This path does not take this method"
    status = 405


class InvalidKey(Problem):
    """No key or token, or one that is unknown, expired or revoked."""

    code = "invalid_api_key"
    title = "The key or token is missing, unknown, expired or revoked"
    status = 401


class LlmNotFound(Problem):
    """The name is no LLM that this caller could use."""

    code = "model_not_found"
    title = "There is no such LLM here"
    status = 404


class LlmNotAllowed(Problem):
    """The LLM exists for the account, but not for this caller or this path."""

    code = "model_not_allowed"
    title = "This LLM is not on for you"
    status = 403


class PriceUnknown(Problem):
    """Without a price row nothing can be reserved."""

    code = "price_unknown"
    title = "This LLM has no price yet"
    status = 403


class AccountSuspended(Problem):
    """A super admin has suspended the account."""

    code = "account_suspended"
    title = "This account is suspended"
    status = 403


class GuardrailBlocked(Problem):
    """A guardrail found something that may not go on."""

    code = "guardrail_blocked"
    title = "A guardrail blocked this call"
    status = 400


class IdempotencyReplay(Problem):
    """A call with this key is running or has ended; it is not charged again."""

    code = "idempotency_replay"
    title = "This call was made before"
    status = 409


class Overloaded(Problem):
    """As many calls run as this process takes, or it is about to stop."""

    code = "overloaded"
    title = "The gateway is busy"
    status = 503


class LedgerUnavailable(Problem):
    """Credits cannot be reserved at the moment, so nothing may run."""

    code = "ledger_unavailable"
    title = "Credits cannot be checked at the moment"
    status = 503


class DeadlineExceeded(Problem):
    """The call took longer than any call may."""

    code = "deadline_exceeded"
    title = "The call took too long"
    status = 504


class CallStopped(Problem):
    """The gateway is stopping, and this call with it."""

    code = "gateway_stopping"
    title = "The gateway is being restarted"
    status = 503


class RateLimited(Problem):
    """The key has used up its requests or tokens of the minute."""

    code = "rate_limit_exceeded"
    title = "The key is at its rate limit"
    status = 429


class TooManyUnknownKeys(Problem):
    """An address has tried more keys that nobody knows than it may."""

    code = "too_many_unknown_keys"
    title = "Too many unknown keys came from this address"
    status = 429


class TooManyTokens(Problem):
    """The call alone is over what the key may use in a minute."""

    code = "over_tokens_per_minute"
    title = "The call is larger than the key's rate limit"
    status = 429


class AddressNotAllowed(Problem):
    """The key may be used from other addresses only."""

    code = "address_not_allowed"
    title = "This key may not be used from here"
    status = 403


class UpstreamProblem(Problem):
    """The provider did not answer. `private_detail` is its own words, for who runs the LLM."""

    private_detail: str = ""


class UpstreamRejected(UpstreamProblem):
    """The provider says that the request itself is wrong."""

    code = "upstream_rejected"
    title = "The provider rejected the request"
    status = 400


class UpstreamLimited(UpstreamProblem):
    """The provider admits no more requests at the moment."""

    code = "upstream_rate_limited"
    title = "The provider is at its rate limit"
    status = 429


class UpstreamTimeout(UpstreamProblem):
    """The provider did not answer in time."""

    code = "upstream_timeout"
    title = "The provider did not answer in time"
    status = 504


class UpstreamFailed(UpstreamProblem):
    """The provider broke, cut the connection, or refused the deployment's credential."""

    code = "upstream_failed"
    title = "The provider could not answer"
    status = 502


class ServerFault(Problem):
    """A fault of ours; the log has it under the request id."""

    code = "internal_error"
    title = "Something went wrong in the gateway"
    status = 500


def problem_of(error: BaseException) -> Problem:
    """Return an error as a problem; a fault of ours keeps its details to itself."""
    if isinstance(error, Unauthenticated):
        return InvalidKey(error.detail)
    if isinstance(error, Problem):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        # Postgres restarts, just as somebody was looked up whom no cache knew.
        return LedgerUnavailable("Try again in a moment; nothing was charged.")
    return ServerFault("The gateway failed. Quote the request id when you report it.")


def error_body(problem: Problem) -> dict[str, Any]:
    """Return a problem in OpenAI's shape."""
    details = {key: value for key, value in problem.extensions.items() if key != "param"}
    error: dict[str, Any] = {
        "message": problem.detail,
        "type": _type_of(problem.status),
        "param": problem.extensions.get("param"),
        "code": problem.code,
    }
    if details:
        error["details"] = details
    return {"error": error}


def error_headers(problem: Problem) -> dict[str, str]:
    """Return headers that tell a client whether trying again makes sense."""
    headers = {}
    if problem.status == 429 or isinstance(problem, Overloaded):
        headers["retry-after"] = str(problem.extensions.get("retry_after_seconds", 1))
    # OpenAI's SDKs repeat a 409 or 429, and obey this header where nothing would change.
    if problem.status in {402, 409} or isinstance(problem, TooManyTokens):
        headers["x-should-retry"] = "false"
    return headers


def _type_of(status: int) -> str:
    if status in _TYPES:
        return _TYPES[status]
    return "invalid_request_error" if status < 500 else "server_error"
