"""Switching LLMs on and off for a product of the account."""

from uuid import UUID

from django.db import transaction

from core.access.models import LlmActivation
from core.audit import verbs
from core.audit.services import Actor, record
from core.tenancy.policy import bump_policy

LLM_ON = verbs.register("llm.switched_on", "{actor} switched {target} on", icon="toggle_on")
LLM_OFF = verbs.register("llm.switched_off", "{actor} switched {target} off", icon="toggle_off")


@transaction.atomic
def switch_llm_on(*, product: str, llm_id: UUID, llm_name: str, actor: Actor) -> LlmActivation:
    """Let a product of this account use an LLM; the caller has checked that it is offered."""
    activation, is_new = LlmActivation.objects.get_or_create(product=product, llm_id=llm_id)
    if is_new:
        record(actor=actor, verb=LLM_ON, target=("llm", llm_id, llm_name), product=product)
        bump_policy()
    return activation


@transaction.atomic
def switch_llm_off(*, product: str, llm_id: UUID, llm_name: str, actor: Actor) -> None:
    """Stop a product of this account from using an LLM; running calls end at their next chunk."""
    gone, _ = LlmActivation.objects.filter(product=product, llm_id=llm_id).delete()
    if gone:
        record(actor=actor, verb=LLM_OFF, target=("llm", llm_id, llm_name), product=product)
        bump_policy()
