"""Bodies of answers in OpenAI's shape, under our own ids and names.

The id is the request's, so that every chunk of a stream has the same one; the model is the name
that was asked for, whatever the provider claims to have run.
"""

import base64
import struct
import time
from collections.abc import Iterable
from typing import Any

from core.gateway.ports import Llm
from core.gateway.pricing import Usage
from core.gateway.ticket import Ticket
from core.gateway.wire import usage_body
from core.guardrails.verdicts import Verdict

DEMO_FINGERPRINT = "demo"


def whole_body(ticket: Ticket, content: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    if ticket.llm.kind == "embedding":
        return _embedding_body(ticket, content, usage)
    if ticket.llm.kind == "image":
        return {"created": int(time.time()), "data": content["data"]}
    if ticket.llm.kind in _AS_THEY_COME:
        return {**content, **_named(ticket, usage)}
    return {
        **_head(ticket, "chat.completion"),
        "system_fingerprint": _fingerprint(ticket, content.get("system_fingerprint")),
        "choices": content["choices"],
        "usage": usage_body(usage),
    }


_AS_THEY_COME = frozenset({"transcription", "speech", "rerank", "moderation"})


def _named(ticket: Ticket, usage: Usage) -> dict[str, Any]:
    if ticket.llm.kind == "transcription":
        return {}
    named: dict[str, Any] = {"model": ticket.llm.name}
    if ticket.llm.kind == "rerank":
        return {
            **named,
            "id": str(ticket.request_id),
            "usage": {"total_tokens": usage.input_tokens},
        }
    return {**named, "id": f"modr-{ticket.request_id.hex}"}


def chunk(ticket: Ticket, choices: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the body of a chunk."""
    body = {
        **_head(ticket, "chat.completion.chunk"),
        "system_fingerprint": _fingerprint(ticket, None),
        "choices": choices,
    }
    if ticket.body.wants_usage:
        # OpenAI sends null until the last one.
        body["usage"] = None
    return body


def usage_chunk(ticket: Ticket, usage: Usage) -> dict[str, Any]:
    """Return the chunk that ends a stream for a client that asked for usage."""
    return {**chunk(ticket, []), "usage": usage_body(usage)}


def model_body(llm: Llm) -> dict[str, Any]:
    """Return an LLM as `/v1/models` lists it; `cockpit` is ours, and SDKs ignore it."""
    price = llm.price
    return {
        "id": llm.name,
        "object": "model",
        # OpenAI's clients want a date; the catalogue knows none that would mean anything.
        "created": 0,
        "owned_by": llm.vendor,
        "cockpit": {
            "title": llm.title,
            "kind": llm.kind,
            "context_window": llm.context_window,
            "max_output_tokens": llm.max_output_tokens,
            "capabilities": sorted(llm.capabilities),
            "is_demo": llm.is_demo,
            "price_version": price.version if price else None,
        },
    }


def receipts(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Return verdicts as a header shows them: `pii;stage=input;outcome=masked;found=EMAIL:2`."""
    return tuple(_receipt(verdict) for verdict in verdicts)


def _receipt(verdict: Verdict) -> str:
    receipt = f"{verdict.preset};stage={verdict.stage};outcome={verdict.outcome}"
    if verdict.found:
        found = " ".join(f"{label}:{count}" for label, count in sorted(verdict.found.items()))
        receipt += f";found={found}"
    return receipt


def _embedding_body(ticket: Ticket, content: dict[str, Any], usage: Usage) -> dict[str, Any]:
    if ticket.body.encoding_format == "base64":
        for entry in content["data"]:
            entry["embedding"] = _as_base64(entry["embedding"])
    return {
        "object": "list",
        "model": ticket.llm.name,
        "data": content["data"],
        "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
    }


def _as_base64(vector: Any) -> str:
    if isinstance(vector, str):
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _head(ticket: Ticket, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{ticket.request_id.hex}",
        "object": kind,
        "created": ticket.created,
        "model": ticket.llm.name,
    }


def _fingerprint(ticket: Ticket, given: str | None) -> str | None:
    return DEMO_FINGERPRINT if ticket.runs.is_demo else given
