"""Our count of plain chats is LiteLLM's own, to the token."""

from typing import Any

import litellm
import pytest
from hypothesis import given, settings, strategies as st

from core.gateway.upstream import _count, _count_plain

TEXTS = st.text(max_size=200) | st.sampled_from(
    ["Grüße aus Århus, 你好", "<|endoftext|>", "a" * 3000, "word00 word01 4111 1111"]
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "assistant", "tool"]), "content": TEXTS},
        optional={"name": TEXTS, "tool_call_id": TEXTS, "refusal": TEXTS},
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(messages=MESSAGES)
def test_plain_chats_have_litellm_s_count(messages: list[dict[str, Any]]) -> None:
    assert _count_plain(messages) == litellm.token_counter(model="gpt-4o", messages=messages)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_texts_have_litellm_s_count(text: str) -> None:
    assert _count(text=text) == litellm.token_counter(model="gpt-4o", text=text)


def test_long_texts_have_litellm_s_count() -> None:
    text = "Credits that cannot be spent twice. " * 20_000
    messages = [{"role": "user", "content": text}]

    assert _count(text=text) == litellm.token_counter(model="gpt-4o", text=text)
    assert _count_plain(messages) == litellm.token_counter(model="gpt-4o", messages=messages)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": "{}"}}]},
    ],
)
def test_what_is_not_plain_is_left_to_litellm(message: dict[str, Any]) -> None:
    assert _count_plain([message]) is None
