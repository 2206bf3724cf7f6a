"""Test calls of deployments: asked for by the cockpit's pages, made by the gateway.

Only the gateway reaches providers. The web process asks with a ticket that it has signed; nothing
is charged, since the account's own contract with the provider pays.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core import signing

from core.gateway.egress import AddressRefused
from core.gateway.errors import (
    InvalidKey,
    UpstreamLimited,
    UpstreamProblem,
    UpstreamRejected,
    UpstreamTimeout,
)
from core.gateway.ports import Llm, Probe
from core.gateway.providers import Upstream
from core.gateway.upstream_errors import (
    UpstreamCredential,
    UpstreamModelUnknown,
    UpstreamUnpaid,
    UpstreamUnreachable,
)
from core.gateway.wire import Reply
from core.kit.problems import Problem

PATH = "/internal/deployment-tests"
TICKET_SECONDS = 60
# Somebody waits in front of a page.
PROBE_SECONDS = 30.0
_SALT = "gateway.deployment-test"

# Half a second of silence: RIFF, 8 kHz, 8 bits.
_SILENCE = (
    b"RIFF\xc4\x0f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    b"\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\xa0\x0f\x00\x00" + b"\x80" * 4000
)
_QUESTIONS: dict[str, dict[str, Any]] = {
    "chat": {
        "messages": [{"role": "user", "content": "Answer with the word OK."}],
        # Fewer would leave models that reason nothing to answer with.
        "max_tokens": 64,
    },
    "embedding": {"input": ["OK"]},
    "image": {"prompt": "A grey square", "n": 1},
    "speech": {"input": "OK", "voice": "alloy"},
    "transcription": {"file": ("silence.wav", _SILENCE, "audio/wav")},
    "rerank": {"query": "OK", "documents": ["OK", "No"]},
    "moderation": {"input": ["OK"]},
}


@dataclass(frozen=True, slots=True)
class ProbeTicket:
    """Which deployment of which account is to be tested."""

    account_id: UUID
    deployment_id: UUID

    def signed(self) -> str:
        """Return it as the gateway takes it, good for a minute."""
        return signing.dumps([str(self.account_id), str(self.deployment_id)], salt=_SALT)


def read_ticket(signed: str) -> ProbeTicket:
    """Return what a ticket names.

    Raises:
        InvalidKey: it is not ours, or older than a minute.
    """
    try:
        account, deployment = signing.loads(signed, salt=_SALT, max_age=TICKET_SECONDS)
        return ProbeTicket(UUID(account), UUID(deployment))
    except (signing.BadSignature, ValueError, TypeError):
        raise InvalidKey("Only the cockpit's pages ask for test calls.") from None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a test call. `outcome` is a word of `console.models.CheckOutcome`."""

    outcome: str
    detail: str = ""
    latency_ms: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "outcome": self.outcome,
            "detail": self.detail,
            "latency_ms": self.latency_ms,
            "facts": self.facts,
        }


async def probe(upstream: Upstream, asked: Probe) -> Verdict:
    """Call a deployment once, for as long as a call would wait, and say what came of it."""
    llm = asked.llm
    seconds = min(PROBE_SECONDS, llm.deployment.timeout_seconds or PROBE_SECONDS)
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            reply = await upstream.answer(
                asked.account, llm, dict(_QUESTIONS[llm.kind]), seconds=PROBE_SECONDS
            )
        outcome, detail = "ok", _what_came(llm, reply)
    except TimeoutError:
        outcome, detail = "timeout", f"No answer within {seconds:g} seconds."
    except Problem as problem:
        outcome, detail = _outcome_of(problem), _detail_of(problem)
    took = int((time.monotonic() - began) * 1000)
    return Verdict(outcome, detail[:600], took, upstream.facts(llm.deployment))


_OUTCOMES: tuple[tuple[type[Problem], str], ...] = (
    (AddressRefused, "address"),
    (UpstreamModelUnknown, "unknown_model"),
    (UpstreamUnpaid, "unpaid"),
    (UpstreamCredential, "credential"),
    (UpstreamUnreachable, "unreachable"),
    (UpstreamTimeout, "timeout"),
    (UpstreamLimited, "limited"),
    (UpstreamRejected, "rejected"),
)


def _outcome_of(problem: Problem) -> str:
    return next((word for kind, word in _OUTCOMES if isinstance(problem, kind)), "failed")


def _detail_of(problem: Problem) -> str:
    own = problem.private_detail if isinstance(problem, UpstreamProblem) else ""
    return own or problem.detail


def _what_came(llm: Llm, reply: Reply) -> str:
    if llm.kind != "chat":
        return ""
    message = reply.content["choices"][0]["message"] if reply.content["choices"] else {}
    return str(message.get("content") or "")[:100]
