"""Providers for the journeys: fakes in a thread, and own LLMs of Acme that run at them.

Everything is set up as people do it: the super admin by their page, Ada by REST, and what a
credential is goes the way of all credentials, sealed.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.fakes.upstream import FakeUpstream
from tests.fakes.vendors import FakeVendors
from tests.journeys.installation import Installation, Visitor

API = "/api/console/v1"
VENDORS = ("openai_compatible", "anthropic", "gemini", "bedrock")
# 2 and 8 US dollars a million, and what else may be asked for.
PRICES = {
    "input_usd": "2",
    "output_usd": "8",
    "audio_input_usd": "10",
    "image_each_usd": "0.04",
    "request_usd": "0.001",
}
_KEYS: dict[str, dict[str, str]] = {
    "bedrock": {
        "aws_access_key_id": "AKIACANARY0000000000",
        "aws_secret_access_key": "secret-canary-1",
    }
}
# LiteLLM tells by the name what a model can do.
_WITH_TOOLS = "anthropic.claude-3-5-sonnet-20240620-v1:0"


class Providers:
    """An OpenAI-compatible fake and one of the vendors, on ports of their own."""

    def __init__(self) -> None:
        self.upstream = FakeUpstream()
        self.vendors = FakeVendors()
        self._ready = threading.Event()
        self._done: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What leads LiteLLM's adapters of vendors here instead of to the vendors."""
        return {
            "ANTHROPIC_API_BASE": self.vendors.url,
            "GEMINI_API_BASE": self.vendors.url,
            "AWS_BEDROCK_RUNTIME_ENDPOINT": self.vendors.url,
        }

    @property
    def calls(self) -> int:
        """How often a provider was asked."""
        return len(self.upstream.seen) + len(self.vendors.seen)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._done is not None
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with self.upstream, self.vendors:
            self._ready.set()
            await self._done.wait()


@dataclass
class OwnLlms:
    """Acme's own LLMs, as Ada adds and removes them."""

    ada: Visitor
    providers: Providers
    made: list[str] = field(default_factory=list)

    def add(self, name: str, *places: dict[str, Any], kind: str = "chat", **more: Any) -> list[str]:
        """Add an LLM with a price and deployments; return the ids of those."""
        body = {"name": name, "title": name, "kind": kind, **more}
        llm = self.send("POST", "own-llms", body)["id"]
        self.made.append(llm)
        self.send("POST", f"own-llms/{llm}/prices", PRICES)
        return [self.send("POST", "deployments", {"llm": llm, **each})["id"] for each in places]

    def at(self, vendor: str, model: str, **more: Any) -> dict[str, Any]:
        """Return a deployment at a vendor's fake."""
        key = _KEYS.get(vendor, {"api_key": "sk-canary-upstream-1234567890"})
        place: dict[str, Any] = {"vendor": vendor, "upstream_model": model, "credential": key}
        if vendor == "openai_compatible":
            place["api_base"] = self.providers.upstream.url
        if vendor == "bedrock":
            place["options"] = {"region": "eu-central-1"}
            # LiteLLM asks for converse by a word in front of the model's name.
            if "." not in model:
                chat = _WITH_TOOLS if model == "tools" else model
                place["upstream_model"] = f"converse/{chat}"
        return {**place, **more}

    def send(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask the REST API."""
        answer = self.ada.send(method, f"{API}/{path}", body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def clear(self) -> None:
        """Remove them all."""
        for llm in self.made:
            self.send("DELETE", f"own-llms/{llm}")


def allow_own_llms(
    installation: Installation, *, networks: str = "", vendors: Sequence[str] = VENDORS
) -> None:
    """Let Acme run LLMs of its own, as the super admin does it on their page."""
    sam = installation.browse(None, installation.demo["super_admin"])
    page = sam.post(
        "/accounts/acme/own-llms/",
        vendors=[*vendors],  # type: ignore[arg-type]  # one name, several values
        hosts="",
        networks=networks,
        allows_http="on",
        floor_usd="0.01",
    )
    assert page.status_code == 302, page.text[:3000]
