"""Runs bound guardrails over texts: all of them, then block over mask over flag.

The checks are plain CPU work. They run in a small pool of threads under a deadline, so that an
event loop can serve others meanwhile; a text without anything to look at costs no thread.
"""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from core.guardrails.errors import GuardrailUnavailable
from core.guardrails.presets import all_presets, preset_for
from core.guardrails.verdicts import (
    ACTIONS,
    BoundGuardrail,
    Checked,
    Finding,
    Stage,
    Verdict,
    pieces_of,
)

log = structlog.get_logger(__name__)

# Longer than a preset's own budget, so that the thread is free again when we stop waiting.
DEADLINE_SECONDS = 8.0
# A millisecond's work; handing it to a thread would take as long.
INLINE_CHARACTERS = 512
# All texts of a call together, where the worst that somebody can think of takes ten milliseconds.
INLINE_CHECK_CHARACTERS = 256


def for_stage(guardrails: Iterable[BoundGuardrail], stage: Stage) -> tuple[BoundGuardrail, ...]:
    """Return those that apply at a stage, the strictest first, so that a block ends it early."""
    chosen = [bound for bound in guardrails if stage in bound.stages]
    return tuple(sorted(chosen, key=lambda bound: ACTIONS.index(bound.action)))


def may_match(texts: Iterable[str], guardrails: Iterable[BoundGuardrail]) -> bool:
    """Whether any guardrail needs a closer look at any of the texts."""
    presets = {preset_for(bound.preset) for bound in guardrails}
    return any(
        preset.may_match(piece)
        for preset in presets
        for text in texts
        for _, piece in pieces_of(text)
    )


def check(texts: Sequence[str], guardrails: Iterable[BoundGuardrail], *, stage: Stage) -> Checked:
    """Return the texts with every finding masked that is to be masked, and all verdicts.

    A guardrail that cannot run leaves a verdict "failed".

    Raises:
        GuardrailUnavailable: the one that cannot run is mandatory.
    """
    masks: list[list[Finding]] = [[] for _ in texts]
    verdicts: list[Verdict] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    for bound in for_stage(guardrails, stage):
        try:
            found = _findings(texts, bound, deadline)
        # Whatever goes wrong inside a check must become a decision, never a crash of the call.
        except Exception as error:  # noqa: BLE001
            verdicts.append(failure_of(bound, stage, error))
            continue
        verdicts.append(Verdict.of(bound, stage, _counts(found)))
        if verdicts[-1].outcome == "blocked":
            # Nothing goes on, so nothing need be masked.
            return Checked(tuple(texts), tuple(verdicts))
        if bound.action == "mask":
            for mine, findings in zip(masks, found, strict=True):
                mine.extend(findings)
    masked = tuple(mask(text, found) for text, found in zip(texts, masks, strict=True))
    return Checked(masked, tuple(verdicts))


class GuardrailPool:
    """The threads of one process that run checks."""

    def __init__(self, *, threads: int = 2, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="guardrail")
        self._deadline_seconds = deadline_seconds

    async def check(
        self, texts: Sequence[str], guardrails: Iterable[BoundGuardrail], *, stage: Stage
    ) -> Checked:
        """Do what `check` does, in a thread and under the deadline where there is much to check.

        Raises:
            GuardrailUnavailable: a mandatory guardrail could not run or did not finish in time.
        """
        chosen = for_stage(guardrails, stage)
        is_short = sum(map(len, texts)) <= INLINE_CHECK_CHARACTERS
        if is_short or not may_match(texts, chosen):
            return check(texts, chosen, stage=stage)
        loop = asyncio.get_running_loop()
        # What the thread logs says whose call it is.
        context = contextvars.copy_context()
        running = loop.run_in_executor(
            self._executor, context.run, partial(check, texts, chosen, stage=stage)
        )
        try:
            return await asyncio.wait_for(running, self._deadline_seconds)
        except TimeoutError as error:
            failures = tuple(failure_of(bound, stage, error) for bound in chosen)
            return Checked(tuple(texts), failures)

    async def find(self, text: str, bound: BoundGuardrail) -> list[Finding]:
        """Return what one guardrail objects to in one text; for windows over a stream.

        Raises:
            Whatever the check raises; the caller decides what follows from it.
        """
        preset = preset_for(bound.preset)
        if len(text) <= INLINE_CHARACTERS:
            return preset.find(text, bound.settings)
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._executor, preset.find, text, bound.settings)
        return await asyncio.wait_for(running, self._deadline_seconds)

    async def warm_up(self) -> None:
        """Load every preset before the first call needs it."""
        loop = asyncio.get_running_loop()
        for preset in all_presets():
            await loop.run_in_executor(self._executor, preset.warm_up)

    def close(self) -> None:
        """Let the threads end; a check that still runs is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _findings(texts: Sequence[str], bound: BoundGuardrail, deadline: float) -> list[list[Finding]]:
    preset, found = preset_for(bound.preset), []
    for text in texts:
        # A preset has a budget for each text. Thousands of texts must not hold a thread for
        # hours after everybody has stopped waiting, and others' checks with it.
        if time.monotonic() > deadline:
            raise TimeoutError("There is too much text to be searched in time.")
        found.append(
            _without_overlaps(
                Finding(start + each.start, start + each.end, each.label)
                for start, piece in pieces_of(text)
                if preset.may_match(piece)
                for each in preset.find(piece, bound.settings)
            )
        )
    return found


def _without_overlaps(findings: Iterable[Finding]) -> list[Finding]:
    """Return what was found, once: a whole and a part of it may show the same."""
    found: list[Finding] = []
    for each in sorted(findings):
        if found and each.start < found[-1].end:
            last = found[-1]
            found[-1] = Finding(last.start, max(last.end, each.end), last.label)
        else:
            found.append(each)
    return found


def _counts(found: list[list[Finding]]) -> dict[str, int]:
    return dict(Counter(finding.label for findings in found for finding in findings))


def failure_of(bound: BoundGuardrail, stage: Stage, error: Exception) -> Verdict:
    """Return the verdict of a guardrail that could not run.

    Raises:
        GuardrailUnavailable: it is mandatory, so the call may not go on.
    """
    kind = type(error).__name__
    log.warning("guardrail_failed", guardrail=str(bound.id), preset=bound.preset, error=kind)
    if bound.is_mandatory:
        raise GuardrailUnavailable(
            f"The guardrail {bound.name!r} is required here and could not check this text.",
            guardrail=bound.name,
        ) from error
    return Verdict.of_failure(bound, stage, kind)


def mask(text: str, findings: Iterable[Finding]) -> str:
    """Return the text with each finding replaced by its label, such as `<EMAIL>`."""
    parts: list[str] = []
    done = 0
    for finding in sorted(findings):
        # Two guardrails may have found overlapping places; the first label stands.
        if finding.start >= done:
            parts += (text[done : finding.start], f"<{finding.label}>")
        done = max(done, finding.end)
    return "".join((*parts, text[done:])) if parts else text
