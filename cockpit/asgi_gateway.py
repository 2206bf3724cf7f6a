"""The gateway process: settings, ledger, directory and providers put together into one ASGI app.

Served beside the web process: `granian --interface asgi cockpit.asgi_gateway:app`.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cockpit.settings")
django.setup()

from django.conf import settings  # noqa: E402

from cockpit.collector import keep_what_is_loaded  # noqa: E402
from cockpit.gateway_directory import PostgresDirectory  # noqa: E402
from cockpit.settings import env  # noqa: E402
from core.credits.lane import LedgerLane  # noqa: E402
from core.credits.wires import LedgerPool  # noqa: E402
from core.gateway.app import build_app  # noqa: E402
from core.gateway.gateway import Gateway  # noqa: E402
from core.gateway.lanes import Lanes  # noqa: E402
from core.gateway.settings import GatewaySettings  # noqa: E402
from core.gateway.traces import traces_if_wanted  # noqa: E402

# The loop waits so long for a thread that computes, such as the one that writes logs, each time it
# has something to do; Python's own 5 ms are a tenth of what a call may take.
SWITCH_SECONDS = 0.0005
# What the lane still has when all calls have ended: steps of callers that have left.
LANE_SECONDS = 5.0

_SLUG = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


def allows_origin(origin: str, slug: str | None) -> bool:
    """Whether a page at `origin` may call: an account's own host, once the account is known."""
    host = f"(?P<slug>{_SLUG})\\.{re.escape(settings.BASE_HOST)}"
    port = f"(?::{settings.WEB_PORT})?"
    match = re.fullmatch(f"{settings.SCHEME}://{host}{port}", origin)
    return match is not None and slug in {None, match["slug"]}


@asynccontextmanager
async def open_gateway() -> AsyncIterator[Gateway]:
    """Yield the gateway on a ledger pool of its own."""
    size = env.number("COCKPIT_LEDGER_POOL", 8, low=1, high=200)
    upstream = Lanes()
    async with LedgerPool(settings.DATABASE_URL, size=size) as pool:

        async def ping() -> bool:
            async with asyncio.timeout(1):
                await pool.ping()
            return True

        lane = LedgerLane(pool)
        # LiteLLM alone is some hundred megabytes of objects: to walk through them once more holds
        # up every call of the process for a third of a second.
        keep_what_is_loaded()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            yield Gateway(
                directory=PostgresDirectory(),
                ledger=lane,
                upstream=upstream,
                ping=ping,
                settings=GATEWAY_SETTINGS,
                redis_url=settings.REDIS_URL,
                traces=traces_if_wanted(),
            )
        finally:
            await lane.drain(LANE_SECONDS)
            await upstream.close()


GATEWAY_SETTINGS = GatewaySettings(
    allows_origin=allows_origin,
    most_bytes_in_flight=env.number("COCKPIT_GATEWAY_BODIES_MB", 256, low=32, high=65_536)
    * 1024
    * 1024,
    processes=env.number("COCKPIT_GATEWAY_PROCESSES", 1, low=1, high=10_000),
    proxies=env.number("COCKPIT_TRUSTED_PROXIES", 0, low=0, high=10),
)

app = build_app(open_gateway, settings=GATEWAY_SETTINGS)
