"""Talks ASGI to the gateway, chunk by chunk, and hangs up when a test says so."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

from tests.fakes.directory import MIA


@dataclass(slots=True)
class Answer:
    """A response, whole or as far as it has come."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""

    @property
    def body(self) -> Any:
        """The JSON body."""
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        """What stands under `error`."""
        return dict(self.body["error"])

    @property
    def events(self) -> list[Any]:
        """The data of each server-sent event; [DONE] as a string."""
        lines = [line for line in self.raw.decode().split("\n") if line.startswith("data: ")]
        texts = [line.removeprefix("data: ") for line in lines]
        return [text if text == "[DONE]" else json.loads(text) for text in texts]

    @property
    def text(self) -> str:
        """The content of the first choice, of a body or of all chunks."""
        if not self.raw.startswith(b"data:"):
            return str(self.body["choices"][0]["message"]["content"])
        return "".join(
            choice["delta"].get("content") or ""
            for event in self.events
            if isinstance(event, dict)
            for choice in event.get("choices", ())
        )


class Exchange:
    """One request on its way. `hang_up()` is the client's cable being pulled."""

    def __init__(
        self, app: ASGIApp, scope: dict[str, Any], body: bytes, *, more: bool = False
    ) -> None:
        self.answer = Answer()
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})
        self._progress = asyncio.Event()
        self._is_gone = False
        self.task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        await app(scope, self._incoming.get, self._take)

    async def _take(self, message: Message) -> None:
        if self._is_gone:
            raise BrokenPipeError
        if message["type"] == "http.response.start":
            self.answer.status = message["status"]
            self.answer.headers = {
                key.decode().lower(): value.decode() for key, value in message["headers"]
            }
        else:
            self.answer.raw += message.get("body", b"")
        self._progress.set()
        # Let the test look between two chunks.
        await asyncio.sleep(0)

    @property
    def unread(self) -> int:
        """How much of what was sent the app has not taken."""
        return self._incoming.qsize()

    def hang_up(self) -> None:
        """Go away."""
        self._is_gone = True
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def until(self, text: str, *, seconds: float = 60.0) -> None:
        """Wait until a text has arrived."""
        async with asyncio.timeout(seconds):
            while text.encode() not in self.answer.raw:
                self._progress.clear()
                await self._progress.wait()

    async def done(self, *, seconds: float = 60.0) -> Answer:
        """Wait until the app has finished with the request."""
        async with asyncio.timeout(seconds):
            await self.task
        return self.answer


class GatewayClient:
    """Sends requests with Mia's key unless told otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def open(
        self,
        path: str,
        json_body: Any = None,
        *,
        token: str | None = MIA,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        method: str = "POST",
        more: bool = False,
        address: str = "127.0.0.1",
    ) -> Exchange:
        """Send a request, or with `more` the beginning of one, and return at once."""
        content = raw if raw is not None else json.dumps(json_body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "client": (address, 1),
            "server": ("127.0.0.1", 8001),
            "headers": [(key.lower().encode(), value.encode()) for key, value in sent.items()],
        }
        return Exchange(self._app, scope, content, more=more)

    async def post(self, path: str, json_body: Any = None, **options: Any) -> Answer:
        """Send a request and wait for the whole answer."""
        return await self.open(path, json_body, **options).done()

    async def get(self, path: str, **options: Any) -> Answer:
        """Send a GET."""
        return await self.open(path, method="GET", raw=b"", **options).done()

    async def chat(self, content: Any = "Hello", *, model: str = "ok", **extra: Any) -> Answer:
        """Ask one question, not streamed."""
        options = {key: extra.pop(key) for key in ("headers", "token") if key in extra}
        return await self.post("/v1/chat/completions", chat_body(content, model, extra), **options)

    def stream(self, content: Any = "Hello", *, model: str = "ok", **extra: Any) -> Exchange:
        """Ask one question, streamed."""
        options = {key: extra.pop(key) for key in ("headers", "token") if key in extra}
        body = chat_body(content, model, {"stream": True, **extra})
        return self.open("/v1/chat/completions", body, **options)


def chat_body(content: Any, model: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request for a chat."""
    return {"model": model, "messages": [{"role": "user", "content": content}], **extra}
