"""Where tests let LLMs run: one place for each vendor's wire format, at a fake of it."""

import json
from dataclasses import replace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.gateway.ports import Llm, LlmKind, Secret
from tests.fakes.directory import FakeDirectory
from tests.fakes.upstream import FakeUpstream
from tests.fakes.vendors import FakeVendors
from tests.fakes.vendors.compatible import BASES

# By vendor, where LiteLLM's word for it is another.
_PROVIDERS = {"ollama": "openai", "vllm": "hosted_vllm"}
AWS = '{"aws_access_key_id": "AKIACANARY0000000000", "aws_secret_access_key": "secret-canary-1"}'


def service_account(token_url: str) -> str:
    """Return the key file of a service account of Google, with a key that signs."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "company-project",
            "private_key_id": "canary-key-id",
            "private_key": pem.decode(),
            "client_email": "gateway@company-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_url,
        }
    )


class Places:
    """Adds LLMs to a directory; a model's name is how its fake behaves."""

    def __init__(
        self, directory: FakeDirectory, upstream: FakeUpstream, vendors: FakeVendors
    ) -> None:
        self._directory = directory
        self._upstream = upstream
        self._vendors = vendors
        self._google = service_account(vendors.token_url)

    @property
    def calls(self) -> int:
        """How often a provider was asked."""
        return len(self._upstream.seen) + len(self._vendors.seen)

    def add(
        self,
        vendor: str,
        model: str,
        *,
        kind: LlmKind = "chat",
        name: str = "",
        seconds: float | None = None,
    ) -> Llm:
        """Let an LLM run at a vendor."""
        is_openai = vendor == "openai"
        url = self._upstream.url if is_openai else self._vendors.url + BASES.get(vendor, "")
        provider = _PROVIDERS.get(vendor, vendor)
        llm = self._directory.add_llm(name or model, kind=kind, api_base=url, provider=provider)
        place = replace(llm.deployment, upstream_model=model, timeout_seconds=seconds)
        if vendor == "bedrock":
            # LiteLLM asks for Bedrock's converse interface by a word in front of the model's name.
            with_tools = "anthropic.claude-3-5-sonnet-20240620-v1:0"
            chat = f"converse/{with_tools if model == 'tools' else model}"
            place = replace(
                place,
                upstream_model=chat if kind == "chat" else model,
                api_key=Secret(AWS),
                options=(("region", "eu-central-1"),),
            )
        if vendor == "vertex_ai":
            if kind == "image":
                # LiteLLM takes an address for pictures as it is.
                project = "projects/company-project/locations/europe-west4"
                at = f"{url}/v1/{project}/publishers/google/models/{model}:predict"
                place = replace(place, api_base=at)
            options = (("location", "europe-west4"), ("project", "company-project"))
            # LiteLLM tells by the name what is Google's own there.
            own = f"gemini-{model}" if kind == "chat" else model
            place = replace(
                place, upstream_model=own, api_key=Secret(self._google), options=options
            )
        made = replace(llm, deployment=place)
        self._directory.llms[self._directory.product][made.name] = made
        return made
