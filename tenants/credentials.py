"""Which credential a platform deployment answers with.

Its own, the vendor's from the environment, or, in a demo, none at all.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.conf import settings

from core.tenancy.context import in_public
from core.vault.models import SealedSecret
from core.vault.services import Secret, SecretUnreadable, open_secrets
from tenants.models import PlatformDeployment
from tenants.vendors import vendor_of

DEPLOYMENT_TABLE, DEPLOYMENT_COLUMN = "tenants_platformdeployment", "api_key"

# By LiteLLM's name of the provider, the variable that the vendor's own SDK reads too.
VENDOR_VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}

# `unneeded`: a server of one's own that asks nobody for a key, such as Ollama.
Source = Literal["sealed", "environment", "unneeded", "demo", "none"]


_KEYLESS = frozenset({"none", "optional_key"})


@dataclass(frozen=True, slots=True)
class Credential:
    """What a deployment answers with. `reason` says what is missing where there is nothing."""

    source: Source
    secret: Secret | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CredentialState:
    """All that people may see of a credential. `variable` names the one of the environment."""

    source: Source
    reason: str = ""
    variable: str = ""
    last_four: str = ""
    sealed_by: str = ""
    sealed_at: datetime | None = None


def credentials_of(deployments: Iterable[PlatformDeployment]) -> dict[object, Credential]:
    """Return the credential of each deployment, by the deployment's id."""
    rows = list(deployments)
    with in_public():
        try:
            sealed = _sealed(rows)
        except SecretUnreadable:
            # One credential that does not open must not take every other LLM away.
            return {row.pk: _alone(row) for row in rows}
    return {row.pk: _credential_of(row, sealed.get(str(row.pk))) for row in rows}


def _sealed(rows: list[PlatformDeployment]) -> dict[str, Secret]:
    ids = [row.pk for row in rows]
    return open_secrets(table=DEPLOYMENT_TABLE, rows=ids, column=DEPLOYMENT_COLUMN)


def _alone(row: PlatformDeployment) -> Credential:
    try:
        return _credential_of(row, _sealed([row]).get(str(row.pk)))
    except SecretUnreadable:
        return Credential("none", reason="The stored credential cannot be opened. Store it again.")


def credential_states(
    deployments: Iterable[PlatformDeployment],
) -> dict[object, CredentialState]:
    """Return what people may see of each deployment's credential; opens no secret."""
    rows = list(deployments)
    with in_public():
        sealed = {
            secret.row: secret
            for secret in SealedSecret.objects.filter(
                table=DEPLOYMENT_TABLE, column=DEPLOYMENT_COLUMN, row__in=[str(r.pk) for r in rows]
            ).only("row", "last_four", "sealed_by", "sealed_at")
        }
    return {row.pk: _state_of(row, sealed.get(str(row.pk))) for row in rows}


def _credential_of(deployment: PlatformDeployment, sealed: Secret | None) -> Credential:
    if sealed is not None:
        return Credential("sealed", sealed)
    state = _state_of(deployment, None)
    secret = Secret(_given(state.variable)) if state.source == "environment" else None
    return Credential(state.source, secret, reason=state.reason)


def _state_of(deployment: PlatformDeployment, sealed: SealedSecret | None) -> CredentialState:
    if sealed is not None:
        return CredentialState(
            "sealed",
            last_four=sealed.last_four,
            sealed_by=sealed.sealed_by,
            sealed_at=sealed.sealed_at,
        )
    # The vendor's key goes to the vendor only, never to a URL that somebody typed in.
    variable = "" if deployment.api_base else VENDOR_VARIABLES.get(deployment.provider, "")
    if variable and _given(variable):
        return CredentialState("environment", variable=variable)
    if deployment.api_base and vendor_of(deployment.provider).credential in _KEYLESS:
        return CredentialState("unneeded")
    if settings.DEMO:
        return CredentialState("demo", variable=variable)
    if not variable:
        return CredentialState("none", reason="Store a credential for this deployment.")
    return CredentialState(
        "none", reason=f"Store a credential, or set {variable}.", variable=variable
    )


def _given(variable: str) -> str:
    return os.environ.get(variable, "").strip()
