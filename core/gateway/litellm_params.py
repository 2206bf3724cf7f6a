"""A deployment in LiteLLM's words, and what LiteLLM's list knows of it. Pure values."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.gateway.ports import Deployment, secret_parts

_PRICES = {
    "input_usd": "input_cost_per_token",
    "output_usd": "output_cost_per_token",
    "cache_read_usd": "cache_read_input_token_cost",
    "cache_write_usd": "cache_creation_input_token_cost",
    "reasoning_usd": "output_cost_per_reasoning_token",
    "audio_input_usd": "input_cost_per_audio_token",
    "audio_output_usd": "output_cost_per_audio_token",
}
_ABILITIES = {
    "tools": "supports_function_calling",
    "vision": "supports_vision",
    "reasoning": "supports_reasoning",
    "json": "supports_response_schema",
}


def litellm_params(deployment: Deployment) -> dict[str, Any]:
    """Return what a Router takes for one deployment, its credential included."""
    # LiteLLM resolves names by itself, past every check.
    assert deployment.egress is None or not deployment.api_base
    params: dict[str, Any] = {
        "model": f"{deployment.provider}/{deployment.upstream_model}",
        "max_retries": 0,
        **_credential(deployment),
    }
    if deployment.api_base:
        at = "aws_bedrock_runtime_endpoint" if deployment.provider == "bedrock" else "api_base"
        params[at] = deployment.api_base
    if any(str(value).startswith("os.environ") for value in params.values()):
        # A Router would put a variable of our own process in its place.
        raise ValueError("A deployment names a variable of the gateway's process.")
    return params


def facts_of(deployment: Deployment, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what LiteLLM's list says of a model; nothing where it does not know it."""
    name = deployment.upstream_model
    row = known.get(f"{deployment.provider}/{name}") or known.get(name)
    if not row:
        return {}
    return {
        "prices": {
            field: f"{round(Decimal(str(row[key])) * 1_000_000, 6).normalize():f}"
            for field, key in _PRICES.items()
            if row.get(key)
        },
        "context_window": int(row.get("max_input_tokens") or 0),
        "max_output_tokens": int(row.get("max_output_tokens") or 0),
        "capabilities": [word for word, key in _ABILITIES.items() if row.get(key)],
    }


def _credential(deployment: Deployment) -> dict[str, Any]:
    # Without a key of its own LiteLLM would take one from the environment.
    key = deployment.api_key.reveal() if deployment.api_key else "none"
    if deployment.provider == "bedrock":
        parts = secret_parts(key)
        return {
            "aws_access_key_id": parts.get("aws_access_key_id", "none"),
            "aws_secret_access_key": parts.get("aws_secret_access_key", "none"),
            "aws_region_name": deployment.option("region") or parts.get("region", "us-east-1"),
        }
    if deployment.provider == "vertex_ai":
        return {
            "vertex_credentials": key,
            "vertex_project": deployment.option("project"),
            "vertex_location": deployment.option("location"),
        }
    return {"api_key": key}
