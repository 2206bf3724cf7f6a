"""The catalogue: LLMs, price rows, platform deployments and their credentials."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.clock import now
from core.kit.problems import Conflict, InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from core.vault import services as vault
from core.vault.models import SealedSecret
from tenants.credentials import DEPLOYMENT_COLUMN, DEPLOYMENT_TABLE
from tenants.models import Account, Llm, PlatformDeployment, PriceRow
from tenants.rules import is_price, llm_fault, whole_price

PRICE_FIELDS = (
    "input_usd",
    "output_usd",
    "cache_read_usd",
    "cache_write_usd",
    "reasoning_usd",
    "audio_input_usd",
    "audio_output_usd",
    "image_each_usd",
    "request_usd",
)
_DETAILS = (
    "title",
    "vendor",
    "kind",
    "description",
    "context_window",
    "max_output_tokens",
    "capabilities",
)
_LONGEST_KEY = 4_096

LLM_CREATED = verbs.register("llm.created", "{actor} added {target} to the catalogue", icon="add")
LLM_CHANGED = verbs.register("llm.changed", "{actor} changed {target} in the catalogue")
LLM_RETIRED = verbs.register("llm.retired", "{actor} retired {target}", icon="archive")
LLM_RESTORED = verbs.register("llm.restored", "{actor} put {target} back into use", icon="undo")
PRICE_SET = verbs.register(
    "llm.price_set", "{actor} set version {after[version]} of the price of {target}", icon="sell"
)
DEPLOYMENT_CHANGED = verbs.register(
    "llm.deployment_changed", "{actor} changed where {target} runs", icon="dns"
)
CREDENTIAL_SET = verbs.register(
    "llm.credential_set", "{actor} stored a credential for {target}", icon="key"
)
CREDENTIAL_REMOVED = verbs.register(
    "llm.credential_removed", "{actor} removed the credential of {target}", icon="key_off"
)


@transaction.atomic
def create_llm(
    *,
    name: str,
    title: str,
    vendor: str,
    provider: str,
    upstream_model: str,
    prices: Mapping[str, Decimal],
    api_base: str = "",
    actor: Actor,
    **details: Any,
) -> Llm:
    """Add an LLM with its first price row and its platform deployment.

    Raises:
        Conflict: the name is taken.
        InvalidInput: a detail that cannot be, or no price above zero.
    """
    values = {"title": title, "vendor": vendor, **details}
    _check({"name": name, **values, "provider": provider, "upstream_model": upstream_model,
            "api_base": api_base})  # fmt: skip
    try:
        with transaction.atomic():
            llm = Llm.objects.create(name=name, **values)
    except IntegrityError:
        detail = f"The catalogue has an LLM called {name} already."
        errors = [{"pointer": "/name", "code": "name_taken", "detail": detail}]
        raise Conflict(detail, errors=errors) from None
    PlatformDeployment.objects.create(
        llm=llm, provider=provider, upstream_model=upstream_model, api_base=api_base
    )
    record(actor=actor, verb=LLM_CREATED, target=_target(llm), after={"name": name})
    set_price(llm=llm, prices=prices, actor=actor)
    return llm


@transaction.atomic
def change_llm(*, llm: Llm, actor: Actor, **changes: Any) -> Llm:
    """Change title, description or limits of an LLM. Its name is a promise to clients and stays.

    Raises:
        InvalidInput: a detail that cannot be.
    """
    assert set(changes) <= set(_DETAILS), changes
    _check(changes)
    before = {field: getattr(llm, field) for field in changes}
    changed = {field: value for field, value in changes.items() if value != before[field]}
    if not changed:
        return llm
    for field, value in changed.items():
        setattr(llm, field, value)
    llm.save(update_fields=tuple(changed))
    record(
        actor=actor,
        verb=LLM_CHANGED,
        target=_target(llm),
        before={field: before[field] for field in changed},
        after=changed,
    )
    _bump_offered(llm)
    return llm


@transaction.atomic
def change_deployment(
    *, llm: Llm, provider: str, upstream_model: str, api_base: str = "", actor: Actor
) -> PlatformDeployment:
    """Change where the platform runs an LLM.

    A stored credential does not follow to another provider or address: it is removed, so that
    nobody can have it sent to a host of their own.

    Raises:
        InvalidInput: a detail that cannot be.
    """
    values = {"provider": provider, "upstream_model": upstream_model, "api_base": api_base}
    _check(values)
    row = PlatformDeployment.objects.select_for_update().get(llm=llm)
    before = {field: getattr(row, field) for field in values}
    if before == values:
        return row
    for field, value in values.items():
        setattr(row, field, value)
    row.save(update_fields=tuple(values))
    record(actor=actor, verb=DEPLOYMENT_CHANGED, target=_target(llm), before=before, after=values)
    if (provider, api_base) != (before["provider"], before["api_base"]):
        remove_credential(deployment=row, actor=actor)
    _bump_offered(llm)
    return row


@transaction.atomic
def set_price(*, llm: Llm, prices: Mapping[str, Decimal], actor: Actor) -> PriceRow:
    """Start a new version of an LLM's price; an unnamed kind of tokens costs as plain ones.

    The price that is in force already starts no version.

    Raises:
        InvalidInput: an unknown part, a price out of range, or nothing above zero.
    """
    _check_prices(prices)
    Llm.objects.select_for_update().get(pk=llm.pk)
    last = PriceRow.objects.filter(llm=llm).order_by("-version").first()
    wanted = whole_price(prices, PRICE_FIELDS)
    if last is not None and wanted == {field: getattr(last, field) for field in PRICE_FIELDS}:
        return last
    highest = PriceRow.objects.filter(llm=llm).aggregate(last=Max("version"))["last"] or 0
    row = PriceRow.objects.create(llm=llm, version=highest + 1, created_by=actor.label, **wanted)
    record(
        actor=actor,
        verb=PRICE_SET,
        target=_target(llm),
        before={"version": last.version, **_named(last)} if last is not None else None,
        after={"version": row.version, **_named(row)},
    )
    _bump_offered(llm)
    return row


@transaction.atomic
def set_credential(*, deployment: PlatformDeployment, api_key: str, actor: Actor) -> None:
    """Seal the platform's key for one LLM; nobody reads it again.

    Raises:
        InvalidInput: the key is empty, too long, or holds spaces.
    """
    api_key = api_key.strip()
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{_LONGEST_KEY}}}", api_key):
        detail = "Paste the key as the vendor shows it: one word, without spaces."
        raise InvalidInput(
            detail, errors=[{"pointer": "/api_key", "code": "api_key", "detail": detail}]
        )
    vault.seal(
        table=DEPLOYMENT_TABLE,
        row=deployment.pk,
        column=DEPLOYMENT_COLUMN,
        value=api_key,
        sealed_by=actor.label,
    )
    record(actor=actor, verb=CREDENTIAL_SET, target=_target(deployment.llm))
    _bump_offered(deployment.llm)


@transaction.atomic
def remove_credential(*, deployment: PlatformDeployment, actor: Actor) -> bool:
    """Forget the platform's key for one LLM; return whether there was one."""
    place = {"table": DEPLOYMENT_TABLE, "row": str(deployment.pk), "column": DEPLOYMENT_COLUMN}
    if not SealedSecret.objects.filter(**place).exists():
        return False
    vault.erase(**place)
    record(actor=actor, verb=CREDENTIAL_REMOVED, target=_target(deployment.llm))
    _bump_offered(deployment.llm)
    return True


@transaction.atomic
def retire_llm(*, llm: Llm, reason: str = "", actor: Actor) -> Llm:
    """Take an LLM out of use everywhere, from the next call on; its history stays."""
    return _switch(llm, LLM_RETIRED, is_retired=True, reason=reason, actor=actor)


@transaction.atomic
def restore_llm(*, llm: Llm, reason: str = "", actor: Actor) -> Llm:
    """Put a retired LLM back into use, for whom it was offered to before."""
    return _switch(llm, LLM_RESTORED, is_retired=False, reason=reason, actor=actor)


def _switch(llm: Llm, verb: str, *, is_retired: bool, reason: str, actor: Actor) -> Llm:
    llm = Llm.objects.select_for_update().get(pk=llm.pk)
    if (llm.retired_at is not None) == is_retired:
        return llm
    llm.retired_at = now() if is_retired else None
    llm.save(update_fields=("retired_at",))
    record(actor=actor, verb=verb, target=_target(llm), reason=reason)
    _bump_offered(llm)
    return llm


def _bump_offered(llm: Llm) -> None:
    # By id, so that two changes at once lock the accounts' policies in the same order.
    for account in Account.objects.filter(llm_offers__llm=llm).distinct().order_by("pk"):
        with in_account(account):
            bump_policy()


def _target(llm: Llm) -> tuple[str, Any, str]:
    return ("llm", llm.pk, llm.title)


def _named(row: PriceRow) -> dict[str, str]:
    return {
        field: f"{value.normalize():f}"
        for field in PRICE_FIELDS
        if (value := Decimal(getattr(row, field)))
    }


def _check(values: Mapping[str, Any]) -> None:
    errors = [
        {"pointer": f"/{field}", "code": field, "detail": detail}
        for field, value in values.items()
        if (detail := llm_fault(field, value))
    ]
    if errors:
        raise InvalidInput(" ".join(error["detail"] for error in errors), errors=errors)


def _check_prices(prices: Mapping[str, Decimal]) -> None:
    unknown = set(prices) - set(PRICE_FIELDS)
    if unknown:
        raise InvalidInput(f"There is no price called {', '.join(sorted(unknown))}.")
    errors = [
        {
            "pointer": f"/{field}",
            "code": "price",
            "detail": "Enter US dollars from 0 to 1,000,000 with at most six decimals.",
        }
        for field, price in prices.items()
        if not is_price(price)
    ]
    if errors:
        raise InvalidInput("A price is out of range.", errors=errors)
    if not any(prices.values()):
        raise InvalidInput("At least one price must be above zero; an unpriced LLM is refused.")
