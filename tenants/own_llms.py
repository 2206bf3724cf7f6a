"""Reads about accounts' own LLMs: their ceiling, and what the catalogue says about a price."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from core.gateway.egress import LOOPBACK, EgressRule
from core.tenancy.context import in_public
from tenants.models import Llm, OwnLlmTerms, PriceRow
from tenants.models.own_llms import DEFAULT_FLOOR_USD
from tenants.rules import is_named_by


@dataclass(frozen=True, slots=True)
class OwnLlmCeiling:
    """What an account may bring along. None allows every vendor, or every model at them."""

    vendors: frozenset[str] | None = None
    llms: tuple[str, ...] | None = None
    egress: EgressRule = field(default_factory=EgressRule)
    floor_usd: Decimal = DEFAULT_FLOOR_USD

    def allows(self, vendor: str) -> bool:
        """Whether the account may run LLMs at a vendor."""
        return self.vendors is None or vendor in self.vendors

    def allows_llm(self, vendor: str, upstream_model: str) -> bool:
        """Whether the account may run a model at a vendor."""
        if not self.allows(vendor):
            return False
        name = f"{vendor}/{upstream_model}"
        return self.llms is None or any(is_named_by(name, pattern) for pattern in self.llms)


def own_llm_ceiling(account_id: Any) -> OwnLlmCeiling:
    """Return what an account may bring along."""
    with in_public():
        row = OwnLlmTerms.objects.filter(account_id=account_id).first()
    if row is None:
        return OwnLlmCeiling(egress=_egress((), (), allows_http=False))
    return OwnLlmCeiling(
        vendors=None if row.vendors is None else frozenset(row.vendors),
        llms=None if row.llms is None else tuple(row.llms),
        egress=_egress(tuple(row.hosts), tuple(row.networks), allows_http=row.allows_http),
        floor_usd=row.floor_usd,
    )


def own_llm_terms(account_id: Any) -> OwnLlmTerms:
    """Return an account's terms as a super admin sees them, saved or not."""
    row = OwnLlmTerms.objects.filter(account_id=account_id).first()
    return row or OwnLlmTerms(account_id=account_id)


def catalogue_twin(*, provider: str, upstream_model: str) -> UUID | None:
    """Return the LLM of the catalogue that runs as the same model at the same provider."""
    with in_public():
        return (
            Llm.objects.filter(
                deployment__provider=provider,
                deployment__upstream_model=upstream_model,
                deployment__api_base="",
            )
            .values_list("pk", flat=True)
            .first()
        )


def catalogue_prices(llm_ids: Iterable[UUID]) -> dict[UUID, PriceRow]:
    """Return the price in force of LLMs of the catalogue."""
    with in_public():
        rows = PriceRow.objects.filter(llm_id__in=set(llm_ids)).order_by("llm_id", "-version")
        return {row.llm_id: row for row in rows.distinct("llm_id")}


def _egress(hosts: tuple[str, ...], networks: tuple[str, ...], *, allows_http: bool) -> EgressRule:
    # A demo runs its providers beside itself.
    if settings.DEMO:
        return EgressRule(("localhost", *hosts), (*LOOPBACK, *networks), allows_http=True)
    return EgressRule(hosts, networks, allows_http=allows_http)
