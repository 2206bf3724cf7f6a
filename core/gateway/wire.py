"""Answers as our clients see them: OpenAI's fields and no others, whatever an adapter adds."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.audit.redaction import storable
from core.gateway.ports import LlmKind
from core.gateway.pricing import Usage

# More than any context window; a figure beyond it is a lie or a bug.
MOST_TOKENS = 50_000_000
# A week of sound.
MOST_SECONDS = 604_800

_SOUND = re.compile(r"audio/[a-z0-9.+-]{1,60}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the part of the body that is the provider's, and what it says it used."""

    content: dict[str, Any]
    usage: Usage | None
    upstream_model: str
    # What is no JSON: speech.
    raw: bytes = b""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a streamed answer. The last one has the usage and no choices."""

    choices: list[dict[str, Any]]
    usage: Usage | None = None
    upstream_model: str = ""


def reply_of(kind: LlmKind, response: Mapping[str, Any]) -> Reply:
    """Read a whole answer.

    Raises:
        ValueError: there is nothing in it.
    """
    content = _READERS[kind](response)
    if any(content.get(name) == [] for name in ("choices", "data", "results")):
        raise ValueError("The provider has answered without an answer.")
    read_usage = _USAGES.get(kind, usage_of)
    usage = read_usage(response.get("usage"))
    if usage is None and kind == "transcription":
        # Many report nothing, and say how long it was beside the text.
        usage = _usage_of_sound({"seconds": response.get("duration")})
    return Reply(content, usage, _model_of(response.get("model")))


def piece_of(chunk: Any, *, stream: Any) -> Piece:
    """Read a chunk of a stream. Usage that LiteLLM counted by itself does not count."""
    usage = getattr(chunk, "usage", None)
    if usage is not None and not _has_reported_usage(stream):
        usage = None
    choices = [_choice_of_chunk(choice) for choice in chunk.choices]
    return Piece(
        choices=[choice for choice in choices if choice["delta"] or choice["finish_reason"]],
        usage=None if usage is None else usage_of(usage.model_dump()),
        upstream_model=_model_of(chunk.model),
    )


def piece_of_json(chunk: Mapping[str, Any]) -> Piece:
    """Read a chunk of a stream as the provider has sent it."""
    choices = [_choice_of_json(choice) for choice in chunk.get("choices") or ()]
    return Piece(
        choices=[choice for choice in choices if choice["delta"] or choice["finish_reason"]],
        usage=usage_of(_usage_in(chunk)),
        upstream_model=_model_of(chunk.get("model")),
    )


def piece_of_reply(reply: Reply) -> Piece:
    """Return a whole chat answer as the one piece of a stream."""
    return Piece(
        [_piece_of(each) for each in reply.content["choices"]], reply.usage, reply.upstream_model
    )


def _piece_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    delta = {name: value for name, value in choice["message"].items() if value is not None}
    if calls := delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
    return {**{k: v for k, v in choice.items() if k != "message"}, "delta": delta}


def _usage_in(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the usage in a chunk; Groq's older ones have it in a field of their own."""
    own = chunk.get("x_groq")
    return chunk.get("usage") or (own.get("usage") if isinstance(own, Mapping) else None)


def speech_of(raw: bytes, media_type: str) -> Reply:
    """Return spoken words as an answer. A page is none, whatever the provider calls it."""
    kind = media_type.partition(";")[0].strip().lower()
    is_sound = _SOUND.fullmatch(kind) is not None
    return Reply({}, None, "", raw, kind if is_sound else "application/octet-stream")


def usage_of(reported: Mapping[str, Any] | None) -> Usage | None:
    """Read a provider's usage; None where it is missing or cannot be true."""
    if not reported:
        return None
    inputs = reported.get("prompt_tokens_details") or {}
    outputs = reported.get("completion_tokens_details") or {}
    # Embeddings have no output, and do not say so.
    read = _tokens(reported.get("prompt_tokens")), _tokens(reported.get("completion_tokens", 0))
    if None in read or not any(read):
        return None
    input_tokens, output_tokens = read[0] or 0, read[1] or 0
    # DeepSeek says in a field of its own what came from its cache.
    hit = inputs.get("cached_tokens") or reported.get("prompt_cache_hit_tokens")
    cached = _tokens(hit) or 0
    written = _tokens(reported.get("cache_creation_input_tokens")) or 0
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=min(cached, input_tokens),
        cache_write_tokens=min(written, max(input_tokens - cached, 0)),
        reasoning_tokens=min(_tokens(outputs.get("reasoning_tokens")) or 0, output_tokens),
        audio_input_tokens=_tokens(inputs.get("audio_tokens")) or 0,
        audio_output_tokens=_tokens(outputs.get("audio_tokens")) or 0,
    )


def _usage_of_sound(reported: Mapping[str, Any] | None) -> Usage | None:
    """Read what a transcription has used: tokens, or seconds at ten tokens each."""
    if not reported:
        return None
    seconds = reported.get("seconds")
    if isinstance(seconds, int | float) and 0 < seconds < MOST_SECONDS:
        tokens = -(-int(seconds * 10_000) // 1_000)
        return Usage(input_tokens=tokens, audio_input_tokens=tokens)
    details = reported.get("input_token_details") or {}
    read = _tokens(reported.get("input_tokens")), _tokens(reported.get("output_tokens", 0))
    if not read[0] or read[1] is None:
        return None
    sound = _tokens(details.get("audio_tokens"))
    audio = read[0] if sound is None else min(sound, read[0])
    return Usage(input_tokens=read[0], output_tokens=read[1], audio_input_tokens=audio)


def _usage_of_reranking(reported: Mapping[str, Any] | None) -> Usage | None:
    """Read what reranking has used; many providers say only how much in all."""
    total = _tokens((reported or {}).get("total_tokens"))
    return Usage(input_tokens=total) if total else None


_USAGES: dict[str, Callable[[Mapping[str, Any] | None], Usage | None]] = {
    "transcription": _usage_of_sound,
    "rerank": _usage_of_reranking,
}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Return usage as OpenAI's chat API reports it."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def is_cut_short(chunk: Any, *, stream: Any) -> bool:
    """Whether a chunk is the end that LiteLLM makes up where the provider has sent none."""
    if not any(choice.finish_reason for choice in chunk.choices):
        return False
    kept = getattr(stream, "chunks", None) or ()
    return not any(choice.finish_reason for each in reversed(kept) for choice in each.choices)


def _has_reported_usage(stream: Any) -> bool:
    # LiteLLM keeps what the provider sent; a usage that is in none of it is LiteLLM's guess.
    chunks = getattr(stream, "chunks", None) or ()
    return any(getattr(chunk, "usage", None) is not None for chunk in chunks)


def _model_of(claimed: Any) -> str:
    # It goes into the ledger and into logs, which take no NUL.
    return storable(str(claimed or ""))[:200]


def _chat(response: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "choices": [
            {
                "index": _index_of(choice, index),
                "message": _message(choice.get("message") or {}),
                "logprobs": choice.get("logprobs"),
                "finish_reason": _word_of(choice.get("finish_reason")) or "stop",
            }
            for index, choice in enumerate(response.get("choices") or ())
        ],
        "system_fingerprint": _word_of(response.get("system_fingerprint")),
    }


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {
        "role": "assistant",
        "content": _text_of(message.get("content")),
        "refusal": _text_of(message.get("refusal")),
    }
    if thought := _thought_of(message):
        read["reasoning_content"] = thought
    if message.get("annotations") and isinstance(message["annotations"], list):
        read["annotations"] = message["annotations"]
    if message.get("tool_calls"):
        read["tool_calls"] = [_tool_call(call) for call in message["tool_calls"]]
    return read


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {
            "name": _word_of(function.get("name")),
            "arguments": _arguments_of(function),
        },
    }


def _text_of(value: Any) -> str | None:
    """Return a text, also where it comes in parts. Guardrails and the meter know texts only."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def _thought_of(said: Mapping[str, Any]) -> str | None:
    """Return what an LLM thought before it answered.

    Groq, Ollama, OpenRouter and vLLM have a name of their own for it; Mistral's thoughts are parts
    of the content.
    """
    for name in ("reasoning_content", "reasoning"):
        if thought := _text_of(said.get(name)):
            return thought
    content = said.get("content")
    if not isinstance(content, list):
        return None
    parts = (part.get("thinking") for part in content if isinstance(part, Mapping))
    return "".join(_text_of(thinking) or "" for thinking in parts) or None


def _arguments_of(function: Mapping[str, Any]) -> str:
    """Return a tool call's arguments as JSON; some providers send the object itself."""
    given = function.get("arguments") or ""
    return given if isinstance(given, str) else orjson.dumps(given).decode()


def _word_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _index_of(found: Mapping[str, Any], otherwise: int = 0) -> int:
    index = found.get("index")
    return index if isinstance(index, int) else otherwise


def _embedding(response: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "data": [
            {
                "object": "embedding",
                "index": entry.get("index", index),
                "embedding": entry["embedding"],
            }
            for index, entry in enumerate(response.get("data") or ())
        ]
    }


def _image(response: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("b64_json", "url", "revised_prompt")
    return {
        "data": [
            {key: entry[key] for key in keys if entry.get(key) is not None}
            for entry in response.get("data") or ()
        ]
    }


def _transcription(response: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {"text": str(response.get("text") or "")}
    for key in ("language", "duration"):
        if response.get(key) is not None:
            read[key] = response[key]
    for key in ("segments", "words"):
        pieces = response.get(key)
        if isinstance(pieces, list):
            read[key] = [dict(piece) for piece in pieces if isinstance(piece, Mapping)]
    return read


def _rerank(response: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("index", "relevance_score", "document")
    return {
        "results": [
            {key: result[key] for key in keys if result.get(key) is not None}
            for result in response.get("results") or ()
        ]
    }


def _moderation(response: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("flagged", "categories", "category_scores", "category_applied_input_types")
    return {
        "results": [
            {key: result[key] for key in keys if key in result}
            for result in response.get("results") or ()
        ]
    }


_READERS: dict[LlmKind, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "chat": _chat,
    "embedding": _embedding,
    "image": _image,
    "transcription": _transcription,
    "rerank": _rerank,
    "moderation": _moderation,
}


def _choice_of_json(choice: Mapping[str, Any]) -> dict[str, Any]:
    delta = choice.get("delta") or {}
    read: dict[str, Any] = {"role": "assistant"} if delta.get("role") else {}
    for key in ("content", "refusal"):
        if text := _text_of(delta.get(key)):
            read[key] = text
    if thought := _thought_of(delta):
        read["reasoning_content"] = thought
    if delta.get("tool_calls"):
        # Who sends calls as a whole often leaves out which of them it is.
        read["tool_calls"] = [
            _tool_delta_of_json(call, place) for place, call in enumerate(delta["tool_calls"])
        ]
    return {
        "index": _index_of(choice),
        "delta": read,
        "logprobs": choice.get("logprobs"),
        "finish_reason": _word_of(choice.get("finish_reason")),
    }


def _tool_delta_of_json(call: Mapping[str, Any], place: int) -> dict[str, Any]:
    given = call.get("function") or {}
    read: dict[str, Any] = {"index": _index_of(call, place)}
    function: dict[str, Any] = {"arguments": _arguments_of(given)}
    if name := _word_of(given.get("name")):
        function["name"] = name
    if call.get("id"):
        read |= {"id": call["id"], "type": "function"}
    return {**read, "function": function}


def _choice_of_chunk(choice: Any) -> dict[str, Any]:
    delta = choice.delta
    read: dict[str, Any] = {}
    if getattr(delta, "role", None):
        read["role"] = "assistant"
    for key in ("content", "reasoning_content", "refusal"):
        value = getattr(delta, key, None)
        if isinstance(value, str) and value:
            read[key] = value
    if getattr(delta, "tool_calls", None):
        read["tool_calls"] = [_tool_delta(call) for call in delta.tool_calls]
    logprobs: Any = getattr(choice, "logprobs", None)
    return {
        "index": choice.index,
        "delta": read,
        "logprobs": logprobs.model_dump() if hasattr(logprobs, "model_dump") else logprobs,
        "finish_reason": choice.finish_reason,
    }


def _tool_delta(call: Any) -> dict[str, Any]:
    read: dict[str, Any] = {"index": call.index}
    function: dict[str, Any] = {"arguments": call.function.arguments or ""}
    if call.function.name:
        function["name"] = call.function.name
    if call.id:
        read |= {"id": call.id, "type": "function"}
    return {**read, "function": function}


def _tokens(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        return None
    return value
