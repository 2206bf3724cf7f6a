"""What is set up and what applies."""

from uuid import UUID

from django.db.models import QuerySet

from core.guardrails.models import Guardrail, GuardrailBinding
from core.guardrails.verdicts import BoundGuardrail
from core.kit.problems import NotFound


def guardrails() -> QuerySet[Guardrail]:
    """Return the current account's guardrails, by name."""
    return Guardrail.objects.all()


def bindings_of(product: str) -> QuerySet[GuardrailBinding]:
    """Return what is bound to a product, oldest first."""
    return GuardrailBinding.objects.filter(product=product).select_related("guardrail")


def binding_named(product: str, binding_id: UUID) -> GuardrailBinding:
    """Return one binding.

    Raises:
        NotFound: the product has none of that id.
    """
    binding = bindings_of(product).filter(pk=binding_id).first()
    if binding is None:
        raise NotFound("This guardrail is not bound here any more.")
    return binding


def bound_guardrails() -> dict[str, tuple[BoundGuardrail, ...]]:
    """Return what applies to the calls of each product, as the gateway's snapshot carries it."""
    found: dict[str, list[BoundGuardrail]] = {}
    for binding in GuardrailBinding.objects.select_related("guardrail"):
        found.setdefault(binding.product, []).append(binding.as_bound())
    return {product: tuple(bound) for product, bound in found.items()}
