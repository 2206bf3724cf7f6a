"""Google's Gemini, by its own API and by Vertex AI, and the tokens of service accounts."""

import json
from typing import Any

from tests.fakes.upstream import COMPLETION_TOKENS, PROMPT_TOKENS, WORDS
from tests.fakes.vendors.wire import ARGUMENTS, PNG, SAID, Wire, shown

TOKEN = "ya29.canary-token-of-a-service-account"
_USAGE = {
    "promptTokenCount": PROMPT_TOKENS,
    "candidatesTokenCount": COMPLETION_TOKENS,
    "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS,
}
_STATES = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}


def chat(model: str) -> dict[str, Any]:
    """Return a whole answer."""
    if model.endswith("-tts"):
        return _part({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": PNG}}, model)
    call = {"functionCall": {"name": "lookup", "args": ARGUMENTS}}
    return _part(call if model == "tools" else {"text": SAID}, model)


def stream(model: str) -> list[bytes]:
    """Return the events of a streamed answer."""
    parts = [chat(model)]
    if model != "tools":
        last = len(WORDS) - 1
        parts = [_part({"text": w}, model, is_last=n == last) for n, w in enumerate(WORDS)]
    return [_event(json.dumps(each)) for each in parts]


def _part(part: dict[str, Any], model: str, *, is_last: bool = True) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": shown(model)}
    if is_last:
        candidate["finishReason"] = "STOP"
        if model != "no-usage":
            answer["usageMetadata"] = _USAGE
    return answer


def embeddings(action: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return vectors: of Gemini's batch, or of Vertex's instances."""
    if action == "batchEmbedContents":
        return {"embeddings": [{"values": [0.6, 0.8]} for _ in body["requests"]]}
    statistics = {"token_count": PROMPT_TOKENS, "truncated": False}
    vector = {"embeddings": {"values": [0.6, 0.8], "statistics": statistics}}
    return {"predictions": [vector for _ in body["instances"]]}


def images(body: dict[str, Any]) -> dict[str, Any]:
    """Return pictures of Imagen."""
    count = body.get("parameters", {}).get("sampleCount", 1)
    return {"predictions": [{"bytesBase64Encoded": PNG, "mimeType": "image/png"}] * count}


def error(status: int, message: str) -> dict[str, Any]:
    """Return a refusal."""
    state = _STATES.get(status, "INVALID_ARGUMENT" if status < 500 else "UNAVAILABLE")
    return {"error": {"code": status, "message": message, "status": state}}


def _event(data: str) -> bytes:
    return f"data: {data}\r\n\r\n".encode()


_BROKEN = _event('{"candidates": [{"content": {"pa')
GEMINI = Wire(
    chat,
    stream,
    error,
    # With a status that others keep for requests that are wrong themselves.
    wrong_key=(400, "API key not valid. Please pass a valid API key."),
    broken_part=_BROKEN,
)
VERTEX = Wire(
    chat,
    stream,
    error,
    wrong_key=(401, "Request had invalid authentication credentials."),
    broken_part=_BROKEN,
)
