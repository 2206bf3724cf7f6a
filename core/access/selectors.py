"""Reads of access."""

from uuid import UUID

from core.access.models import LlmActivation


def active_llm_ids(product: str) -> frozenset[UUID]:
    """Return the catalogue ids that are on in a product of the current account."""
    return frozenset(LlmActivation.objects.filter(product=product).values_list("llm_id", flat=True))
