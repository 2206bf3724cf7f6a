"""The resource `llms`: what the platform offers, at which price, and what of it is on."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import services
from core.access.permissions import may
from core.api.access import shapes
from core.api.access.base import TAG, AccessViewSet
from core.api.documents import Operation, documented, page_example, page_output
from core.api.serializers import Input, ListQuery, PreviewQuery
from core.hierarchy.effects import effect_of_llm
from core.hierarchy.policies import paths_of_user
from core.kit.problems import NotFound

_SWITCHED: dict[str, Any] = {
    "tag": TAG,
    "example": {"preview": False, "effect": shapes.EFFECT, "llm": shapes.OFFERED_LLM},
    "output": shapes.SwitchedLlmOutput,
    "body": Input,
    "query": PreviewQuery,
    "refusals": (404,),
}


class LlmViewSet(AccessViewSet):
    """LLMs on offer."""

    verbs = ("view_llms", "manage_llms")
    input_classes = {"switch_on": Input, "switch_off": Input}
    query_classes = {"list": ListQuery, "switch_on": PreviewQuery, "switch_off": PreviewQuery}

    @documented(
        Operation(
            "listLlms", "List LLMs", TAG, page_example(shapes.OFFERED_LLM),
            output=page_output("LlmPage", shapes.OfferedLlmOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return what the platform offers; to who does not manage LLMs, what they may call."""
        rows = self.offered
        if not self.is_program and not may(request.user, self.write_permission):
            paths = paths_of_user(self.product, request.user)
            mine = frozenset().union(*map(self.access.callable_llms, paths))
            # What has no price is refused.
            rows = [llm for llm in rows if llm.pk in mine and llm.prices.all()]
        return self.page_of_values([(llm.pk, self._shown(llm)) for llm in rows])

    @documented(
        Operation("switchLlmOn", "Switch an LLM on for the account", **_SWITCHED), method="POST"
    )
    def switch_on(self, request: Request, llm_id: UUID) -> Response:
        """Let members use an LLM, as far as policies let them."""
        return self._switch(llm_id, is_on=True)

    @documented(
        Operation("switchLlmOff", "Switch an LLM off for the account", **_SWITCHED), method="POST"
    )
    def switch_off(self, request: Request, llm_id: UUID) -> Response:
        """Stop everyone from using an LLM; running calls end at their next chunk."""
        return self._switch(llm_id, is_on=False)

    def _switch(self, llm_id: UUID, *, is_on: bool) -> Response:
        _ = self.input
        llm = next((each for each in self.offered if each.pk == llm_id), None)
        if llm is None:
            raise NotFound("This LLM is not offered to your account.")
        act = services.switch_llm_on if is_on else services.switch_llm_off
        with self.previewing(), transaction.atomic():
            effect = effect_of_llm(self.product, self.access, llm_id, is_on=is_on)
            act(product=self.product.slug, llm_id=llm_id, llm_name=llm.title, actor=self.actor)
            self.forget()
            shown = {
                "preview": self.is_preview,
                "effect": self.effect_shown(effect, {llm.pk: _named(llm)}),
                "llm": self._shown(llm),
            }
        return Response(shown)

    def _shown(self, llm: Any) -> dict[str, Any]:
        return {
            **_named(llm),
            "title": llm.title,
            "vendor": llm.vendor,
            "kind": llm.kind,
            "capabilities": sorted(llm.capabilities),
            "context_window": llm.context_window,
            "max_output_tokens": llm.max_output_tokens,
            "is_on": llm.pk in self.access.on,
            "price": self._price(llm),
        }

    def _price(self, llm: Any) -> dict[str, str | None] | None:
        price = max(llm.prices.all(), key=lambda row: row.version, default=None)
        if price is None:
            return None
        factor = self.factor

        def in_credits(usd: Decimal) -> str | None:
            return f"{(usd * factor).normalize():f}" if usd else None

        return {
            "input_credits": in_credits(price.input_usd),
            "output_credits": in_credits(price.output_usd),
            "image_credits": in_credits(price.image_each_usd),
        }


def _named(llm: Any) -> dict[str, str]:
    return {"id": str(llm.pk), "name": llm.name}
