"""The LLMs that Console's callers can name."""

from collections.abc import Iterable
from uuid import UUID

from console.product import PRODUCT
from console.selectors.own_llms import offered_llms
from core.access.selectors import active_llm_ids
from tenants.models import Llm


def llms_on(account_id: UUID, *, kinds: Iterable[str] = ()) -> list[Llm]:
    """Return what is offered to the account and switched on, by name; of some kinds or of all."""
    on, wanted = active_llm_ids(PRODUCT.slug), set(kinds)
    found = [llm for llm in offered_llms(account_id, PRODUCT.slug) if llm.pk in on]
    return [llm for llm in found if not wanted or llm.kind in wanted]
