"""A POST that is sent twice is done once: the `Idempotency-Key` header and its stored answers.

The change and its answer are one transaction, so a process that dies leaves neither, and the
claim that it leaves runs out. Within a schema a key belongs to one principal. Not stored are 409,
429 and 5xx: they say that the same call may succeed later.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from core.api.models import StoredAnswer
from core.kit.clock import now
from core.kit.ids import uuid7
from core.kit.problems import Conflict, InvalidInput, Problem
from core.vault.inline import open_text, seal_text

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

KEPT = timedelta(hours=24)
# Longer than any call of ours takes; whoever retries later takes the claim over.
CLAIM_SECONDS = 120
_PURPOSE = "stored answer"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# Headers that belong to an answer and not to the request that asks for it again.
_KEPT_HEADERS = ("ETag", "Location")


class IdempotencyKeyMissing(Problem):
    """This change needs the header Idempotency-Key, so that sending it twice does it once."""

    code = "idempotency_key_missing"
    title = "Send an Idempotency-Key"


class IdempotencyKeyInvalid(Problem):
    """The header Idempotency-Key must be 1 to 200 visible ASCII characters, such as a UUID."""

    code = "idempotency_key_invalid"
    title = "The Idempotency-Key is not valid"


class IdempotencyKeyReused(InvalidInput):
    """The key was used for another request within the last day. Send a new one."""

    code = "idempotency_key_reused"
    title = "The key was used for something else"


class StillRunning(Conflict):
    """The first call with this key has not ended yet; the same call again gets its answer."""

    code = "still_running"
    title = "The first call is still running"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one attempt to do what a key stands for and to store its answer."""

    row_id: int
    attempt: UUID


def key_in(headers: Mapping[str, str]) -> str | None:
    """Return the key of a request, or None; the draft's quotation marks may stand around it.

    Raises:
        IdempotencyKeyInvalid: it is empty, too long, or has characters that are not visible.
    """
    given = headers.get(HEADER)
    if given is None:
        return None
    key = given.strip()
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid("Send 1 to 200 visible ASCII characters, such as a UUID.")
    return key


def fingerprint_of(*, method: str, path: str, body: bytes) -> str:
    """Return what two requests have in common if they ask for the same."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


def run_once(
    handler: Callable[[], Response], *, principal: str, key: str, fingerprint: str
) -> Response:
    """Do what `handler` does, or answer what it was answered the first time.

    `handler` answers its own errors; what it changed is undone where its answer is an error.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
        StillRunning: the first call has not ended yet.
    """
    claimed = _claim(principal=principal, key=key, fingerprint=fingerprint)
    if isinstance(claimed, Response):
        return claimed
    try:
        with transaction.atomic():
            response = handler()
            if response.status_code >= 400:
                transaction.set_rollback(True)
            else:
                _store(claimed, response)
    except BaseException:
        _release(claimed)
        raise
    if response.status_code >= 400:
        _keep_refusal(claimed, response)
    return response


def sweep_answers() -> int:
    """Forget the answers that are older than a day."""
    gone, _ = StoredAnswer.objects.filter(created_at__lt=now() - KEPT).delete()
    return gone


def _claim(*, principal: str, key: str, fingerprint: str) -> Claim | Response:
    moment, attempt = now(), uuid7()
    row: StoredAnswer | None
    try:
        with transaction.atomic():
            row = StoredAnswer.objects.create(
                principal=principal,
                key=key,
                fingerprint=fingerprint,
                attempt=attempt,
                claimed_at=moment,
                created_at=moment,
            )
    except IntegrityError:
        row = StoredAnswer.objects.filter(principal=principal, key=key).first()
    else:
        return Claim(row.pk, attempt)
    if row is None:
        # The other call was refused in this very moment, and gave the key up.
        raise _still_running(1)
    return _answer_of(row, fingerprint=fingerprint, attempt=attempt)


def _answer_of(row: StoredAnswer, *, fingerprint: str, attempt: UUID) -> Claim | Response:
    """Return what a known key leads to: its answer, or its claim if nobody holds it any more."""
    is_expired = row.created_at < now() - KEPT
    if not is_expired and row.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was used for another request.")
    if not is_expired and row.status is not None:
        return _replayed(row)
    held_until = row.claimed_at + timedelta(seconds=CLAIM_SECONDS)
    if row.status is None and held_until > now():
        raise _still_running(int((held_until - now()).total_seconds()) + 1)
    return _taken_over(row, fingerprint=fingerprint, attempt=attempt)


def _taken_over(row: StoredAnswer, *, fingerprint: str, attempt: UUID) -> Claim:
    moment = now()
    taken = StoredAnswer.objects.filter(pk=row.pk, attempt=row.attempt, status=row.status).update(
        fingerprint=fingerprint,
        attempt=attempt,
        claimed_at=moment,
        created_at=moment,
        status=None,
        headers={},
        body="",
    )
    if not taken:
        raise _still_running(1)
    return Claim(row.pk, attempt)


def _still_running(seconds: int) -> StillRunning:
    wait = min(seconds, 5)
    return StillRunning(f"Ask again in {wait} seconds.", retry_after_seconds=wait)


def _replayed(row: StoredAnswer) -> Response:
    headers = dict(row.headers)
    content_type = headers.pop("Content-Type", None)
    text = open_text(row.body, purpose=_PURPOSE) if row.body else ""
    return Response(
        json.loads(text) if text else None,
        status=row.status,
        headers={**headers, REPLAYED: "true"},
        content_type=content_type,
    )


def _store(claim: Claim, response: Response) -> None:
    """Keep an answer, in the transaction of the change.

    Raises:
        StillRunning: this attempt took so long that another one has taken the claim over.
    """
    rendered = "" if response.data is None else JSONRenderer().render(response.data).decode()
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response.headers}
    if response.content_type:
        headers["Content-Type"] = response.content_type
    stored = StoredAnswer.objects.filter(pk=claim.row_id, attempt=claim.attempt).update(
        status=response.status_code,
        headers=headers,
        body=seal_text(rendered, purpose=_PURPOSE) if rendered else "",
    )
    if not stored:
        raise _still_running(5)


def _keep_refusal(claim: Claim, response: Response) -> None:
    if response.status_code in {409, 429} or response.status_code >= 500:
        _release(claim)
    else:
        _store(claim, response)


def _release(claim: Claim) -> None:
    StoredAnswer.objects.filter(pk=claim.row_id, attempt=claim.attempt).delete()
