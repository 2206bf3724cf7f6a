"""The catalogue: LLMs, price rows, platform deployments and their credentials."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from core.audit import verbs
from core.audit.changes import apply_changes
from core.audit.services import Actor, record
from core.kit.clock import now
from core.kit.problems import Conflict, InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy
from core.vault import services as vault
from core.vault.models import SealedSecret
from tenants.credentials import DEPLOYMENT_COLUMN, DEPLOYMENT_TABLE
from tenants.models import Account, Llm, PlatformDeployment, PriceRow
from tenants.rules import llm_fault
from tenants.services.prices import check_prices, start_version
from tenants.vendors import credential_fields, credential_of, option_faults, shown_of, vendor_of

_DETAILS = (
    "title",
    "vendor",
    "kind",
    "description",
    "context_window",
    "max_output_tokens",
    "capabilities",
)

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
    options: Mapping[str, str] | None = None,
    actor: Actor,
    **details: Any,
) -> Llm:
    """Add an LLM with its first price row and its platform deployment.

    Raises:
        Conflict: the name is taken.
        InvalidInput: a detail that cannot be, or no price above zero.
    """
    values = {"title": title, "vendor": vendor, **details}
    where = _where(provider, upstream_model, api_base, options)
    _check({"name": name, **values, **where})
    try:
        with transaction.atomic():
            llm = Llm.objects.create(name=name, **values)
    except IntegrityError:
        detail = f"The catalogue has an LLM called {name} already."
        errors = [{"pointer": "/name", "code": "name_taken", "detail": detail}]
        raise Conflict(detail, errors=errors) from None
    PlatformDeployment.objects.create(llm=llm, **where)
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
    before, after = apply_changes(llm, changes)
    if after:
        record(actor=actor, verb=LLM_CHANGED, target=_target(llm), before=before, after=after)
        _bump_offered(llm)
    return llm


@transaction.atomic
def change_deployment(
    *,
    llm: Llm,
    provider: str,
    upstream_model: str,
    api_base: str = "",
    options: Mapping[str, str] | None = None,
    actor: Actor,
) -> PlatformDeployment:
    """Change where the platform runs an LLM.

    A stored credential does not follow to another provider or address: it is removed, so that
    nobody can have it sent to a host of their own.

    Raises:
        InvalidInput: a detail that cannot be, or an option that the vendor needs or does not have.
    """
    where = _where(provider, upstream_model, api_base, options)
    _check(where)
    row = PlatformDeployment.objects.select_for_update().get(llm=llm)
    before, after = apply_changes(row, where)
    if not after:
        return row
    record(actor=actor, verb=DEPLOYMENT_CHANGED, target=_target(llm), before=before, after=after)
    if {"provider", "api_base"} & set(after):
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
    check_prices(prices)
    Llm.objects.select_for_update().get(pk=llm.pk)
    row, is_new = start_version(
        PriceRow, llm=llm, prices=prices, actor=actor, verb=PRICE_SET, target=_target(llm)
    )
    if is_new:
        _bump_offered(llm)
    return row


@transaction.atomic
def set_credential(
    *, deployment: PlatformDeployment, credential: Mapping[str, str], actor: Actor
) -> None:
    """Seal the platform's credential for one LLM; nobody reads it again.

    `credential` is what the vendor's credentials consist of: a key, a pair of AWS keys, or the
    key file of a service account of Google's, of which only what signs is kept.

    Raises:
        InvalidInput: it is missing, or not what the vendor's credentials look like.
    """
    vendor = vendor_of(deployment.provider)
    secret, faults = credential_of(vendor, credential)
    if not secret and not faults:
        names = credential_fields(vendor) or ("api_key",)
        faults = dict.fromkeys(names, "Enter the credential.")
    _raise(faults)
    vault.seal(
        **_sealed_at(deployment),
        value=secret,
        shown=shown_of(vendor, secret),
        sealed_by=actor.label,
    )
    record(actor=actor, verb=CREDENTIAL_SET, target=_target(deployment.llm))
    _bump_offered(deployment.llm)


@transaction.atomic
def remove_credential(*, deployment: PlatformDeployment, actor: Actor) -> bool:
    """Forget the platform's key for one LLM; return whether there was one."""
    place = _sealed_at(deployment)
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


def _where(
    provider: str, upstream_model: str, api_base: str, options: Mapping[str, str] | None
) -> dict[str, Any]:
    given = {name: value.strip() for name, value in (options or {}).items() if value.strip()}
    return {
        "provider": provider,
        "upstream_model": upstream_model,
        "api_base": api_base,
        "options": given,
    }


def _sealed_at(deployment: PlatformDeployment) -> dict[str, Any]:
    return {"table": DEPLOYMENT_TABLE, "row": str(deployment.pk), "column": DEPLOYMENT_COLUMN}


def _check(values: Mapping[str, Any]) -> None:
    faults = {field: llm_fault(field, value) for field, value in values.items()}
    if "options" in values:
        faults |= option_faults(vendor_of(values["provider"]), values["options"])
    _raise({field: detail for field, detail in faults.items() if detail})


def _raise(faults: Mapping[str, str]) -> None:
    errors = [
        {"pointer": f"/{field}", "code": field, "detail": detail}
        for field, detail in faults.items()
    ]
    if errors:
        raise InvalidInput(" ".join(dict.fromkeys(faults.values())), errors=errors)
