"""The one module that imports LiteLLM: transport to providers, and a token counter. Nothing else.

No callbacks, no database, no proxy, no retries of its own, no price list from the network. One
Router for each account and deployment: a shared one would route raw names to another account's
credential.
"""

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any
from uuid import UUID

# Read at import; without it LiteLLM fetches a price file at start.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
# Its adapters take "no retries" for "the default" where they are not chats.
os.environ["DEFAULT_MAX_RETRIES"] = "0"
# Its own .env reader would let a stray file decide about providers and keys.
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")

import litellm
import structlog
from litellm.litellm_core_utils import token_counter
from litellm.llms.anthropic.chat.transformation import AnthropicConfig
from litellm.llms.bedrock.chat import converse_transformation
from litellm.llms.openai.openai import OpenAIChatCompletion
from litellm.llms.vertex_ai.gemini import vertex_and_google_ai_studio_gemini as google

from core.gateway import wire
from core.gateway.bodies import Body
from core.gateway.counting import PlainCounter
from core.gateway.demo.answers import Answer
from core.gateway.demo.provider import DemoProvider
from core.gateway.errors import UpstreamFailed
from core.gateway.litellm_gaps import (
    ask_for_pictures_once,
    bear_missing_usage,
    fail_on_broken_chunks,
)
from core.gateway.litellm_params import facts_of, litellm_params
from core.gateway.ports import Deployment, Llm
from core.gateway.upstream_errors import problem_of_upstream
from core.gateway.wire import Piece, Reply
from core.kit.problems import Problem
from core.tenancy.context import AccountRef

log = structlog.get_logger(__name__)

MOST_ROUTERS = 512
# Counting a long prompt takes tens of milliseconds; shorter ones are not worth a thread.
INLINE_COUNT_CHARACTERS = 20_000
# LiteLLM counts 250 for an image of unknown size; large ones cost six times that.
EXTRA_IMAGE_TOKENS = 1_250

_COUNTED_AS = "gpt-4o"

# Adapters that hand the address of an image to the provider. The others fetch it themselves,
# which would let a caller make the gateway read any address it can reach.
_PASS_IMAGE_ADDRESSES = frozenset({"openai", "azure", "groq", "mistral", "openrouter", "demo"})


bear_missing_usage(AnthropicConfig, google.VertexGeminiConfig, converse_transformation)
fail_on_broken_chunks(google.ModelResponseIterator)
ask_for_pictures_once(OpenAIChatCompletion)


def set_up(demo: DemoProvider) -> None:
    """Bring LiteLLM into the only state that we use it in, once a process."""
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.disable_hf_tokenizer_download = True
    litellm.drop_params = False
    litellm.num_retries = 0
    # They print prompts and whole stacks; a failure reaches our own log through its problem.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    litellm.custom_provider_map = [{"provider": "demo", "custom_handler": _DemoLlm(demo)}]
    litellm.utils.custom_llm_setup()


class LiteLlm:
    """All providers behind one interface."""

    def __init__(self, *, demo: DemoProvider | None = None) -> None:
        set_up(demo or DemoProvider())
        self._routers: OrderedDict[tuple[UUID, str, object], Any] = OrderedDict()

    async def count_input(self, body: Body) -> int:
        """Return how many tokens a request sends, by LiteLLM's counter."""
        if sum(map(len, body.texts().values)) <= INLINE_COUNT_CHARACTERS:
            return _count_input(body)
        return await asyncio.to_thread(_count_input, body)

    def count_text(self, text: str) -> int:
        """Return how many tokens a text has."""
        return _count(text=text) if text else 0

    def takes_image_addresses(self, llm: Llm) -> bool:
        """Whether an image may be given by its address."""
        return all(each.provider in _PASS_IMAGE_ADDRESSES for each in llm.targets)

    async def answer(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> Reply:
        """Return the whole answer to a chat, an embedding or an image request.

        Raises:
            A problem of `errors`, the provider's own words in it only where they help the caller.
        """
        router = self._router(account, llm)
        call = {
            "chat": router.acompletion,
            "embedding": router.aembedding,
            "image": router.aimage_generation,
            "transcription": router.atranscription,
            "speech": router.aspeech,
            "rerank": router.arerank,
            "moderation": router.amoderation,
        }[llm.kind]
        try:
            response = await call(model=llm.name, **_params(llm, params, seconds))
            if llm.kind == "speech":
                media_type = response.response.headers.get("content-type", "audio/mpeg")
                return wire.speech_of(response.content, media_type)
            return wire.reply_of(llm.kind, response.model_dump())
        except Exception as error:  # noqa: BLE001
            raise problem_of_upstream(error, llm.deployment) from None

    async def stream(
        self, account: AccountRef, llm: Llm, params: Mapping[str, Any], *, seconds: float
    ) -> AsyncIterator[Piece]:
        """Yield the pieces of a chat answer, usage last.

        Raises:
            A problem of `errors`, before the first piece or between two.
        """
        router = self._router(account, llm)
        params = {**params, "stream": True, "stream_options": {"include_usage": True}}
        try:
            response = await router.acompletion(model=llm.name, **_params(llm, params, seconds))
            async with aclosing(response) as chunks:
                async for chunk in chunks:
                    if wire.is_cut_short(chunk, stream=response):
                        raise UpstreamFailed  # noqa: TRY301  it is one of the problems promised
                    yield wire.piece_of(chunk, stream=response)
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001
            raise problem_of_upstream(error, llm.deployment) from None

    def facts(self, deployment: Deployment) -> dict[str, Any]:
        """Return what LiteLLM's list says of a model: a start for its price and its limits."""
        return facts_of(deployment, litellm.model_cost)

    async def close(self) -> None:
        """Close the connections to providers."""
        await litellm.close_litellm_async_clients()

    def _router(self, account: AccountRef, llm: Llm) -> Any:
        key = (account.id, llm.name, llm.deployment)
        router = self._routers.get(key)
        if router is None:
            try:
                router = self._routers[key] = _build_router(llm)
            # What LiteLLM says of its parameters may hold the credential.
            except Exception as error:  # noqa: BLE001
                raise problem_of_upstream(error, llm.deployment) from None
            while len(self._routers) > MOST_ROUTERS:
                self._routers.popitem(last=False)
        self._routers.move_to_end(key)
        return router


def _build_router(llm: Llm) -> Any:
    router = litellm.Router(
        model_list=[{"model_name": llm.name, "litellm_params": litellm_params(llm.deployment)}],
        num_retries=0,
        # With one deployment a cooldown would only turn one failure into many.
        disable_cooldowns=True,
        retry_after=0,
    )
    # A Router hooks itself into process-wide lists for good; every call of every account would
    # then run through every Router ever made.
    router.discard()
    return router


def _params(llm: Llm, params: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    if llm.deployment.is_demo:
        params = _demo_params(llm, params)
    # The same for every call: LiteLLM makes a client, with a pool of its own, for each new value.
    extra: dict[str, Any] = {"timeout": seconds}
    if llm.kind == "chat":
        # Otherwise tools are handed to LiteLLM's own MCP gateway first.
        extra["_skip_mcp_handler"] = True
    return {**params, **extra}


def _demo_params(llm: Llm, params: Mapping[str, Any]) -> dict[str, Any]:
    """LiteLLM cannot know what the demo provider understands, and refuses what it does not know."""
    if llm.kind == "chat":
        return {**params, "allowed_openai_params": sorted(params)}
    told = {"input", "prompt"}
    return {(key if key in told else f"demo_{key}"): value for key, value in params.items()}


def _count_input(body: Body) -> int:
    if body.counted_input is not None:
        return body.counted_input
    if body.kind != "chat":
        return sum(_count(text=text) for text in body.texts().values)
    messages = body.upstream["messages"]
    if "tools" not in body.upstream and (plain := _count_plain(messages)) is not None:
        return plain
    images = sum(
        part["type"] == "image_url"
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )
    tokens: int = _count(
        messages=messages,
        tools=body.upstream.get("tools"),
        use_default_image_token_count=True,
        fallback=sum(map(len, body.texts().values)),
    )
    return tokens + int(images) * EXTRA_IMAGE_TOKENS


@lru_cache(maxsize=1)
def _plain() -> PlainCounter:
    # The very function that LiteLLM's counter makes anew for each count.
    return PlainCounter(token_counter._get_count_function(_COUNTED_AS))  # noqa: SLF001


def _count_plain(messages: Sequence[Mapping[str, Any]]) -> int | None:
    try:
        return _plain().messages(messages)
    # LiteLLM's own counter comes next, and has a way out.
    except Exception:  # noqa: BLE001
        return None


def _count(*, fallback: int | None = None, **counted: Any) -> int:
    """Count by one tokenizer for all LLMs: the margin of the upper bound covers the difference."""
    try:
        if list(counted) == ["text"]:
            return _plain().text(counted["text"])
        return int(litellm.token_counter(model=_COUNTED_AS, **counted))
    # A shape that the counter does not know must not refuse the call; a token has a character.
    except Exception as error:  # noqa: BLE001
        log.warning("token_counter_failed", error=type(error).__name__)
        return fallback if fallback is not None else len(counted.get("text", ""))


class _DemoLlm(litellm.CustomLLM):  # type: ignore[misc]
    """Plugs the demo provider into LiteLLM as `demo/...`."""

    def __init__(self, demo: DemoProvider) -> None:
        super().__init__()
        self._demo = demo

    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        model, messages, options = kwargs["model"], kwargs["messages"], kwargs["optional_params"]
        answers = await self._demo.answers(messages, options, model=model)
        response = kwargs["model_response"]
        response.model = model
        response.choices = [_demo_choice(index, answer) for index, answer in enumerate(answers)]
        if not answers[0].directives.has_no_usage:
            response.usage = litellm.Usage(**_demo_usage(messages, options, answers))
        return response

    async def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        model, messages, options = kwargs["model"], kwargs["messages"], kwargs["optional_params"]
        answer, deltas = await self._demo.stream(messages, options, model=model)
        async for text, tool in deltas:
            yield _demo_chunk(text=text, tool=tool)
        usage = _demo_usage(messages, options, [answer])
        if answer.directives.has_no_usage:
            yield _demo_chunk(finish_reason=answer.finish_reason)
        else:
            yield _demo_chunk(finish_reason=answer.finish_reason, usage=usage)

    async def aembedding(self, *args: Any, **kwargs: Any) -> Any:
        inputs = kwargs["input"]
        texts = [inputs] if isinstance(inputs, str) else inputs
        vectors = await self._demo.embeddings(texts, _demo_options(kwargs))
        response = kwargs["model_response"]
        response.model = kwargs["model"]
        response.data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(_count(text=text) for text in texts)
        response.usage = litellm.Usage(prompt_tokens=tokens, total_tokens=tokens)
        return response

    async def aimage_generation(self, *args: Any, **kwargs: Any) -> Any:
        images = await self._demo.images(kwargs["prompt"], _demo_options(kwargs))
        response = kwargs["model_response"]
        response.data = [litellm.types.utils.ImageObject(b64_json=image) for image in images]
        return response


def _demo_options(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    options = kwargs["optional_params"]
    return {key.removeprefix("demo_"): value for key, value in options.items()}


def _demo_choice(index: int, answer: Answer) -> Any:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in answer.tool_calls
    ]
    message = litellm.Message(content=answer.text or None, tool_calls=calls or None)
    return litellm.Choices(index=index, finish_reason=answer.finish_reason, message=message)


def _demo_chunk(
    *,
    text: str = "",
    tool: dict[str, Any] | None = None,
    finish_reason: str = "",
    usage: dict[str, int] | None = None,
) -> dict[str, Any]:
    return {
        "text": text,
        "tool_use": tool,
        "is_finished": bool(finish_reason),
        "finish_reason": finish_reason,
        "usage": usage,
        "index": 0,
    }


def _demo_usage(messages: Any, options: Any, answers: list[Answer]) -> dict[str, int]:
    written = "".join(
        answer.text + "".join(call.name + call.arguments for call in answer.tool_calls)
        for answer in answers
    )
    sent = _count(messages=messages, tools=options.get("tools"), fallback=1)
    received = _count(text=written) if written else 1
    return {
        "prompt_tokens": sent,
        "completion_tokens": received,
        "total_tokens": sent + received,
    }
