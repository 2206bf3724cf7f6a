"""The resource `own-llms`: LLMs that the account runs itself, and their prices."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from console.api.v1.own_llms import shapes
from console.api.v1.own_llms.base import ACT, CHANGE, READ, TAG, OwnLlmsViewSet, listing
from console.models import OwnLlm
from console.selectors import own_llms as selectors
from console.services import own_llms as services
from core.api.documents import ETAG, Operation, documented
from core.api.serializers import ListQuery

_ONE: dict[str, Any] = {"output": shapes.OwnLlmOutput, "example": shapes.EXAMPLE, "tag": TAG}


class OwnLlmViewSet(OwnLlmsViewSet):
    """The account's own LLMs."""

    output_class = shapes.OwnLlmOutput
    input_classes = {
        "create": shapes.OwnLlmInput,
        "partial_update": shapes.OwnLlmChangeInput,
        "price": shapes.OwnPriceInput,
    }
    query_classes = {"list": ListQuery}
    _prices: dict[UUID, selectors.EffectivePrice] | None = None

    @documented(
        listing("listOwnLlms", "List own LLMs", "OwnLlmPage", shapes.OwnLlmOutput, shapes.EXAMPLE),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the account's own LLMs."""
        page = self.page(selectors.own_llms())
        self._prices = selectors.effective_prices(page.items)
        return self.many(page)

    @documented(
        Operation(
            "createOwnLlm", "Add an own LLM", body=shapes.OwnLlmInput, status=201,
            parameters=(ETAG,), sent={"name": "company-gpt", "title": "Company GPT"}, **_ONE,
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Add an LLM. It answers once it has a deployment and a price."""
        made = services.create_own_llm(
            account=request.account,  # type: ignore[attr-defined]
            **self.input,
            actor=self.actor,
        )
        return self.one(selectors.own_llm_named(made.pk), status=201)

    @documented(
        Operation(
            "getOwnLlm", "Read an own LLM", **READ, **_ONE,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, own_llm_id: UUID) -> Response:
        """Return one own LLM."""
        return self.one(selectors.own_llm_named(own_llm_id))

    @documented(
        Operation(
            "changeOwnLlm", "Change an own LLM", body=shapes.OwnLlmChangeInput,
            sent={"fallback": "gpt-5-mini"}, **CHANGE, **_ONE,
        ),
        method="PATCH",
    )  # fmt: skip
    def partial_update(self, request: Request, own_llm_id: UUID) -> Response:
        """Change what is said of it, its limits, retries or fallback."""
        given = self.input
        with self.changing(lambda: selectors.own_llm_named(own_llm_id)) as llm:
            services.change_own_llm(llm=llm, actor=self.actor, **given)
        return self.one(selectors.own_llm_named(own_llm_id))

    @documented(
        Operation(
            "setOwnPrice", "Set the price of an own LLM", body=shapes.OwnPriceInput, status=201,
            sent={"input_usd": "1.25", "output_usd": "10"}, **ACT, **_ONE,
        ),
        method="POST",
    )  # fmt: skip
    def price(self, request: Request, own_llm_id: UUID) -> Response:
        """Start a new version of its price, not below the platform's floor."""
        llm = selectors.own_llm_named(own_llm_id)
        services.set_own_price(
            account=request.account,  # type: ignore[attr-defined]
            llm=llm,
            prices=self.input,
            actor=self.actor,
        )
        return self.one(selectors.own_llm_named(own_llm_id), status=201)

    @documented(
        Operation("archiveOwnLlm", "Archive an own LLM", TAG, None, status=204, refusals=(404,)),
        method="DELETE",
    )
    def destroy(self, request: Request, own_llm_id: UUID) -> Response:
        """Take it out of use with its deployments."""
        services.archive_own_llm(llm=selectors.own_llm_named(own_llm_id), actor=self.actor)
        return Response(status=204)

    def shown(self, found: OwnLlm) -> dict[str, Any]:
        known = self._prices
        price = (selectors.effective_prices([found]) if known is None else known).get(found.pk)
        return dict(shapes.OwnLlmOutput(found, context={"price": price}).data)
