"""Vendors that speak OpenAI's format with an accent, each as it really differs from the others.

How they differ: whether a key goes into `authorization` or `api-key`, what else a path and a body
must have, where usage stands and what it is called, what comes between the chunks, and what a
refusal looks like.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.server import Seen
from tests.fakes.upstream import COMPLETION_TOKENS, PROMPT_TOKENS, WORDS
from tests.fakes.vendors.wire import ARGUMENTS, CACHED, SAID, THOUGHT, Wire, shown

Json = dict[str, Any]
_FILTERS = {"hate": {"filtered": False, "severity": "safe"}}


@dataclass(frozen=True, slots=True)
class Accent:
    """How one vendor's format differs from OpenAI's."""

    error: Callable[[int, str], Json]
    wrong_key: str
    # What is said of a model that is not there, and with which status.
    unknown_model: tuple[int, str]
    # By the model's name: what else the vendor refuses in words of its own.
    refusals: Mapping[str, tuple[int, Json]]
    answer: Callable[[Json, str], Json] = lambda answer, _model: answer
    chunks: Callable[[list[Json], str], list[Json]] = lambda chunks, _model: chunks
    # What is not in the form that the vendor takes.
    refuses: Callable[[Seen], tuple[int, Json] | None] = lambda _request: None
    # Before the first chunk, while the vendor looks for somebody to answer.
    waits: bytes = b""
    thinks_in: str = "reasoning_content"


def wire_of(accent: Accent) -> Wire:
    """Return a vendor's format."""
    status, words = accent.unknown_model
    return Wire(
        lambda model: accent.answer(_answer(model, accent), model),
        lambda model: _stream(model, accent),
        accent.error,
        wrong_key=(401, accent.wrong_key),
        broken_part=b'data: {"choices": [{"delta": {"con\n\n',
        refusals={"unknown-model": (status, accent.error(status, words)), **accent.refusals},
        refuses=accent.refuses,
        waits=accent.waits,
    )


def _answer(model: str, accent: Accent) -> Json:
    message: Json = {"role": "assistant", "content": SAID}
    if model == "tools":
        message = {"role": "assistant", "content": None, "tool_calls": [_tool()]}
    if model == "thinks":
        message[accent.thinks_in] = THOUGHT
    answer: Json = {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1,
        "model": shown(model),
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(model)}],
    }
    return answer if model == "no-usage" else {**answer, "usage": _usage()}


def _stream(model: str, accent: Accent) -> list[bytes]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if model == "thinks":
        deltas.append({accent.thinks_in: THOUGHT})
    # Whole calls at once, as most of them send them.
    said = [{"tool_calls": [{"index": 0, **_tool()}]}] if model == "tools" else _words()
    chunks = [_chunk(model, delta) for delta in (*deltas, *said)]
    chunks.append(_chunk(model, {}, _reason(model)))
    if model != "no-usage":
        chunks.append({**_chunk(model, {}), "choices": [], "usage": _usage()})
    dressed = accent.chunks(chunks, model)
    return [*(_event(chunk) for chunk in dressed), b"data: [DONE]\n\n"]


def _words() -> list[Json]:
    return [{"content": word} for word in WORDS]


def _chunk(model: str, delta: Json, finish: str | None = None) -> Json:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": shown(model),
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _reason(model: str) -> str:
    return "tool_calls" if model == "tools" else "stop"


def _tool() -> Json:
    # Nine letters and digits: Mistral takes no others back.
    call = {"name": "lookup", "arguments": json.dumps(ARGUMENTS)}
    return {"id": "D681PevKs", "type": "function", "function": call}


def _usage() -> Json:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    }


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _usual_error(status: int, message: str, code: Any = None) -> Json:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# -- Azure OpenAI ----------------------------------------------------------------------------------


def _azure_error(status: int, message: str) -> Json:
    code = "DeploymentNotFound" if status == 404 else str(status)
    return {"error": {"code": code, "message": message}}


def _azure_refuses(request: Seen) -> tuple[int, Json] | None:
    _path, _, query = request.path.partition("?")
    if "api-key" not in request.headers or "authorization" in request.headers:
        return 401, _azure_error(401, "Access denied due to missing subscription key.")
    if not query.startswith("api-version="):
        return 404, {"error": {"code": "404", "message": "Resource not found"}}
    if "max_tokens" in request.body:
        said = "Unsupported parameter: 'max_tokens' is not supported with this model."
        return 400, _usual_error(400, said, "unsupported_parameter")
    return None


def _azure_answer(answer: Json, _model: str) -> Json:
    prompts = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
    [choice] = answer["choices"]
    choices = [{**choice, "content_filter_results": _FILTERS, "logprobs": None}]
    return {**answer, "choices": choices, "prompt_filter_results": prompts}


def _azure_chunks(chunks: list[Json], _model: str) -> list[Json]:
    prompts = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
    return [{**first, "prompt_filter_results": prompts}, *chunks]


AZURE = Accent(
    _azure_error,
    wrong_key="Access denied due to invalid subscription key or wrong API endpoint.",
    unknown_model=(404, "The API deployment for this resource does not exist."),
    refusals={
        "filtered": (
            400,
            {
                "error": {
                    "message": "The response was filtered due to the prompt triggering Azure "
                    "OpenAI's content management policy.",
                    "type": None,
                    "param": "prompt",
                    "code": "content_filter",
                    "status": 400,
                    "innererror": {
                        "code": "ResponsibleAIPolicyViolation",
                        "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
                    },
                }
            },
        ),
    },
    answer=_azure_answer,
    chunks=_azure_chunks,
    refuses=_azure_refuses,
)


# -- Mistral ---------------------------------------------------------------------------------------

_MISTRALS = frozenset(
    {"model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed",
     "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n",
     "prediction", "parallel_tool_calls", "reasoning_effort", "prompt_mode", "safe_prompt"}
)  # fmt: skip
_MISTRALS_IN_MESSAGES = frozenset({"role", "content", "tool_calls", "tool_call_id", "prefix"})


def _mistral_error(status: int, message: Any) -> Json:
    kinds = {400: ("invalid_model", "1500"), 429: ("service_tier_capacity_exceeded", "3505")}
    kind, code = kinds.get(status, ("invalid_request_error", None))
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def _mistral_refuses(request: Seen) -> tuple[int, Json] | None:
    places: list[list[Any]] = [["body", name] for name in request.body.keys() - _MISTRALS]
    for index, message in enumerate(request.body.get("messages", ())):
        extra = message.keys() - _MISTRALS_IN_MESSAGES - ({"name"} & {message["role"] == "tool"})
        places += [["body", "messages", index, message["role"], name] for name in extra]
    if not places:
        return None
    said = "Extra inputs are not permitted"
    wrong = [{"type": "extra_forbidden", "loc": at, "msg": said, "input": 1} for at in places]
    return 422, _mistral_error(422, {"detail": wrong})


def _mistral_chunks(chunks: list[Json], _model: str) -> list[Json]:
    """Its usage stands in the chunk that ends the answer; nobody can ask for one of its own."""
    *others, last = chunks
    if last["choices"]:
        return chunks
    return [*others[:-1], {**others[-1], "usage": last["usage"]}]


MISTRAL = Accent(
    _mistral_error,
    wrong_key="Unauthorized",
    unknown_model=(400, "Invalid model: nobody-knows"),
    refusals={
        "wrong-key": (401, {"detail": "Unauthorized"}),
        "too-long": (
            400,
            _mistral_error(
                400,
                "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 "
                "maximum context length",
            ),
        ),
    },
    chunks=_mistral_chunks,
    refuses=_mistral_refuses,
)


# -- Groq ------------------------------------------------------------------------------------------


def _groq_chunks(chunks: list[Json], model: str) -> list[Json]:
    """It says twice what it has used: in a field of its own, and as it was asked to."""
    first, *others = chunks
    first = {**first, "x_groq": {"id": "req_1"}}
    if model == "old":
        # Before it could be asked.
        last = {**others[-2], "x_groq": {"id": "req_1", "usage": _usage()}}
        others = [*others[:-2], last]
    return [first, *others]


GROQ = Accent(
    lambda status, message: _usual_error(
        status, message, "rate_limit_exceeded" if status == 429 else None
    ),
    wrong_key="Invalid API Key",
    unknown_model=(404, "The model `nobody-knows` does not exist or you do not have access to it."),
    refusals={
        "tool-failed": (
            400,
            {
                "error": {
                    "message": "Failed to call a function. Please adjust your prompt.",
                    "type": "invalid_request_error",
                    "code": "tool_use_failed",
                    "failed_generation": "<function=lookup>",
                }
            },
        ),
    },
    chunks=_groq_chunks,
    thinks_in="reasoning",
)


# -- DeepSeek --------------------------------------------------------------------------------------


def _with_cache(body: Json) -> Json:
    if not body.get("usage"):
        return body
    hit = {"prompt_cache_hit_tokens": CACHED, "prompt_cache_miss_tokens": PROMPT_TOKENS - CACHED}
    return {**body, "usage": {**body["usage"], **hit}}


DEEPSEEK = Accent(
    lambda status, message: _usual_error(status, message, "invalid_request_error"),
    wrong_key="Authentication Fails, Your api key: ****cdef is invalid",
    unknown_model=(400, "Model Not Exist"),
    refusals={
        "unpaid": (402, _usual_error(402, "Insufficient Balance", "invalid_request_error")),
        "too-long": (
            400,
            _usual_error(
                400,
                "This model's maximum context length is 65536 tokens. However, you requested "
                "70000 tokens.",
                "invalid_request_error",
            ),
        ),
    },
    answer=lambda answer, model: _with_cache(answer) if model == "cached" else answer,
    chunks=lambda chunks, model: [_with_cache(e) for e in chunks] if model == "cached" else chunks,
    waits=b": keep-alive\n\n",
)


# -- OpenRouter ------------------------------------------------------------------------------------


def _openrouter_error(status: int, message: str) -> Json:
    return {"error": {"message": message, "code": status}, "user_id": "user_1"}


def _with_cost(body: Json) -> Json:
    usage = body.get("usage")
    if not usage:
        return {**body, "provider": "Somebody"}
    # What it takes from the account's own balance there; our price is another matter.
    cost = {"cost": 12.5, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
    return {**body, "provider": "Somebody", "usage": {**usage, **cost}}


def _openrouter_chunks(chunks: list[Json], model: str) -> list[Json]:
    dressed = [_with_cost(chunk) for chunk in chunks]
    if model != "breaks":
        return dressed
    # The answer has begun: the status is long gone, and the refusal comes as a chunk.
    error = {"code": "server_error", "message": "Provider disconnected unexpectedly"}
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    return [*dressed[:8], {**_chunk(model, {}), "error": error, "choices": [choice]}]


OPENROUTER = Accent(
    _openrouter_error,
    wrong_key="No auth credentials found",
    unknown_model=(400, "nobody-knows is not a valid model ID"),
    refusals={
        "unpaid": (402, _openrouter_error(402, "Insufficient credits. Add more to continue.")),
        "filtered": (
            403,
            {
                "error": {
                    "code": 403,
                    "message": "This model requires moderation. Your input was flagged.",
                    "metadata": {
                        "reasons": ["violence"],
                        "flagged_input": "Hello",
                        "provider_name": "Somebody",
                        "model_slug": "somebody/model",
                    },
                }
            },
        ),
        # It has begun to work, so that the status says nothing any more.
        "limited-inside": (200, _openrouter_error(429, "Provider returned error")),
    },
    answer=lambda answer, _model: _with_cost(answer),
    chunks=_openrouter_chunks,
    waits=b": OPENROUTER PROCESSING\n\n" * 3,
    thinks_in="reasoning",
)


# -- Ollama and vLLM -------------------------------------------------------------------------------

OLLAMA = Accent(
    lambda status, message: {
        "error": {
            "message": message,
            "type": "not_found_error" if status == 404 else "api_error",
            "param": None,
            "code": None,
        }
    },
    # Only where somebody has put a proxy in front of it.
    wrong_key="unauthorized",
    unknown_model=(404, "model 'nobody-knows' not found"),
    refusals={},
    thinks_in="reasoning",
)


def _vllm_error(status: int, message: str) -> Json:
    kinds = {400: "BadRequestError", 404: "NotFoundError"}
    kind = kinds.get(status, "InternalServerError")
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


def _vllm_chunks(chunks: list[Json], model: str) -> list[Json]:
    if model != "breaks":
        return chunks
    # Then it says that it is done, as if all were well.
    return [*chunks[:8], _vllm_error(500, "EngineCore encountered an issue.")]


VLLM = Accent(
    _vllm_error,
    wrong_key="Unauthorized",
    unknown_model=(404, "The model `nobody-knows` does not exist."),
    refusals={
        "wrong-key": (401, {"error": "Unauthorized"}),
        "too-long": (
            400,
            _vllm_error(
                400,
                "This model's maximum context length is 4096 tokens. However, you requested 5000 "
                "tokens. Please reduce the length of the messages.",
            ),
        ),
    },
    chunks=_vllm_chunks,
)

# By the first part of the path at the fake; what comes after it is the vendor's own.
WIRES = {
    "azure": wire_of(AZURE),
    "mistral": wire_of(MISTRAL),
    "groq": wire_of(GROQ),
    "deepseek": wire_of(DEEPSEEK),
    "openrouter": wire_of(OPENROUTER),
    "ollama": wire_of(OLLAMA),
    "vllm": wire_of(VLLM),
}
# Where each keeps its chats.
PATHS = {
    "azure": "/openai/deployments/",
    "mistral": "/v1/chat/completions",
    "groq": "/openai/v1/chat/completions",
    "deepseek": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
    "ollama": "/v1/chat/completions",
    "vllm": "/v1/chat/completions",
}
BASES = {
    "azure": "/azure",
    "mistral": "/mistral/v1",
    "groq": "/groq/openai/v1",
    "deepseek": "/deepseek/v1",
    "openrouter": "/openrouter/api/v1",
    "ollama": "/ollama/v1",
    "vllm": "/vllm/v1",
}
