"""What vendors with OpenAI's wire format want otherwise than OpenAI. Pure values."""

from collections.abc import Mapping
from typing import Any

from core.gateway.ports import Deployment, Llm

# They read the role of developers; to everybody else it is the system's.
_KNOW_DEVELOPERS = frozenset({"openai", "azure", "openrouter"})
# By OpenAI's name. Mistral refuses a body with a field that it does not know.
_MISTRALS_NAMES = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}
_MISTRAL_KNOWS_NOT = frozenset({"user", "stream_options", "prompt_cache_key", "verbosity"})
_MISTRALS_MESSAGE = frozenset({"role", "content", "tool_calls", "tool_call_id"})


def spoken(llm: Llm, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a request as the vendor of the LLM's deployment takes them."""
    place = llm.deployment
    if place.provider == "mistral":
        return _mistrals(llm, params)
    if llm.kind != "chat":
        return params
    if _is_openais(place):
        return _with_openais_limit(params)
    if place.provider in _KNOW_DEVELOPERS and not place.api_base:
        return params
    return _without_developers(params)


def _is_openais(place: Deployment) -> bool:
    return place.provider == "azure" or (place.provider == "openai" and place.api_base is None)


def _with_openais_limit(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """OpenAI itself has given up the old name of the limit; everybody else still knows it."""
    if "max_tokens" not in params:
        return params
    renamed = dict(params)
    renamed["max_completion_tokens"] = renamed.pop("max_tokens")
    return renamed


def _without_developers(params: Mapping[str, Any]) -> Mapping[str, Any]:
    messages = params["messages"]
    if all(message["role"] != "developer" for message in messages):
        return params
    return {**params, "messages": [_of_the_system(message) for message in messages]}


def _of_the_system(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message["role"] == "developer" else message


def _mistrals(llm: Llm, params: Mapping[str, Any]) -> Mapping[str, Any]:
    # Who is asking changes no answer, and what was used is always said.
    named = {
        _MISTRALS_NAMES.get(name, name): value
        for name, value in params.items()
        if name not in _MISTRAL_KNOWS_NOT
    }
    if llm.kind == "embedding" and "dimensions" in named:
        named["output_dimension"] = named.pop("dimensions")
    if llm.kind == "chat":
        messages = _without_developers(params)["messages"]
        named["messages"] = [_mistrals_message(message) for message in messages]
    return named


def _mistrals_message(message: Mapping[str, Any]) -> dict[str, Any]:
    known = _MISTRALS_MESSAGE | ({"name"} if message["role"] == "tool" else set())
    return {name: value for name, value in message.items() if name in known}
