"""Every write of the LLMs that an account brings along, and of their prices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from console.errors import LlmNameTaken, OwnLlmArchived
from console.models import Deployment, OwnLlm, OwnPrice
from console.selectors.own_llms import CREDENTIAL_COLUMN, CREDENTIAL_TABLE, floor_of
from core.access.services import switch_llm_off, switch_llm_on
from core.audit import verbs
from core.audit.changes import apply_changes
from core.audit.services import Actor, record
from core.kit.clock import now
from core.kit.problems import Conflict, InvalidInput
from core.tenancy.context import Account
from core.tenancy.policy import bump_policy
from core.vault import services as vault
from tenants.rules import least_prices, llm_fault
from tenants.selectors import offered_llms
from tenants.services.prices import check_prices, start_version

PRODUCT = "console"
MOST_RETRIES = 3
_DETAILS = (
    "title",
    "description",
    "context_window",
    "max_output_tokens",
    "capabilities",
    "fallback",
    "retries",
)
# A price has to say something of each of these, by kind; else of the input.
_NEEDED = {
    "chat": ("input_usd", "output_usd"),
    "transcription": ("audio_input_usd",),
    "image": ("image_each_usd",),
}

OWN_LLM_CREATED = verbs.register(
    "own_llm.created", "{actor} added the LLM {target} of your own", icon="add"
)
OWN_LLM_CHANGED = verbs.register("own_llm.changed", "{actor} changed the LLM {target}")
OWN_LLM_ARCHIVED = verbs.register(
    "own_llm.archived", "{actor} archived the LLM {target}", icon="archive"
)
OWN_PRICE_SET = verbs.register(
    "own_llm.price_set", "{actor} set version {after[version]} of the price of {target}",
    icon="sell",
)  # fmt: skip


@transaction.atomic
def create_own_llm(
    *,
    account: Account,
    name: str,
    title: str,
    kind: str = "chat",
    actor: Actor,
    **details: Any,
) -> OwnLlm:
    """Add an LLM of the account's own, switched on in Console.

    It answers once it has a deployment and a price.

    Raises:
        InvalidInput: a detail that cannot be.
        LlmNameTaken: the platform offers an LLM of this name, or the account has one.
    """
    values = {"title": title, "kind": kind, **details}
    _check({"name": name, **values})
    if any(offered.name == name for offered in offered_llms(account.id, PRODUCT)):
        raise _taken(name, "The platform offers an LLM called {name} to your account.")
    try:
        with transaction.atomic():
            llm = OwnLlm.objects.create(name=name, **values)
    except IntegrityError:
        raise _taken(name, "You have an LLM called {name} already.") from None
    record(actor=actor, verb=OWN_LLM_CREATED, target=target_of(llm), after={"name": name},
           product=PRODUCT)  # fmt: skip
    switch_llm_on(product=PRODUCT, llm_id=llm.pk, llm_name=llm.name, actor=actor)
    bump_policy()
    return llm


@transaction.atomic
def change_own_llm(*, llm: OwnLlm, actor: Actor, **changes: Any) -> OwnLlm:
    """Change what is said of an LLM, or who answers in its stead. Its name is a promise and stays.

    Raises:
        InvalidInput: a detail that cannot be.
        OwnLlmArchived: it is archived.
    """
    assert set(changes) <= set(_DETAILS), changes
    _check(changes)
    llm = locked(llm)
    if changes.get("fallback") == llm.name:
        raise _wrong("fallback", "An LLM cannot answer in its own stead.")
    before, after = apply_changes(llm, changes)
    if after:
        record(actor=actor, verb=OWN_LLM_CHANGED, target=target_of(llm), before=before,
               after=after, product=PRODUCT)  # fmt: skip
        bump_policy()
    return llm


@transaction.atomic
def archive_own_llm(*, llm: OwnLlm, actor: Actor, reason: str = "") -> OwnLlm:
    """Take an LLM out of use with all its deployments, and forget their credentials.

    Running calls end at their next chunk.

    Raises:
        OwnLlmArchived: it is archived already.
    """
    llm = locked(llm)
    llm.archived_at = now()
    llm.save(update_fields=("archived_at",))
    places = Deployment.objects.filter(llm=llm, archived_at=None)
    for place in places:
        vault.erase(table=CREDENTIAL_TABLE, row=place.pk, column=CREDENTIAL_COLUMN)
    places.update(archived_at=llm.archived_at, is_active=False)
    record(actor=actor, verb=OWN_LLM_ARCHIVED, target=target_of(llm), reason=reason,
           product=PRODUCT)  # fmt: skip
    switch_llm_off(product=PRODUCT, llm_id=llm.pk, llm_name=llm.name, actor=actor)
    bump_policy()
    return llm


@transaction.atomic
def set_own_price(
    *, account: Account, llm: OwnLlm, prices: Mapping[str, Decimal], actor: Actor
) -> OwnPrice:
    """Start a new version of an own LLM's price. An unnamed kind of tokens costs as plain ones.

    Raises:
        InvalidInput: an unknown part, a price out of range, or one below the platform's floor.
        Conflict: the LLM is in the catalogue, so that the platform's price counts.
    """
    llm = locked(llm)
    if llm.catalogue_id is not None:
        raise Conflict(f"{llm} is in the platform's catalogue, whose price counts.")
    check_prices(
        prices,
        least=least_prices(llm.kind, floor_of(account.id)),
        needed=_NEEDED.get(llm.kind, ("input_usd",)),
    )
    row, is_new = start_version(
        OwnPrice,
        llm=llm,
        prices=prices,
        actor=actor,
        verb=OWN_PRICE_SET,
        target=target_of(llm),
        product=PRODUCT,
    )
    if is_new:
        bump_policy()
    return row


def locked(llm: OwnLlm) -> OwnLlm:
    """Return an own LLM under a lock.

    Raises:
        OwnLlmArchived: it is archived.
    """
    row = OwnLlm.objects.select_for_update().get(pk=llm.pk)
    if row.archived_at is not None:
        raise OwnLlmArchived(f"{row} is archived. Add it again under the same name.")
    return row


def target_of(llm: OwnLlm) -> tuple[str, Any, str]:
    """Return an own LLM as audit entries name it."""
    return ("own_llm", llm.pk, llm.title)


def _check(values: Mapping[str, Any]) -> None:
    errors = [
        {"pointer": f"/{field}", "code": field, "detail": detail}
        for field, value in values.items()
        if (detail := _fault(field, value))
    ]
    if errors:
        raise InvalidInput(" ".join(error["detail"] for error in errors), errors=errors)


def _fault(field: str, value: Any) -> str:
    if field == "fallback":
        return llm_fault("name", value) if value else ""
    if field == "retries":
        return "" if 0 <= value <= MOST_RETRIES else f"Enter 0 to {MOST_RETRIES}."
    if field == "capabilities" and not all(str(each).isalnum() for each in value):
        return "Name capabilities in single words."
    return llm_fault(field, value)


def _taken(name: str, detail: str) -> LlmNameTaken:
    text = detail.format(name=name)
    return LlmNameTaken(
        text, errors=[{"pointer": "/name", "code": "llm_name_taken", "detail": text}]
    )


def _wrong(field: str, detail: str) -> InvalidInput:
    return InvalidInput(detail, errors=[{"pointer": f"/{field}", "code": field, "detail": detail}])
