"""Addresses, headers and bodies of requests in OpenAI's own wire format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from core.gateway.accents import spoken
from core.gateway.ports import Deployment, Llm

# Providers that take OpenAI's requests, as they are or nearly (`accents`), by LiteLLM's name.
_BASES = {
    "openai": "https://api.openai.com/v1",
    "mistral": "https://api.mistral.ai/v1",
    "groq": "https://api.groq.com/openai/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}
# These have no address of the vendor's.
_ELSEWHERE = frozenset({"hosted_vllm", "azure"})
_PATHS = {
    "chat": "chat/completions",
    "embedding": "embeddings",
    "image": "images/generations",
    "transcription": "audio/transcriptions",
    "speech": "audio/speech",
    "rerank": "rerank",
    "moderation": "moderations",
}
AZURE_VERSION = "2025-04-01-preview"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request, ready to send. Never print it: the headers hold a credential."""

    url: str
    headers: dict[str, str]
    body: Any

    def __repr__(self) -> str:
        return "Endpoint(…)"


def is_openai_compatible(deployment: Deployment) -> bool:
    """Whether the deployment takes OpenAI's wire format."""
    if deployment.provider in _ELSEWHERE:
        return deployment.api_base is not None
    return deployment.provider in _BASES


def endpoint_of(llm: Llm, params: Mapping[str, Any]) -> Endpoint:
    """Return the request of one call."""
    headers = _headers(llm.deployment)
    fields = {"model": llm.deployment.upstream_model, **spoken(llm, params)}
    url = _url(llm)
    if llm.kind == "transcription":
        return Endpoint(url, headers, _form(fields))
    return Endpoint(url, {**headers, "content-type": "application/json"}, orjson.dumps(fields))


def _url(llm: Llm) -> str:
    deployment, path = llm.deployment, _PATHS[llm.kind]
    base = (deployment.api_base or _BASES[deployment.provider]).rstrip("/")
    if deployment.provider != "azure":
        return f"{base}/{path}"
    version = deployment.option("api_version") or AZURE_VERSION
    at = f"{base}/openai/deployments/{quote(deployment.upstream_model, safe='')}"
    return f"{at}/{path}?api-version={quote(version, safe='')}"


def _headers(deployment: Deployment) -> dict[str, str]:
    if deployment.api_key is None:
        return {}
    key = deployment.api_key.reveal()
    return (
        {"api-key": key} if deployment.provider == "azure" else {"authorization": f"Bearer {key}"}
    )


def _form(fields: Mapping[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in fields.items():
        if name == "file":
            filename, content, content_type = value
            form.add_field("file", content, filename=filename, content_type=content_type)
        elif isinstance(value, list):
            for each in value:
                form.add_field(f"{name}[]", str(each))
        else:
            form.add_field(name, str(value))
    return form
