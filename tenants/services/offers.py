"""Which LLMs the super admin offers to an account: the ceiling that its admins cannot pass."""

from collections.abc import Collection, Sequence

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.hierarchy.product import product_named
from core.kit.problems import ChangedMeanwhile
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from tenants.errors import LlmRetired
from tenants.models import Account, Llm, LlmOffer

OFFERS_CHANGED = verbs.register(
    "account.offers_changed",
    "{actor} changed which LLMs {target} is offered in {after[product]}: {after[change]}",
    icon="neurology",
)
# A sentence names a few LLMs; more are counted, and named in the entry's details.
_NAMED = 3


def offer_llm(*, account: Account, product: str, llm: Llm, actor: Actor) -> LlmOffer:
    """Offer one more LLM to a product of an account; its admin switches it on.

    Raises:
        LlmRetired: the LLM is out of use.
    """
    offer_llms(account=account, product=product, llms=(llm,), actor=actor)
    return LlmOffer.objects.get(account=account, product=product, llm=llm)


def offer_llms(*, account: Account, product: str, llms: Collection[Llm], actor: Actor) -> int:
    """Offer more LLMs to a product of an account, and return how many are new.

    Raises:
        LlmRetired: one of them is out of use.
    """
    added, _ = _change(account, product, add=llms, actor=actor)
    return added


def withdraw_llm(*, offer: LlmOffer, actor: Actor) -> None:
    """Stop offering an LLM; it is refused from the next call on."""
    _change(offer.account, offer.product, withdraw=(offer.llm,), actor=actor)


@transaction.atomic
def set_offers(
    *,
    account: Account,
    product: str,
    llms: Collection[Llm],
    seen: Collection[str] | None = None,
    actor: Actor,
) -> tuple[int, int]:
    """Offer exactly these LLMs to a product; return how many were added and withdrawn.

    Offers of retired LLMs stay as they are: nobody can choose them, and they admit nothing. `seen`
    names what was on offer when the actor looked; None does not compare.

    Raises:
        ChangedMeanwhile: something else is on offer by now.
        LlmRetired: one of them is out of use.
    """
    wanted = {llm.pk for llm in llms}
    Account.objects.select_for_update().get(pk=account.pk)
    standing = LlmOffer.objects.select_related("llm").filter(
        account=account, product=product, llm__retired_at=None
    )
    if seen is not None and {offer.llm.name for offer in standing} != set(seen):
        raise ChangedMeanwhile("Somebody has changed since which LLMs this account is offered.")
    surplus = [offer.llm for offer in standing if offer.llm_id not in wanted]
    return _change(account, product, add=llms, withdraw=surplus, actor=actor)


@transaction.atomic
def _change(
    account: Account,
    product: str,
    *,
    add: Collection[Llm] = (),
    withdraw: Collection[Llm] = (),
    actor: Actor,
) -> tuple[int, int]:
    retired = [llm for llm in add if llm.retired_at is not None]
    if retired:
        raise LlmRetired(f"{retired[0]} is retired and cannot be offered.")
    Account.objects.select_for_update().get(pk=account.pk)
    offers = LlmOffer.objects.filter(account=account, product=product)
    standing = set(offers.values_list("llm_id", flat=True))
    added = [llm for llm in add if llm.pk not in standing]
    withdrawn = [llm for llm in withdraw if llm.pk in standing]
    if not added and not withdrawn:
        return 0, 0
    LlmOffer.objects.bulk_create(
        LlmOffer(account=account, product=product, llm=llm) for llm in added
    )
    offers.filter(llm__in=withdrawn).delete()
    record(
        actor=actor,
        verb=OFFERS_CHANGED,
        target=("account", account.pk, account.name),
        after={
            "product": product_named(product).title,
            "change": _in_words(added, withdrawn),
            "added": [llm.name for llm in added],
            "withdrawn": [llm.name for llm in withdrawn],
        },
    )
    with in_account(account):
        bump_policy()
    return len(added), len(withdrawn)


def _in_words(added: Sequence[Llm], withdrawn: Sequence[Llm]) -> str:
    parts = [
        f"{verb} {_names(llms)}"
        for verb, llms in (("added", added), ("withdrew", withdrawn))
        if llms
    ]
    return "; ".join(parts)


def _names(llms: Sequence[Llm]) -> str:
    return ", ".join(map(str, llms)) if len(llms) <= _NAMED else f"{len(llms)} LLMs"
