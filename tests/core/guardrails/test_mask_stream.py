"""Windows over a running text give what a check of the whole text gives, however it is cut."""

import random
from uuid import uuid4

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from core.guardrails import engine
from core.guardrails.engine import GuardrailPool
from core.guardrails.verdicts import Action, BoundGuardrail
from core.guardrails.window import Blocked, OutputTally, TextWindow

FRAGMENTS = (
    "ada@example.com",
    "+49 30 901820",
    "(415) 555-2671",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "10.0.0.1",
    "fe80::1ff:fe23:4567:890a",
    "536-22-1234",
    "my ssn is 536221234",
    "2024-01-15 10:30",
    "12,450 units",
    "v1.2.3",
    "The report, with; punctuation - and more",
    "用户说你好",
)
SEPARATORS = (" ", ". ", ", ", "\n", " and ")
POOL = GuardrailPool(threads=1)


def bound(action: Action) -> BoundGuardrail:
    return BoundGuardrail(uuid4(), "PII", "pii", action, frozenset({"output"}))


async def passed_on(text: str, sizes: list[int], guardrail: BoundGuardrail) -> str:
    window = TextWindow(OutputTally([guardrail]), POOL.find)
    out, at = "", 0
    for size in sizes:
        out += await window.push(text[at : at + size])
        at += size
    return out + await window.push(text[at:], is_last=True)


@given(
    fragments=st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=12),
    separators=st.lists(st.sampled_from(SEPARATORS), min_size=12, max_size=12),
    sizes=st.lists(st.integers(1, 40), max_size=60),
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_any_cut_gives_what_the_whole_gives(
    fragments: list[str], separators: list[str], sizes: list[int]
) -> None:
    import asyncio

    text = "".join(one + other for one, other in zip(fragments, separators, strict=False))
    guardrail = bound("mask")

    masked = asyncio.run(passed_on(text, sizes, guardrail))

    assert masked == engine.check([text], [guardrail], stage="output").texts[0]


@pytest.mark.asyncio
async def test_block_releases_nothing_of_what_it_found() -> None:
    window = TextWindow(OutputTally([bound("block")]), POOL.find)
    released: list[str] = []

    async def push_all(text: str) -> None:
        for letter in text:
            piece = await window.push(letter)
            released.append(piece)

    with pytest.raises(Blocked):
        await push_all("Harmless words first, then ada@example.com follows. " + "More words. " * 20)

    assert "".join(released).startswith("Harmless words")
    assert "ada" not in "".join(released)


@pytest.mark.asyncio
async def test_text_without_anything_to_find_is_hardly_held_back() -> None:
    window = TextWindow(OutputTally([bound("mask")]), POOL.find)
    chance = random.Random(7)  # noqa: S311  the same words each time
    longest = sent = 0
    out = ""

    for _ in range(200):
        word = "abcdefghij"[: chance.randint(1, 9)] + " "
        sent += len(word)
        out += await window.push(word)
        longest = max(longest, sent - len(out))

    assert longest <= 10


@pytest.mark.asyncio
async def test_several_texts_of_one_call_are_counted_together() -> None:
    tally = OutputTally([bound("mask")])
    first, second = TextWindow(tally, POOL.find), TextWindow(tally, POOL.find)

    await first.push("ada@example.com", is_last=True)
    await second.push("bob@example.com", is_last=True)

    assert tally.verdicts()[0].found == {"EMAIL": 2}
