"""Every write of deployments: where own LLMs run, and with which credential."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from console.errors import VendorNotAllowed
from console.models import Deployment, OwnLlm
from console.selectors.own_llms import CREDENTIAL_COLUMN, CREDENTIAL_TABLE
from console.services.own_llms import PRODUCT, locked
from core.audit import verbs
from core.audit.changes import apply_changes
from core.audit.services import Actor, record
from core.gateway.egress import AddressRefused, check_address
from core.kit.clock import now
from core.kit.problems import Conflict, InvalidInput
from core.tenancy.context import Account
from core.tenancy.policy import bump_policy
from core.vault import services as vault
from tenants.own_llms import OwnLlmCeiling, catalogue_twin, own_llm_ceiling
from tenants.vendors import (
    Vendor,
    credential_fields,
    credential_of,
    model_fault,
    option_faults,
    shown_of,
    vendor_named,
)

MOST_DEPLOYMENTS = 20
_BOUNDS = {"weight": (0, 1_000), "order": (1, 100), "timeout_seconds": (1, 600)}
_PLACE = ("upstream_model", "api_base", "options")

DEPLOYMENT_ADDED = verbs.register(
    "deployment.added", "{actor} lets {after[llm]} run at {target}", icon="add"
)
DEPLOYMENT_CHANGED = verbs.register(
    "deployment.changed", "{actor} changed the deployment {target}", icon="dns"
)
DEPLOYMENT_ARCHIVED = verbs.register(
    "deployment.archived", "{actor} removed the deployment {target}", icon="archive"
)
CREDENTIAL_SET = verbs.register(
    "deployment.credential_set", "{actor} stored a credential for {target}", icon="key"
)


@transaction.atomic
def add_deployment(
    *,
    account: Account,
    llm: OwnLlm,
    vendor: str,
    upstream_model: str,
    credential: Mapping[str, str],
    api_base: str = "",
    options: Mapping[str, str] | None = None,
    actor: Actor,
    **numbers: int,
) -> Deployment:
    """Let an own LLM run at one more place, with a credential that is sealed at once.

    Raises:
        InvalidInput: a value that cannot be, or an address that the account may not call.
        VendorNotAllowed: the super admin does not let the account use the vendor.
        OwnLlmArchived: the LLM is archived.
    """
    llm = locked(llm)
    ceiling = own_llm_ceiling(account.id)
    known = allowed_vendor(vendor, ceiling)
    place = {
        "upstream_model": upstream_model.strip(),
        "api_base": api_base.strip(),
        "options": {name: value.strip() for name, value in (options or {}).items() if value},
    }
    secret, faults = credential_of(known, credential)
    if not secret and not faults and known.credential not in {"none", "optional_key"}:
        faults = dict.fromkeys(credential_fields(known), "Enter the credential.")
    _raise(_place_faults(known, place, ceiling) | _number_faults(numbers) | faults)
    if llm.deployments.filter(archived_at=None).count() >= MOST_DEPLOYMENTS:
        raise Conflict(f"{llm} runs at {MOST_DEPLOYMENTS} places already.")
    row = Deployment.objects.create(llm=llm, vendor=known.slug, **place, **numbers)
    after = {"llm": str(llm), **_shown(row)}
    record(actor=actor, verb=DEPLOYMENT_ADDED, target=_target(row), after=after, product=PRODUCT)
    if secret:
        _seal(row, secret, actor)
    _find_twin(llm)
    bump_policy()
    return row


@transaction.atomic
def change_deployment(
    *, account: Account, deployment: Deployment, actor: Actor, **changes: Any
) -> Deployment:
    """Change where or how a deployment runs.

    A stored credential does not follow to another address: it is removed, so that nobody can have
    it sent to a host of their own.

    Raises:
        InvalidInput: a value that cannot be, or an address that the account may not call.
        VendorNotAllowed: the super admin does not let the account use the vendor any more.
    """
    row = _locked(deployment)
    faults = _number_faults({field: changes[field] for field in _BOUNDS if field in changes})
    # What is not allowed any more can still be switched off.
    if set(changes) & set(_PLACE) or changes.get("is_active"):
        ceiling = own_llm_ceiling(account.id)
        place = {field: changes.get(field, getattr(row, field)) for field in _PLACE}
        faults |= _place_faults(allowed_vendor(row.vendor, ceiling), place, ceiling)
    _raise(faults)
    before, after = apply_changes(row, changes)
    if not after:
        return row
    record(actor=actor, verb=DEPLOYMENT_CHANGED, target=_target(row), before=before, after=after,
           product=PRODUCT)  # fmt: skip
    if "api_base" in after:
        vault.erase(**_sealed_at(row))
    if set(after) & set(_PLACE):
        _forget_test(row)
        _find_twin(row.llm)
    bump_policy()
    return row


@transaction.atomic
def set_deployment_credential(
    *, deployment: Deployment, credential: Mapping[str, str], actor: Actor
) -> None:
    """Seal another credential for a deployment; nobody reads it again.

    Raises:
        InvalidInput: it is not what the vendor's credentials look like.
    """
    row = _locked(deployment)
    known = vendor_named(row.vendor)
    assert known is not None
    secret, faults = credential_of(known, credential)
    if not secret and not faults:
        names = credential_fields(known) or ("api_key",)
        faults = dict.fromkeys(names, "Enter the credential.")
    _raise(faults)
    _seal(row, secret, actor)
    _forget_test(row)
    bump_policy()


@transaction.atomic
def archive_deployment(*, deployment: Deployment, actor: Actor, reason: str = "") -> Deployment:
    """Take a deployment out of use and forget its credential."""
    row = _locked(deployment)
    row.archived_at, row.is_active = now(), False
    row.save(update_fields=("archived_at", "is_active"))
    vault.erase(**_sealed_at(row))
    record(actor=actor, verb=DEPLOYMENT_ARCHIVED, target=_target(row), reason=reason,
           product=PRODUCT)  # fmt: skip
    _find_twin(row.llm)
    bump_policy()
    return row


def _locked(deployment: Deployment) -> Deployment:
    row = Deployment.objects.select_for_update(of=("self",)).select_related("llm").get(
        pk=deployment.pk
    )  # fmt: skip
    if row.archived_at is not None:
        raise Conflict(f"{row} was removed.")
    return row


def allowed_vendor(slug: str, ceiling: OwnLlmCeiling) -> Vendor:
    """Return a vendor at which the account may run LLMs.

    Raises:
        InvalidInput: there is no such vendor.
        VendorNotAllowed: the super admin does not let the account use it.
    """
    vendor = vendor_named(slug)
    if vendor is None:
        raise _problem({"vendor": "There is no such vendor."})
    if not ceiling.allows(slug):
        raise VendorNotAllowed(
            f"Your account may not run LLMs at {vendor}. A super admin can allow it."
        )
    return vendor


def _place_faults(
    vendor: Vendor, place: Mapping[str, Any], ceiling: OwnLlmCeiling
) -> dict[str, str]:
    faults = option_faults(vendor, place["options"])
    if fault := model_fault(place["upstream_model"]):
        faults["upstream_model"] = fault
    elif not ceiling.allows_llm(vendor.slug, place["upstream_model"]):
        faults["upstream_model"] = (
            "Your account may not run this model. A super admin can allow it."
        )
    if fault := _address_fault(vendor, place["api_base"], ceiling):
        faults["api_base"] = fault
    return faults


def _address_fault(vendor: Vendor, url: str, ceiling: OwnLlmCeiling) -> str:
    if not vendor.takes_address:
        return f"{vendor} has one address of its own; leave this empty." if url else ""
    if not url or len(url) > 300:
        return f"Enter the address, such as {vendor.address_example}."
    try:
        check_address(url, ceiling.egress)
    except AddressRefused as refusal:
        return refusal.detail
    return ""


def _number_faults(numbers: Mapping[str, int]) -> dict[str, str]:
    assert set(numbers) <= set(_BOUNDS), numbers
    return {
        field: f"Enter a number from {_BOUNDS[field][0]} to {_BOUNDS[field][1]}."
        for field, value in numbers.items()
        if not _BOUNDS[field][0] <= value <= _BOUNDS[field][1]
    }


def _find_twin(llm: OwnLlm) -> None:
    """Take the platform's price where the LLM is one of its catalogue."""
    twins = (
        catalogue_twin(provider=vendor.provider, upstream_model=row.upstream_model)
        for row in llm.deployments.filter(archived_at=None)
        # An address of the account's own may serve anything under any name.
        if (vendor := vendor_named(row.vendor)) is not None and not row.api_base
    )
    twin = next((each for each in twins if each is not None), None)
    if twin != llm.catalogue_id:
        llm.catalogue_id = twin
        llm.save(update_fields=("catalogue_id",))


def _forget_test(row: Deployment) -> None:
    row.tested_at, row.test_outcome, row.test_detail = None, "", ""
    row.save(update_fields=("tested_at", "test_outcome", "test_detail"))


def _seal(row: Deployment, secret: str, actor: Actor) -> None:
    known = vendor_named(row.vendor)
    assert known is not None
    shown = shown_of(known, secret)
    vault.seal(**_sealed_at(row), value=secret, shown=shown, sealed_by=actor.label)
    record(actor=actor, verb=CREDENTIAL_SET, target=_target(row), product=PRODUCT)


def _sealed_at(row: Deployment) -> dict[str, Any]:
    return {"table": CREDENTIAL_TABLE, "row": str(row.pk), "column": CREDENTIAL_COLUMN}


def _target(row: Deployment) -> tuple[str, Any, str]:
    return ("deployment", row.pk, str(row)[:200])


def _shown(row: Deployment) -> dict[str, Any]:
    fields = ("vendor", *_PLACE, *_BOUNDS)
    return {field: getattr(row, field) for field in fields}


def _raise(faults: Mapping[str, str]) -> None:
    if faults:
        raise _problem(faults)


def _problem(faults: Mapping[str, str]) -> InvalidInput:
    return InvalidInput(
        " ".join(dict.fromkeys(faults.values())),
        errors=[
            {"pointer": f"/{field}", "code": field, "detail": detail}
            for field, detail in faults.items()
        ],
    )
