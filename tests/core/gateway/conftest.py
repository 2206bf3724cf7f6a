"""A gateway with fakes on all sides, and a client that talks ASGI to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from core.gateway.app import build_app
from core.gateway.demo.provider import DemoProvider
from core.gateway.gateway import Gateway
from core.gateway.lanes import Lanes
from core.gateway.providers import Upstream
from core.gateway.settings import GatewaySettings
from core.gateway.upstream import LiteLlm
from core.guardrails.presets import preset_for
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream


@pytest.fixture(autouse=True, scope="session")
def _warm() -> None:
    """Importing presidio takes seconds, once; a running gateway does it before it is ready."""
    preset_for("pii").warm_up()


@pytest.fixture
def ledger() -> FakeLedger:
    """A ledger in memory."""
    return FakeLedger()


@pytest.fixture
def directory() -> FakeDirectory:
    """One account with Mia in it, and the demo's LLMs."""
    directory = FakeDirectory()
    directory.add_llm("demo-chat")
    directory.add_llm("demo-embedding", kind="embedding")
    directory.add_llm("demo-image", kind="image")
    return directory


@pytest_asyncio.fixture
async def upstream(directory: FakeDirectory) -> AsyncIterator[FakeUpstream]:
    """A provider on a local port; `ok` is there, others come by `directory.add_llm`."""
    async with FakeUpstream() as upstream:
        for name in ("ok", "tools"):
            directory.add_llm(name, api_base=upstream.url)
        directory.add_llm("embed", kind="embedding", api_base=upstream.url)
        directory.add_llm("draw", kind="image", api_base=upstream.url)
        yield upstream


@pytest.fixture
def settings() -> GatewaySettings:
    """Short waits; a test may ask for others by overriding this fixture."""
    return GatewaySettings(
        settle_wait_seconds=1.0,
        settle_retry_seconds=5.0,
        drain_seconds=0.2,
        allows_origin=lambda origin, slug: (
            origin.endswith(".localhost:8000") and (slug is None or f"//{slug}." in origin)
        ),
    )


@pytest.fixture
def lane() -> str:
    """Which lane providers are called by; modules of calls ask for both."""
    return "fast"


@pytest_asyncio.fixture
async def gateway(
    directory: FakeDirectory, ledger: FakeLedger, settings: GatewaySettings, lane: str
) -> AsyncIterator[Gateway]:
    """The gateway, without what goes on beside the calls."""
    litellm = LiteLlm(demo=DemoProvider(latency_seconds=0, chunk_ms=0))
    lanes = Lanes(litellm)
    upstream: Upstream = lanes if lane == "fast" else litellm

    async def ping() -> bool:
        return True

    gateway = Gateway(
        directory=directory,
        ledger=ledger,
        upstream=upstream,
        ping=ping,
        settings=settings,
    )
    yield gateway
    await gateway.stop()
    await lanes.close()


@pytest_asyncio.fixture
async def client(gateway: Gateway, settings: GatewaySettings) -> GatewayClient:
    """Mia's client."""

    @asynccontextmanager
    async def open_gateway() -> AsyncIterator[Gateway]:
        yield gateway

    app = build_app(open_gateway, settings=settings)
    # The lifespan starts policy watch and warm-up, which these tests do without.
    app.state.gateway = gateway
    return GatewayClient(app)
