"""The LLMs that an account brings along, as the gateway takes them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import structlog

from console.models import Deployment as DeploymentRow, OwnLlm
from console.selectors.own_llms import (
    CREDENTIAL_COLUMN,
    CREDENTIAL_TABLE,
    EffectivePrice,
    deployment_named,
    effective_prices,
    own_llms,
)
from core.gateway.ports import Deployment, Llm, Price, Probe, Secret
from core.tenancy.context import AccountRef
from core.vault import services as vault
from tenants.models import PRICE_FIELDS
from tenants.own_llms import OwnLlmCeiling, own_llm_ceiling
from tenants.rules import least_prices
from tenants.vendors import vendor_named

log = structlog.get_logger(__name__)

_PARTS = tuple(name.removesuffix("_usd") for name in PRICE_FIELDS)


def own_llms_of(account: AccountRef) -> list[Llm]:
    """Return the account's own LLMs that can be answered. In the account's context."""
    rows = list(own_llms())
    if not rows:
        return []
    ceiling = own_llm_ceiling(account.id)
    prices = effective_prices(rows)
    places = [place for row in rows for place in row.deployments.all() if place.is_active]
    secrets = _secrets(places)
    found = []
    for row in rows:
        targets = [
            _deployment(place, secrets.get(str(place.pk)), ceiling)
            for place in row.deployments.all()
            if place.is_active and _can_run(place, secrets, ceiling)
        ]
        if targets:
            found.append(_llm(row, targets, _price(prices.get(row.pk), row, ceiling)))
        else:
            log.warning("own_llm_left_out", account=account.slug, llm=row.name)
    return found


def probe_of(account: AccountRef, deployment_id: UUID) -> Probe:
    """Return one deployment to be tested. In the account's context.

    Raises:
        NotFound: there is none.
    """
    place = deployment_named(deployment_id)
    secrets = _secrets([place])
    target = _deployment(place, secrets.get(str(place.pk)), own_llm_ceiling(account.id))
    return Probe(account, _llm(place.llm, [target], None))


def _secrets(places: Sequence[DeploymentRow]) -> dict[str, vault.Secret]:
    ids = [place.pk for place in places]
    try:
        return vault.open_secrets(table=CREDENTIAL_TABLE, rows=ids, column=CREDENTIAL_COLUMN)
    except vault.SecretUnreadable:
        # One that does not open must not take the others away.
        return {str(each): secret for each in ids if (secret := _alone(each)) is not None}


def _alone(deployment_id: UUID) -> vault.Secret | None:
    try:
        return vault.open_secret(
            table=CREDENTIAL_TABLE, row=deployment_id, column=CREDENTIAL_COLUMN
        )
    except vault.SecretUnreadable:
        log.warning("deployment_left_out", deployment=str(deployment_id), reason="credential")
        return None


def _can_run(
    place: DeploymentRow, secrets: Mapping[str, vault.Secret], ceiling: OwnLlmCeiling
) -> bool:
    vendor = vendor_named(place.vendor)
    if vendor is None or not ceiling.allows_llm(place.vendor, place.upstream_model):
        return False
    return str(place.pk) in secrets or vendor.credential in {"none", "optional_key"}


def _deployment(
    place: DeploymentRow, secret: vault.Secret | None, ceiling: OwnLlmCeiling
) -> Deployment:
    vendor = vendor_named(place.vendor)
    assert vendor is not None
    return Deployment(
        provider=vendor.provider,
        upstream_model=place.upstream_model,
        api_base=place.api_base or None,
        api_key=None if secret is None else Secret(secret.value),
        id=place.pk,
        title=place.label,
        weight=place.weight,
        order=place.order,
        timeout_seconds=float(place.timeout_seconds),
        options=tuple(sorted(place.options.items())),
        # What the vendor's own address is, nobody has typed in.
        egress=ceiling.egress if place.api_base else None,
    )


def _llm(row: OwnLlm, targets: Sequence[Deployment], price: Price | None) -> Llm:
    first, *rest = targets
    return Llm(
        id=row.pk,
        name=row.name,
        kind=row.kind,  # type: ignore[arg-type]  # the choices are these
        vendor=first.provider,
        title=row.title,
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        capabilities=frozenset(row.capabilities),
        price=price,
        deployment=first,
        alternatives=tuple(rest),
        fallbacks=(row.fallback,) if row.fallback else (),
        retries=row.retries,
    )


def _price(found: EffectivePrice | None, llm: OwnLlm, ceiling: OwnLlmCeiling) -> Price | None:
    if found is None:
        return None
    row = found.row
    # The floor may have risen since the account set its price.
    floor = Decimal(0) if found.is_catalogue else ceiling.floor_usd
    least = least_prices(llm.kind, floor)
    return Price(
        version=found.version,
        **{
            part: max(getattr(row, f"{part}_usd"), least.get(f"{part}_usd", Decimal(0)))
            for part in _PARTS
        },
    )
