"""How vendors with OpenAI's wire format refuse: in many shapes, read as one. Pure values."""

from collections.abc import Mapping
from typing import Any


class UpstreamError(Exception):
    """A provider's refusal. `problem_of_upstream` reads the attributes."""

    def __init__(self, status_code: int, message: str = "", retry_after: str = "") -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code
        self.message = message
        self.litellm_response_headers = {"retry-after": retry_after}


class ContextWindowExceededError(UpstreamError):
    """The messages are too long for the LLM."""


class ContentPolicyViolationError(UpstreamError):
    """The provider's own policy refused."""


class InsufficientBalanceError(UpstreamError):
    """Who runs the deployment has nothing left at the provider."""


_BY_CODE = {
    "context_length_exceeded": ContextWindowExceededError,
    "content_policy_violation": ContentPolicyViolationError,
    "content_filter": ContentPolicyViolationError,
    "insufficient_quota": InsufficientBalanceError,
}


def refusal_of(status: int, body: Any, retry_after: str = "") -> UpstreamError:
    """Return a refusal of any shape: an object, a text, a list of wrong fields, or nothing."""
    error = body.get("error", body) if isinstance(body, Mapping) else {}
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, Mapping):
        error = {}
    code = error.get("code") or error.get("type")
    if status == 502 and isinstance(code, int) and 400 <= code < 600:
        # It has said "200" before it knew.
        status = code
    kind = _BY_CODE.get(code if isinstance(code, str) else "", UpstreamError)
    if _is_flagged(error):
        kind = ContentPolicyViolationError
        # OpenRouter says that it is forbidden, which would be a matter of the credential.
        status = 400
    return kind(status, _words_in(error.get("message") or error.get("detail")), retry_after)


def _is_flagged(error: Mapping[str, Any]) -> bool:
    metadata = error.get("metadata")
    return isinstance(metadata, Mapping) and "flagged_input" in metadata


def _words_in(said: Any) -> str:
    """Return a message as a text; Mistral's and FastAPI's are lists of wrong fields."""
    if isinstance(said, Mapping):
        said = said.get("detail") or said.get("message")
    if isinstance(said, list):
        return " ".join(_fault_in(each) for each in said[:5] if isinstance(each, Mapping))
    return said if isinstance(said, str) else ""


def _fault_in(fault: Mapping[str, Any]) -> str:
    at = fault.get("loc")
    place = ".".join(str(part) for part in at if part != "body") if isinstance(at, list) else ""
    return f"{place}: {fault.get('msg')}." if place else f"{fault.get('msg')}."
