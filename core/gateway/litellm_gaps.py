"""What LiteLLM does not do, done for it. It comes as arguments: one module imports it.

A whole answer whose usage the provider has left out makes LiteLLM's adapters throw the answer
away, though the provider has given it and bills it. A usage of nothing keeps them going: it counts
as missing, so that we count ourselves.

A chunk of Google's that cannot be read makes its adapter collect all that follows, in the hope
that it becomes readable, and end the stream as if it were whole.

Pictures in OpenAI's format are asked for again behind our back, whatever we say of retries.
"""

from collections.abc import Callable
from typing import Any

_NO_ANTHROPIC_USAGE = {"input_tokens": 0, "output_tokens": 0}
_NO_BEDROCK_USAGE = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


def bear_missing_usage(anthropic: Any, google: Any, converse: Any) -> None:
    """Mend the adapters of Anthropic and Google (classes) and of Bedrock (its module)."""
    anthropic.transform_parsed_response = _with_anthropic_usage(anthropic.transform_parsed_response)
    # Both are called without an instance.
    calculate = google._calculate_usage  # noqa: SLF001  there is no other way in
    google._calculate_usage = staticmethod(_with_google_usage(calculate))  # noqa: SLF001
    converse.ConverseResponseBlock = _with_bedrock_usage(converse.ConverseResponseBlock)


def fail_on_broken_chunks(google_stream: Any) -> None:
    """Mend the reader of Google's streams (a class)."""
    read_next = google_stream.__anext__

    async def read(self: Any) -> Any:
        try:
            return await read_next(self)
        except StopAsyncIteration:
            if self._json_buffer:
                raise ValueError("The stream ended in the middle of a chunk.") from None
            raise

    google_stream.__anext__ = read


def ask_for_pictures_once(openai: Any) -> None:
    """Mend the adapter of OpenAI's format (a class)."""
    generate = openai.aimage_generation

    def generated(self: Any, *args: Any, **more: Any) -> Any:
        return generate(self, *args, **{**more, "max_retries": 0})

    openai.aimage_generation = generated


def _with_anthropic_usage(transform: Callable[..., Any]) -> Callable[..., Any]:
    def transformed(self: Any, completion_response: dict[str, Any], *args: Any, **more: Any) -> Any:
        if "error" not in completion_response:
            completion_response.setdefault("usage", dict(_NO_ANTHROPIC_USAGE))
        return transform(self, completion_response, *args, **more)

    return transformed


def _with_google_usage(calculate: Callable[..., Any]) -> Callable[..., Any]:
    def calculated(completion_response: dict[str, Any]) -> Any:
        return calculate({"usageMetadata": {}, **completion_response})

    return calculated


def _with_bedrock_usage(block: Callable[..., Any]) -> Callable[..., Any]:
    def made(**fields: Any) -> Any:
        return block(**{"usage": dict(_NO_BEDROCK_USAGE), **fields})

    return made
