"""The vendors at which accounts can run LLMs of their own: what each needs, and what it may be.

Pure values. `provider` is the vendor in LiteLLM's words.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CredentialKind = Literal["key", "optional_key", "none", "aws", "google"]

# Part of a host name or of a path at the vendor: no dots, no slashes.
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VERSION = re.compile(r"[a-z0-9.-]{1,40}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_MOST_JSON = 16_384
_GOOGLE_FIELDS = (
    "type",
    "project_id",
    "private_key_id",
    "private_key",
    "client_email",
    "client_id",
)
_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a vendor needs besides a model and a credential."""

    name: str
    label: str | Promise
    example: str
    pattern: re.Pattern[str]
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Vendor:
    """A place where LLMs run."""

    slug: str
    title: str
    provider: str
    credential: CredentialKind = "key"
    takes_address: bool = False
    address_example: str = ""
    address_help: str | Promise = ""
    options: tuple[Option, ...] = ()
    model_example: str = ""

    def __str__(self) -> str:
        return self.title


VENDORS: tuple[Vendor, ...] = (
    Vendor("openai", "OpenAI", "openai", model_example="gpt-5-mini"),
    Vendor(
        "azure",
        "Azure OpenAI",
        "azure",
        takes_address=True,
        address_example="https://company.openai.azure.com",
        address_help=_("The endpoint of the resource, without a path."),
        options=(
            Option(
                "api_version", _("API version"), "2025-04-01-preview", _VERSION, is_required=False
            ),
        ),
        model_example="my-gpt-5-deployment",
    ),
    Vendor("anthropic", "Anthropic", "anthropic", model_example="claude-sonnet-4-5"),
    Vendor("gemini", "Google Gemini", "gemini", model_example="gemini-2.5-flash"),
    Vendor(
        "vertex_ai",
        "Google Vertex AI",
        "vertex_ai",
        credential="google",
        options=(
            Option("project", _("Project"), "company-project", _PLAIN),
            Option("location", _("Location"), "europe-west4", _PLAIN),
        ),
        model_example="gemini-2.5-flash",
    ),
    Vendor(
        "bedrock",
        "AWS Bedrock",
        "bedrock",
        credential="aws",
        options=(Option("region", _("Region"), "eu-central-1", _PLAIN),),
        model_example="anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    Vendor("mistral", "Mistral", "mistral", model_example="mistral-large-latest"),
    Vendor("groq", "Groq", "groq", model_example="llama-3.3-70b-versatile"),
    Vendor("deepseek", "DeepSeek", "deepseek", model_example="deepseek-chat"),
    Vendor("openrouter", "OpenRouter", "openrouter", model_example="openai/gpt-5-mini"),
    Vendor(
        "openai_compatible",
        "OpenAI-compatible",
        "openai",
        credential="optional_key",
        takes_address=True,
        address_example="https://llm.example.com/v1",
        address_help=_("What comes before /chat/completions; with most servers it ends in /v1."),
    ),
    Vendor(
        "ollama",
        "Ollama",
        "openai",
        credential="none",
        takes_address=True,
        address_example="https://ollama.example.com/v1",
        address_help=_("With /v1 at its end: Ollama's own interface at /api is not asked."),
        model_example="llama3.3",
    ),
    Vendor(
        "vllm",
        "vLLM",
        "hosted_vllm",
        credential="optional_key",
        takes_address=True,
        address_example="https://vllm.example.com/v1",
        address_help=_("With /v1 at its end."),
        model_example="meta-llama/Llama-3.3-70B-Instruct",
    ),
)
_BY_SLUG = {vendor.slug: vendor for vendor in VENDORS}


def vendor_named(slug: str) -> Vendor | None:
    """Return a vendor."""
    return _BY_SLUG.get(slug)


def vendor_of(provider: str) -> Vendor:
    """Return the vendor that LiteLLM calls by a name; one that wants a key where we know none."""
    known = vendor_named(provider) or next(
        (vendor for vendor in VENDORS if vendor.provider == provider), None
    )
    return known or Vendor(provider, provider, provider, takes_address=True)


def credential_fields(vendor: Vendor) -> tuple[str, ...]:
    """Return what a vendor's credential consists of, by name of field."""
    return {
        "key": ("api_key",),
        "optional_key": ("api_key",),
        "none": (),
        "aws": ("aws_access_key_id", "aws_secret_access_key"),
        "google": ("service_account",),
    }[vendor.credential]


def model_fault(upstream_model: str) -> str:
    """Return what is wrong with a model's name at a vendor; nothing when it is right."""
    if not _MODEL.fullmatch(upstream_model) or ".." in upstream_model:
        return "Enter the model's name as the vendor writes it: letters, digits and . _ : / @ + -."
    return ""


def option_faults(vendor: Vendor, options: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a vendor's options, by name."""
    faults = dict.fromkeys(options.keys() - _names(vendor), "This vendor has no such option.")
    for option in vendor.options:
        value = options.get(option.name, "")
        if (value or option.is_required) and not option.pattern.fullmatch(value):
            faults[option.name] = f"Enter a value such as {option.example}."
    return faults


def credential_of(vendor: Vendor, given: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a vendor's credential as one text to seal, and what is wrong with it by field.

    The text is empty where nothing was given.
    """
    values = {name: (given.get(name) or "").strip() for name in credential_fields(vendor)}
    unknown = {name for name, value in given.items() if value} - values.keys()
    faults = dict.fromkeys(unknown, "This vendor takes no such credential.")
    if not any(values.values()) or faults:
        return "", faults
    if vendor.credential == "google":
        return _service_account(values["service_account"])
    faults = {
        name: "Paste it as the vendor shows it: one word, without spaces."
        for name, value in values.items()
        # To LiteLLM this would mean a variable of our process: somebody else's secret.
        if not _KEY.fullmatch(value) or value.lower().startswith("os.environ")
    }
    text = json.dumps(values) if vendor.credential == "aws" else values.get("api_key", "")
    return ("", faults) if faults else (text, {})


def shown_of(vendor: Vendor, secret: str) -> str:
    """Return the part of a credential that names it, and opens nothing by itself."""
    part = {"aws": "aws_access_key_id", "google": "private_key_id"}.get(vendor.credential)
    return str(json.loads(secret)[part]) if part else secret


def _service_account(text: str) -> tuple[str, dict[str, str]]:
    """Read a service account's key file, and keep only what signs.

    Other types of Google's files, and the addresses in this one, would have our process fetch
    tokens from wherever they say.
    """
    fault = {"service_account": "Paste the JSON key of a service account, as Google gives it."}
    try:
        given: Any = json.loads(text) if len(text) <= _MOST_JSON else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or given.get("type") != "service_account":
        return "", fault
    kept = {name: given.get(name) for name in _GOOGLE_FIELDS}
    if not all(isinstance(value, str) and value for value in kept.values()):
        return "", fault
    return json.dumps({**kept, "token_uri": _GOOGLE_TOKENS}), {}


def _names(vendor: Vendor) -> set[str]:
    return {option.name for option in vendor.options}
