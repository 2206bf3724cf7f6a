"""What is not chat, at each vendor that has it: priced, reserved and charged by its own figures."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.core.gateway.client import GatewayClient
from tests.core.gateway.places import Places
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream
from tests.fakes.vendors import FakeVendors

pytestmark = pytest.mark.asyncio

VECTORS = [
    pytest.param("openai", "embed", "fast", id="openai, fast lane"),
    pytest.param("openai", "embed", "litellm", id="openai, LiteLLM"),
    pytest.param("gemini", "gemini-embedding-001", "fast", id="gemini"),
    pytest.param("vertex_ai", "text-embedding-005", "fast", id="vertex_ai"),
    pytest.param("bedrock", "amazon.titan-embed-text-v2:0", "fast", id="bedrock"),
]
PICTURES = [
    pytest.param("openai", "draw", "fast", id="openai, fast lane"),
    pytest.param("openai", "draw", "litellm", id="openai, LiteLLM"),
    pytest.param("gemini", "imagen-4.0-generate-001", "fast", id="gemini"),
    pytest.param("vertex_ai", "imagen-4.0-generate-001", "fast", id="vertex_ai"),
    pytest.param("bedrock", "amazon.nova-canvas-v1:0", "fast", id="bedrock"),
]


@pytest_asyncio.fixture
async def places(directory: FakeDirectory, upstream: FakeUpstream) -> AsyncIterator[Places]:
    async with FakeVendors() as vendors:
        yield Places(directory, upstream, vendors)


@pytest.mark.parametrize(("vendor", "model", "lane"), VECTORS)
async def test_vectors(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, model: str
) -> None:
    places.add(vendor, model, kind="embedding", name="vectors")

    answer = await client.post("/v1/embeddings", {"model": "vectors", "input": ["Hello"]})

    assert answer.status == 200, answer.raw
    assert answer.body["data"][0]["embedding"] == pytest.approx([0.6, 0.8])
    [event] = ledger.charges
    assert event.input_tokens > 0
    # Gemini's own interface says nothing of tokens.
    if vendor != "gemini":
        assert (event.input_tokens, ledger.charged) == (11, 2_200)
    assert ledger.charged > 0
    assert places.calls == 1


@pytest.mark.parametrize(("vendor", "model", "lane"), PICTURES)
async def test_pictures(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, model: str
) -> None:
    places.add(vendor, model, kind="image", name="pictures")

    answer = await client.post("/v1/images/generations", {"model": "pictures", "prompt": "A cat"})

    assert answer.status == 200, answer.raw
    assert answer.body["data"][0]["b64_json"] == "aGk="
    # One picture at 0.04 dollars, and its prompt.
    assert 4_000_000 <= ledger.charged < 4_010_000
    assert places.calls == 1


@pytest.mark.parametrize("lane", ["fast", "litellm"])
async def test_sound_both_ways(client: GatewayClient, places: Places, ledger: FakeLedger) -> None:
    places.add("openai", "speak", kind="speech")
    body = {"model": "speak", "input": "Hello", "voice": "alloy"}

    answer = await client.post("/v1/audio/speech", body)

    assert (answer.status, answer.raw) == (200, b"sound")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert ledger.charged > 0


@pytest.mark.parametrize("lane", ["fast", "litellm"])
@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("embedding", "/v1/embeddings", {"input": ["Hello"]}),
        ("image", "/v1/images/generations", {"prompt": "A cat"}),
        ("speech", "/v1/audio/speech", {"input": "Hello", "voice": "alloy"}),
        ("moderation", "/v1/moderations", {"input": ["Hello"]}),
    ],
)
async def test_failure_costs_nothing(
    client: GatewayClient,
    places: Places,
    ledger: FakeLedger,
    status: int,
    kind: str,
    path: str,
    body: dict[str, object],
) -> None:
    model = f"error-{status}"
    places.add("openai", model, kind=kind)  # type: ignore[arg-type]  # one of the kinds

    answer = await client.post(path, {"model": model, **body})

    assert answer.status == {429: 429, 500: 502}[status]
    assert (len(ledger.charges), ledger.charged) == (1, 0)
    assert places.calls == 1
