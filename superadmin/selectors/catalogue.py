"""The catalogue as super admins see it: prices, credential states, who is offered what."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from tenants.credentials import CredentialState, credential_states
from tenants.models import Account, CreditFactor, Llm, LlmOffer, PriceRow
from tenants.selectors import catalogue


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One LLM of the catalogue with its price in force and what its credential looks like."""

    llm: Llm
    price: PriceRow | None
    credential: CredentialState | None


@dataclass(frozen=True, slots=True)
class Offered:
    """An account that is offered an LLM: for which products, and its price in their credits."""

    account: Account
    products: Sequence[str]
    factor: Decimal
    input: Decimal | None
    output: Decimal | None


def catalogue_rows() -> list[CatalogueRow]:
    """Return the LLMs that are in use, with prices and credential states."""
    llms = list(catalogue().filter(retired_at=None))
    states = credential_states(llm.deployment for llm in llms if hasattr(llm, "deployment"))
    return [
        CatalogueRow(
            llm,
            next(iter(llm.prices.all()), None),
            states.get(llm.deployment.pk) if hasattr(llm, "deployment") else None,
        )
        for llm in llms
    ]


def offers_of(llm: Llm, price: PriceRow | None) -> list[Offered]:
    """Return the accounts that are offered an LLM, with its price in their credits."""
    products: dict[UUID, list[str]] = defaultdict(list)
    accounts: dict[UUID, Account] = {}
    offers = LlmOffer.objects.filter(llm=llm, account__archived_at=None)
    for offer in offers.select_related("account").order_by("account__name", "product"):
        accounts[offer.account_id] = offer.account
        products[offer.account_id].append(offer.product.capitalize())
    factors = dict(
        CreditFactor.objects.filter(account_id__in=accounts)
        .order_by("account_id", "-version")
        .distinct("account_id")
        .values_list("account_id", "factor")
    )
    return [
        Offered(
            account=account,
            products=products[id_],
            factor=factors[id_],
            input=price.input_usd * factors[id_] if price else None,
            output=price.output_usd * factors[id_] if price else None,
        )
        for id_, account in accounts.items()
    ]
