"""The registry of features: named switches that an account admin turns on and off for nodes.

A feature that a product does not have is on nowhere in it. The super admin's ceiling stands above
every switch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Feature:
    """One switch: its key in APIs, what people call it, what it lets them do, and its default."""

    key: str
    title: str | Promise
    sentence: str | Promise
    is_on_by_default: bool
    products: tuple[str, ...]


_BOTH = ("copilot", "console")

# Who switches something by a feature names it by these.
IMAGE_GENERATION = "image_generation"
PERSONAL_KEYS = "personal_keys"
PLAYGROUND = "playground"
CONTENT_LOGGING = "content_logging"

_FEATURES = (
    Feature(
        IMAGE_GENERATION,
        _("Image generation"),
        _("Create images with the LLMs that can."),
        is_on_by_default=True,
        products=_BOTH,
    ),
    Feature(
        PERSONAL_KEYS,
        _("Personal keys"),
        _("Create virtual keys for one's own calls."),
        is_on_by_default=True,
        products=("console",),
    ),
    Feature(
        PLAYGROUND,
        _("Playground"),
        _("Try LLMs on a page of the cockpit, at one's own cost."),
        is_on_by_default=True,
        products=("console",),
    ),
    Feature(
        CONTENT_LOGGING,
        _("Content logging"),
        _("Keep what is asked and answered in the request logs."),
        # Nobody's words are kept until somebody decides so.
        is_on_by_default=False,
        products=("console",),
    ),
)


def needs_of(llms: Iterable[Any]) -> dict[UUID, str]:
    """Return the feature that some of these LLMs take besides their policies, by their ids."""
    return {llm.pk: IMAGE_GENERATION for llm in llms if llm.kind == "image"}


_by_key = {feature.key: feature for feature in _FEATURES}


def features_of(product: str) -> tuple[Feature, ...]:
    """Return the features that a product has, in the order in which pages show them."""
    return tuple(feature for feature in _FEATURES if product in feature.products)


def feature_named(key: str) -> Feature | None:
    """Return a feature by its key, or None where there is none."""
    return _by_key.get(key)
