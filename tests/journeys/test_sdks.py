"""The official Python SDKs, unchanged, against the running gateway and vendors' wire formats.

Every call is charged once, by what the provider has said that it used.
"""

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.fakes.vendors.wire import SAID
from tests.journeys.installation import Installation
from tests.journeys.providers import VENDORS, OwnLlms, Providers
from tests.journeys.wire import MEDIA, Ledger, add_llms

HELLO: Any = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Any = {"type": "function", "function": {"name": "lookup", "parameters": SCHEMA}}
# Half a second of silence.
WAV = b"RIFF\xc4\x0f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00" + (
    b"\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\xa0\x0f\x00\x00" + b"\x80" * 4000
)
by_vendor = pytest.mark.parametrize("vendor", VENDORS)


@pytest.fixture(scope="module", autouse=True)
def _llms(own_llms: OwnLlms) -> None:
    add_llms(own_llms)


@pytest.fixture
def ledger(installation: Installation) -> Ledger:
    return Ledger.now(installation)


@pytest.fixture
def claude(installation: Installation) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=installation.gateway_url,
        api_key=installation.demo["accounts"]["acme"]["console_key"],
        max_retries=0,
    )


@pytest.fixture
def http(installation: Installation) -> Iterator[httpx.Client]:
    key = installation.demo["accounts"]["acme"]["console_key"]
    with httpx.Client(
        base_url=installation.gateway_url, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        yield client


@by_vendor
def test_chat(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    answer = developer.chat.completions.create(model=vendor, messages=HELLO, max_tokens=50)

    assert answer.choices[0].message.content == SAID
    assert answer.model == vendor
    [event] = ledger.new_events(1)
    assert (event["input_tokens"], event["output_tokens"]) == (11, 22)
    assert not event["is_estimated"]


@by_vendor
def test_chat_streamed(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    text, usage = "", None
    for chunk in developer.chat.completions.create(
        model=vendor,
        messages=HELLO,
        max_tokens=50,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""

    assert text == SAID
    assert usage is not None
    assert usage.total_tokens == 33
    [event] = ledger.new_events(1)
    assert (event["input_tokens"], event["output_tokens"]) == (11, 22)


@by_vendor
def test_tools(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    answer = developer.chat.completions.create(
        model=f"{vendor}-tools", messages=HELLO, tools=[TOOL], max_tokens=50
    )

    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "lookup"
    assert "Oslo" in call.function.arguments
    assert answer.choices[0].finish_reason == "tool_calls"
    ledger.new_events(1)


@by_vendor
def test_tools_streamed(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    with developer.chat.completions.stream(
        model=f"{vendor}-tools", messages=HELLO, tools=[TOOL], max_tokens=50
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()

    [call] = answer.choices[0].message.tool_calls or []
    assert (call.function.name, call.function.arguments.replace(" ", "")) == (
        "lookup",
        '{"city":"Oslo"}',
    )
    ledger.new_events(1)


@by_vendor
def test_responses(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    answer = developer.responses.create(model=vendor, input="Hello", max_output_tokens=50)
    with developer.responses.stream(model=vendor, input="Hello", max_output_tokens=50) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()

    assert answer.output_text == streamed.output_text == SAID
    assert streamed.usage is not None
    assert streamed.usage.total_tokens == 33
    ledger.new_events(2)


@by_vendor
def test_messages_by_anthropic_s_sdk(
    claude: anthropic.Anthropic, ledger: Ledger, vendor: str
) -> None:
    tool: Any = {"name": "lookup", "input_schema": SCHEMA}
    answer = claude.messages.create(model=vendor, max_tokens=50, messages=HELLO)
    with claude.messages.stream(model=vendor, max_tokens=50, messages=HELLO) as stream:
        streamed = "".join(stream.text_stream)
    with claude.messages.stream(
        model=f"{vendor}-tools", max_tokens=50, messages=HELLO, tools=[tool]
    ) as stream:
        called = stream.get_final_message()

    assert answer.content[0].type == "text"
    assert answer.content[0].text == streamed == SAID
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 22)
    [block] = [each for each in called.content if each.type == "tool_use"]
    assert (block.name, block.input, called.stop_reason) == (
        "lookup",
        {"city": "Oslo"},
        "tool_use",
    )
    ledger.new_events(3)


@pytest.mark.parametrize("vendor", MEDIA["embedding"])
def test_embeddings(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    # The SDK asks for base64 by itself where nothing else is said.
    vectors = developer.embeddings.create(model=f"{vendor}-embedding", input=["Hello"])

    assert vectors.data[0].embedding == pytest.approx([0.6, 0.8])
    [event] = ledger.new_events(1)
    assert event["input_tokens"] > 0


@pytest.mark.parametrize("vendor", MEDIA["image"])
def test_images(developer: openai.OpenAI, ledger: Ledger, vendor: str) -> None:
    images = developer.images.generate(model=f"{vendor}-image", prompt="A cat")

    assert images.data is not None
    assert base64.b64decode(images.data[0].b64_json or "") == b"hi"
    [event] = ledger.new_events(1)
    assert (event["kind"], event["outcome"]) == ("image", "ok")
    assert event["credits"] > 0


def test_audio_both_ways(developer: openai.OpenAI, ledger: Ledger) -> None:
    heard = developer.audio.transcriptions.create(
        model="openai_compatible-transcription", file=("words.wav", WAV, "audio/wav")
    )
    spoken = developer.audio.speech.create(
        model="openai_compatible-speech", voice="alloy", input="Hello"
    )

    assert heard.text == "Write to mia@acme.example."
    assert spoken.content == b"sound"
    events = ledger.new_events(2)
    assert all(event["credits"] > 0 for event in events)


def test_moderations_and_reranking(
    developer: openai.OpenAI, http: httpx.Client, ledger: Ledger
) -> None:
    verdict = developer.moderations.create(model="openai_compatible-moderation", input="Hello")
    body = {"model": "openai_compatible-rerank", "query": "sea", "documents": ["land", "sea"]}
    order = http.post("/v1/rerank", json=body).json()

    assert verdict.results[0].flagged
    assert [each["index"] for each in order["results"]] == [1, 0]
    events = ledger.new_events(2)
    assert all(event["credits"] > 0 for event in events)


def test_legacy_completions(developer: openai.OpenAI, ledger: Ledger) -> None:
    answer = developer.completions.create(model="openai_compatible", prompt="Hello", max_tokens=50)

    assert answer.choices[0].text == SAID
    ledger.new_events(1)


def test_list_of_models(developer: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    listed = {model.id for model in developer.models.list()}

    assert set(VENDORS) <= listed
    assert developer.models.retrieve("anthropic").id == "anthropic"


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("wrong-key", openai.InternalServerError, "upstream_misconfigured"),
        ("error-429", openai.RateLimitError, "upstream_rate_limited"),
        ("error-500", openai.InternalServerError, "upstream_failed"),
        ("hangs", openai.InternalServerError, "upstream_timeout"),
    ],
)
def test_failures_are_openai_s_own_errors_and_free(
    developer: openai.OpenAI,
    ledger: Ledger,
    providers: Providers,
    model: str,
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    before = providers.calls

    with pytest.raises(error) as caught:
        developer.chat.completions.create(model=model, messages=HELLO, max_tokens=50)

    assert caught.value.code == code
    assert "canary" not in caught.value.response.text
    if model == "error-429":
        assert caught.value.response.headers["retry-after"] == "7"
    assert providers.calls == before + 1
    [event] = ledger.new_events(1)
    assert event["credits"] == 0


def test_broken_stream_is_charged_for_what_came(developer: openai.OpenAI, ledger: Ledger) -> None:
    stream = developer.chat.completions.create(
        model="reset-middle", messages=HELLO, max_tokens=50, stream=True
    )

    with pytest.raises(openai.APIError):
        for _ in stream:
            pass

    [event] = ledger.new_events(1)
    assert (event["outcome"], event["is_estimated"]) == ("error", True)
    assert event["credits"] > 0


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("error-429", anthropic.RateLimitError),
        ("error-500", anthropic.InternalServerError),
        ("no-such-llm", anthropic.NotFoundError),
    ],
)
def test_failures_are_anthropic_s_own_errors(
    claude: anthropic.Anthropic, model: str, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        claude.messages.create(model=model, max_tokens=50, messages=HELLO)

    body: Any = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["message"]


def test_wrong_keys_of_callers(installation: Installation) -> None:
    url = installation.gateway_url
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{url}/v1", api_key="ck_acme_nobody", max_retries=0).models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=url, api_key="ck_acme_nobody", max_retries=0).messages.create(
            model="anthropic", max_tokens=5, messages=HELLO
        )


def test_after_all_of_it_the_ledger_holds(installation: Installation) -> None:
    assert installation.verify_credits() == ""
