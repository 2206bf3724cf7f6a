"""What a provider's failure means to the caller. Credentials and addresses never get through."""

import re

import structlog

from core.gateway.errors import (
    UpstreamFailed,
    UpstreamLimited,
    UpstreamProblem,
    UpstreamRejected,
    UpstreamTimeout,
)
from core.gateway.ports import Deployment, Secret, secret_parts
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

# LiteLLM's own words around the provider's: "litellm.BadRequestError: OpenAIException - ...".
_AROUND = re.compile(r"^(?:(?:litellm\.)?\w+Error: )*(?:\w+Exception - )?(?:Error code: \d+ - )?")
_AFTER = re.compile(
    r"(?:\n\s*(?:LiteLLM:|Deployment Info:|Traceback|This looks)| To drop (?:it|these)"
    r"|\.? Handle with `litellm).*",
    re.DOTALL,
)
_SECRET = re.compile(r"\b(?:sk|pk|key|ck|Bearer)[-_ ][\w-]{6,}[\w*.-]*", re.IGNORECASE)
# An object of the process in an error of its connection.
_OBJECT = re.compile(r" ssl:(?:<[^>]*>|\w+)")
# How an adapter of LiteLLM, with status 500, passes on that nobody answered.
_NO_CONNECTION = ("Cannot connect to host", "All connection attempts failed")
# How LiteLLM says, with status 422, that it could not read an answer.
_UNREADABLE = "Error converting to valid response block"
# How Google says with status 400 what others say with 401.
_WRONG_KEY = ("API key not valid", "API_KEY_INVALID")
# How Mistral, DeepSeek and OpenRouter say with status 400 what others say with 404.
_UNKNOWN_MODEL = ("Invalid model: ", "Model Not Exist", "is not a valid model ID")
_TOO_LONG = "maximum context length"
_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
MOST_CHARACTERS = 600


class ContextTooLong(UpstreamRejected):
    """The messages are longer than the LLM's context window."""

    code = "context_length_exceeded"
    title = "The messages are too long for this LLM"


class ContentRefused(UpstreamRejected):
    """The provider's own content policy refused."""

    code = "content_policy_violation"
    title = "The provider's content policy refused this request"


class UpstreamCredential(UpstreamFailed):
    """The provider does not accept the deployment's credential, or does not know its LLM."""

    code = "upstream_misconfigured"
    title = "The provider did not accept our deployment of this LLM"


class UpstreamModelUnknown(UpstreamCredential):
    """The provider does not know the deployment's LLM."""


class UpstreamUnpaid(UpstreamCredential):
    """Who runs the deployment has no balance or quota left at the provider."""


class UpstreamUnreachable(UpstreamFailed):
    """Nobody answers at the provider's address."""


def problem_of_upstream(error: Exception, deployment: Deployment) -> Problem:
    """Return what went wrong at a provider as a problem of ours."""
    problem = _problem_of(error, deployment)
    problem.private_detail = _cleaned(str(getattr(error, "message", "") or ""), deployment)
    return problem


def _problem_of(error: Exception, deployment: Deployment) -> UpstreamProblem:
    original = getattr(error, "original_exception", None)
    if isinstance(original, Exception) and type(error).__name__ == "MidStreamFallbackError":
        error = original
    status = getattr(error, "status_code", None)
    # Names only: a provider's message may hold the prompt, or part of a credential.
    log.warning(
        "upstream_failed",
        deployment=deployment.label,
        error=type(error).__name__,
        status=status,
        cause=type(error.__cause__ or error.__context__).__name__,
    )
    if status == 408 or isinstance(error, TimeoutError):
        return UpstreamTimeout()
    if kind := _misconfigured(error, status):
        return kind("Ask who runs this gateway to test the deployment.")
    if status == 429:
        return UpstreamLimited(retry_after_seconds=_retry_after(error))
    if status in {400, 413, 415, 422} and _UNREADABLE not in _words_of(error):
        return _rejected(error, deployment)
    return UpstreamUnreachable() if _is_unreachable(error) else UpstreamFailed()


def _misconfigured(error: Exception, status: int | None) -> type[UpstreamCredential] | None:
    """Return what is wrong with the deployment, where the request is not to blame."""
    # A quota that is used up comes with 429, and waiting does not fill it.
    if status == 402 or "InsufficientBalanceError" in _kinds_of(error):
        return UpstreamUnpaid
    if status == 404 or (
        status == 400 and any(each in _words_of(error) for each in _UNKNOWN_MODEL)
    ):
        return UpstreamModelUnknown
    is_refused = status in {401, 403} or any(each in _words_of(error) for each in _WRONG_KEY)
    return UpstreamCredential if is_refused else None


def _kinds_of(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _words_of(error: Exception) -> str:
    return str(getattr(error, "message", "") or error)


def _is_unreachable(error: Exception) -> bool:
    if _kinds_of(error) & {"ClientConnectorError", "APIConnectionError"}:
        return True
    return any(words in _words_of(error) for words in _NO_CONNECTION)


def _rejected(error: Exception, deployment: Deployment) -> UpstreamProblem:
    kinds, detail = _kinds_of(error), _cleaned(_words_of(error), deployment)
    if "ContextWindowExceededError" in kinds or _TOO_LONG in detail:
        return ContextTooLong(detail)
    if "ContentPolicyViolationError" in kinds:
        return ContentRefused(detail)
    return UpstreamRejected(detail)


def _cleaned(text: str, deployment: Deployment) -> str:
    text = _OBJECT.sub("", _AROUND.sub("", _AFTER.sub("", text))).strip()
    for hidden in (*_parts_of(deployment.api_key), deployment.api_base):
        if hidden:
            text = text.replace(hidden, "…")
    return _SECRET.sub("…", text)[:MOST_CHARACTERS]


def _parts_of(secret: Secret | None) -> list[str]:
    """Return a credential, and each value in it where it has several."""
    if secret is None:
        return []
    whole = secret.reveal()
    return [whole, *(secret_parts(whole).values())]


def _retry_after(error: Exception) -> int:
    response = getattr(error, "response", None)
    found = (
        getattr(error, "litellm_response_headers", None),
        # Where a stream fails, the adapters' own errors come through.
        getattr(error, "headers", None),
        getattr(response, "headers", None),
    )
    value = next((str(each["retry-after"]) for each in found if each and "retry-after" in each), "")
    # Some count in halves.
    return min(-(-int(float(value) * 10) // 10), 3600) if _SECONDS.fullmatch(value) else 1
