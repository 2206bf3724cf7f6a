"""Console's own first step: a developer connects by a virtual key."""

from django.utils.translation import gettext as _

from console.models import VirtualKey
from core.hierarchy.product import Product
from core.ui.product.first_steps import Step


def key_step(product: Product) -> Step:
    """Return the step of the first key that still works."""
    return Step(
        _("Create a virtual key"),
        _("Any OpenAI client works with it, unchanged."),
        "key",
        f"/{product.slug}/keys/",
        VirtualKey.objects.filter(revoked_at=None).exists(),
    )
