"""What super admins set up, where a test does not care about the details."""

from decimal import Decimal
from typing import Any

import factory

from core.tenancy.context import in_public
from tenants.models import Llm
from tenants.services import llms, offers
from tests.cast import TESTS


class LlmFactory(factory.Factory):  # type: ignore[misc]
    """A priced LLM of the catalogue; `offered_to=account` offers it to both products."""

    class Meta:
        model = Llm

    name = factory.Sequence(lambda number: f"llm-{number}")
    title = factory.LazyAttribute(lambda made: made.name.title())
    vendor = "Somebody"
    provider = "openai"
    upstream_model = factory.SelfAttribute("name")
    prices = factory.LazyFunction(lambda: {"input_usd": Decimal(1), "output_usd": Decimal(2)})
    actor = TESTS

    @classmethod
    def _create(
        cls, model_class: type[Llm], *args: Any, offered_to: Any = None, **kwargs: Any
    ) -> Llm:
        with in_public():
            llm = llms.create_llm(**kwargs)
            for product in ("copilot", "console") if offered_to else ():
                offers.offer_llm(account=offered_to, product=product, llm=llm, actor=TESTS)
        return llm
