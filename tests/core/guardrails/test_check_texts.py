"""The engine: actions, their order, failures, deadlines."""

import time
from typing import Any
from uuid import uuid4

import pytest

from core.guardrails import engine, presets
from core.guardrails.engine import GuardrailPool
from core.guardrails.errors import GuardrailUnavailable
from core.guardrails.verdicts import Action, BoundGuardrail, Joined, Stage

TEXTS = ("Write to ada@example.com.", "Nothing here.", "From 10.0.0.1, ada@example.com.")


def bound(
    action: Action, *stages: Stage, preset: str = "pii", is_mandatory: bool = False, **settings: Any
) -> BoundGuardrail:
    return BoundGuardrail(
        id=uuid4(),
        name=f"{preset} {action}",
        preset=preset,
        action=action,
        stages=frozenset(stages or ("input",)),
        settings=settings,
        is_mandatory=is_mandatory,
    )


def test_mask_replaces_and_counts() -> None:
    checked = engine.check(TEXTS, [bound("mask")], stage="input")

    assert checked.texts == ("Write to <EMAIL>.", "Nothing here.", "From <IP_ADDRESS>, <EMAIL>.")
    [verdict] = checked.verdicts
    assert (verdict.outcome, verdict.found) == ("masked", {"EMAIL": 2, "IP_ADDRESS": 1})


def test_flag_leaves_the_texts_alone() -> None:
    checked = engine.check(TEXTS, [bound("flag")], stage="input")

    assert checked.texts == TEXTS
    assert checked.verdicts[0].outcome == "flagged"


def test_block_ends_it() -> None:
    checked = engine.check(TEXTS, [bound("flag"), bound("mask"), bound("block")], stage="input")

    assert checked.blocked_by is not None
    assert [verdict.outcome for verdict in checked.verdicts] == ["blocked"]


def test_block_that_finds_nothing_lets_the_others_decide() -> None:
    strict = bound("block", entities=["IBAN"])

    checked = engine.check(TEXTS, [bound("flag"), bound("mask"), strict], stage="input")

    assert checked.blocked_by is None
    assert [verdict.outcome for verdict in checked.verdicts] == ["passed", "masked", "flagged"]


def test_other_stages_do_not_run() -> None:
    checked = engine.check(TEXTS, [bound("block", "output")], stage="input")

    assert checked.texts == TEXTS
    assert checked.verdicts == ()


def test_two_masks_over_the_same_place_leave_one() -> None:
    checked = engine.check(TEXTS[:1], [bound("mask"), bound("mask")], stage="input")

    assert checked.texts == ("Write to <EMAIL>.",)


def test_verdict_never_holds_the_text() -> None:
    checked = engine.check(TEXTS, [bound("block")], stage="input")

    assert "ada" not in str(checked.verdicts[0].as_record())


class _Slow:
    slug = "slow"
    title = summary = "Slow"

    def clean_settings(self, settings: object) -> dict[str, object]:
        return {}

    def warm_up(self) -> None:
        pass

    def may_match(self, text: str) -> bool:
        return True

    def hold_from(self, text: str) -> int:
        return len(text)

    def find(self, text: str, settings: dict[str, float]) -> list[object]:
        time.sleep(settings.get("seconds", 0))
        raise RuntimeError("broken")


@pytest.fixture(autouse=True)
def _slow_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets._PRESETS, "slow", _Slow())


def test_check_that_breaks_is_recorded() -> None:
    checked = engine.check(TEXTS, [bound("block", preset="slow"), bound("mask")], stage="input")

    assert [verdict.outcome for verdict in checked.verdicts] == ["failed", "masked"]
    assert checked.verdicts[0].error == "RuntimeError"
    assert checked.texts[0] == "Write to <EMAIL>."


def test_mandatory_check_that_breaks_refuses() -> None:
    with pytest.raises(GuardrailUnavailable):
        engine.check(TEXTS, [bound("flag", preset="slow", is_mandatory=True)], stage="input")


@pytest.mark.asyncio
async def test_deadline_counts_as_a_failure() -> None:
    pool = GuardrailPool(threads=1, deadline_seconds=0.05)
    texts = [*TEXTS, "So much that it goes into a thread. " * 10]

    checked = await pool.check(texts, [bound("flag", preset="slow", seconds=0.3)], stage="input")

    assert checked.verdicts[0].error == "TimeoutError"
    with pytest.raises(GuardrailUnavailable):
        await pool.check(
            texts, [bound("flag", preset="slow", seconds=0.3, is_mandatory=True)], stage="input"
        )
    pool.close()


def test_joined_texts_are_looked_at_as_one_and_each_alone() -> None:
    text = Joined.of(["Order 99999999", "+1 650 253 0000 or ada@exam", "ple.com", " now."])

    checked = engine.check([text], [bound("mask")], stage="input")

    [masked] = checked.texts
    assert masked.endswith(" or <EMAIL> now.")
    assert "253" not in masked
    assert checked.verdicts[0].found["EMAIL"] == 1


def test_thousands_of_texts_have_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DEADLINE_SECONDS", -1.0)

    checked = engine.check(TEXTS, [bound("mask")], stage="input")

    [verdict] = checked.verdicts
    assert (verdict.outcome, verdict.error) == ("failed", "TimeoutError")
