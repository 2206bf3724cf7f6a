"""Reads of the LLMs that an account brings along."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from console.models import Deployment, OwnLlm, OwnPrice
from core.gateway.egress import EgressRule
from core.kit.problems import NotFound
from core.tenancy.context import in_account_schema
from core.vault.models import SealedSecret
from tenants import selectors as tenants
from tenants.own_llms import catalogue_prices, own_llm_ceiling
from tenants.vendors import vendor_named

CREDENTIAL_TABLE, CREDENTIAL_COLUMN = "console_deployment", "credential"
MANAGE = "console.manage_deployments"


@dataclass(frozen=True, slots=True)
class EffectivePrice:
    """The price row that counts: the catalogue's, or the account's own."""

    row: Any
    version: str
    is_catalogue: bool


@dataclass(frozen=True, slots=True)
class OwnLlmOffer:
    """An own LLM as pages of LLMs take one of the catalogue."""

    llm: OwnLlm
    price: EffectivePrice | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.llm, name)

    @property
    def vendor(self) -> str:
        """Where it runs."""
        titles = {each.vendor: str(vendor_named(each.vendor) or each.vendor)
                  for each in self.llm.deployments.all()}  # fmt: skip
        return ", ".join(titles.values()) or "–"

    @property
    def prices(self) -> "_Prices":
        """The one price that counts."""
        return _Prices(self.price)


@dataclass(frozen=True, slots=True)
class _Prices:
    price: EffectivePrice | None

    def all(self) -> list[Any]:
        return [] if self.price is None else [self.price.row]


def own_llms() -> QuerySet[OwnLlm]:
    """Return the account's own LLMs with their deployments and prices."""
    return OwnLlm.objects.filter(archived_at=None).prefetch_related(
        Prefetch("deployments", Deployment.objects.filter(archived_at=None)),
        Prefetch("own_prices", OwnPrice.objects.order_by("-version")),
    )


def own_llm_named(llm_id: UUID | str) -> OwnLlm:
    """Return one own LLM.

    Raises:
        NotFound: there is none of that id in this account.
    """
    llm = own_llms().filter(pk=llm_id).first()
    if llm is None:
        raise NotFound("There is no such LLM of your own.")
    return llm


def deployments() -> QuerySet[Deployment]:
    """Return the account's deployments that are not archived."""
    return Deployment.objects.filter(archived_at=None, llm__archived_at=None).select_related("llm")


def deployment_named(deployment_id: UUID | str) -> Deployment:
    """Return one deployment.

    Raises:
        NotFound: there is none of that id in this account.
    """
    deployment = deployments().filter(pk=deployment_id).first()
    if deployment is None:
        raise NotFound("There is no such deployment.")
    return deployment


def offered_llms(account_id: Any, product: str) -> list[Any]:
    """Return what Console may use: the platform's offers, and the account's own LLMs.

    An own LLM takes the place of one of the same name that the platform offers.
    """
    offers: list[Any] = tenants.offered_llms(account_id, product)
    if not in_account_schema():
        return offers
    own = list(own_llms())
    prices = effective_prices(own)
    names = {llm.name for llm in own}
    return [
        *(llm for llm in offers if llm.name not in names),
        *(OwnLlmOffer(llm, prices.get(llm.pk)) for llm in own),
    ]


def effective_prices(llms: Sequence[OwnLlm]) -> dict[UUID, EffectivePrice]:
    """Return the price that counts for each of some own LLMs; none for an unpriced one."""
    catalogue = catalogue_prices(llm.catalogue_id for llm in llms if llm.catalogue_id)
    found: dict[UUID, EffectivePrice] = {}
    for llm in llms:
        row = catalogue.get(llm.catalogue_id) if llm.catalogue_id else None
        own = next(iter(llm.own_prices.all()), None)
        if row is not None:
            found[llm.pk] = EffectivePrice(row, str(row.version), is_catalogue=True)
        elif own is not None:
            found[llm.pk] = EffectivePrice(own, f"own-{own.version}", is_catalogue=False)
    return found


def floor_of(account_id: Any) -> Decimal:
    """Return the least that a million tokens may cost in an account, in US dollars."""
    return own_llm_ceiling(account_id).floor_usd


def egress_of(account_id: Any) -> EgressRule:
    """Return which addresses an account's deployments may have."""
    return own_llm_ceiling(account_id).egress


def credential_states(rows: Sequence[Deployment]) -> dict[UUID, SealedSecret]:
    """Return what people may see of each deployment's credential; opens no secret."""
    sealed = SealedSecret.objects.filter(
        table=CREDENTIAL_TABLE, column=CREDENTIAL_COLUMN, row__in=[str(row.pk) for row in rows]
    ).only("row", "last_four", "sealed_by", "sealed_at")
    return {UUID(secret.row): secret for secret in sealed}
