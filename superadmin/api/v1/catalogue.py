"""The resources `catalog/llms` and `catalog/prices`: what the platform can offer."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    Operation,
    documented,
    page_example,
    page_output,
)
from core.api.pagination import page_of
from core.api.serializers import Input, LineField, ListQuery
from core.api.viewsets import unknown_reference
from core.hierarchy.reach import named
from superadmin.api.v1.base import PlatformViewSet, ReasonInput
from tenants.models import Llm, LlmKind, PriceRow
from tenants.selectors import catalogue, llm_by_id
from tenants.services import llms as services
from tenants.shapes import (
    NO_PRICE,
    CredentialInput,
    PricesInput,
    PricesOutput,
    options_field,
    price_shown,
)


class PriceInput(PricesInput):
    """A new price of an LLM."""

    llm = serializers.UUIDField(help_text="Whose price it is.")


class DeploymentInput(Input):
    """Where the platform runs an LLM."""

    provider = LineField(max_length=40)
    upstream_model = LineField(max_length=120)
    api_base = LineField(required=False, default="", allow_blank=True, max_length=200)
    options = options_field()


class DetailsInput(Input):
    """What is said about an LLM."""

    title = LineField(max_length=120)
    vendor = LineField(max_length=60)
    kind = serializers.ChoiceField(required=False, choices=LlmKind.values)
    description = LineField(required=False, allow_blank=True, max_length=300)
    context_window = serializers.IntegerField(required=False, min_value=1, max_value=100_000_000)
    max_output_tokens = serializers.IntegerField(required=False, min_value=1, max_value=100_000_000)
    capabilities = serializers.ListField(
        child=LineField(max_length=40), required=False, max_length=50
    )


class LlmPatch(DetailsInput):
    """What can be changed of an LLM; its name is a promise to clients and stays."""

    title = LineField(required=False, max_length=120)
    vendor = LineField(required=False, max_length=60)


class LlmInput(DetailsInput, DeploymentInput):
    """A new LLM with its deployment and its first price."""

    name = LineField(max_length=80, help_text="The model name that clients send.")
    prices = PricesInput()


class LlmQuery(ListQuery):
    """Filters of LLMs."""

    state = serializers.ChoiceField(
        required=False, default="active", choices=("active", "retired", "all")
    )
    q = LineField(required=False, max_length=120, help_text="Words in name, title or vendor.")


class PriceQuery(ListQuery):
    """Filters of prices."""

    llm = serializers.UUIDField(required=False, help_text="Of this LLM only.")


class PriceOutput(PricesOutput):
    """One version of a price, in US dollars. It is never edited."""

    id = serializers.UUIDField()
    llm = serializers.UUIDField(source="llm_id")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()

    def to_representation(self, instance: PriceRow) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return {**shown, **price_shown(instance)}


class DeploymentOutput(serializers.Serializer[Any]):
    """Where the platform runs an LLM; never with its key."""

    provider = serializers.CharField()
    upstream_model = serializers.CharField()
    api_base = serializers.CharField(allow_blank=True)
    options = serializers.DictField(child=serializers.CharField())


class LlmOutput(serializers.Serializer[Any]):
    """An LLM of the catalogue."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    vendor = serializers.CharField()
    kind = serializers.ChoiceField(choices=LlmKind.values)
    description = serializers.CharField(allow_blank=True)
    context_window = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField()
    capabilities = serializers.ListField(child=serializers.CharField())
    deployment = DeploymentOutput()
    offered_to = serializers.IntegerField(help_text="How many accounts it is offered to.")
    price_version = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)


_LLM_ID = "0198a7c6-1f2e-7d3c-8b4a-596877869504"
_DEPLOYMENT = {"provider": "openai", "upstream_model": "gpt-5", "api_base": "", "options": {}}
_EXAMPLE = {
    "id": _LLM_ID,
    "name": "gpt-5",
    "title": "GPT-5",
    "vendor": "OpenAI",
    "kind": "chat",
    "description": "",
    "context_window": 400000,
    "max_output_tokens": 128000,
    "capabilities": ["tools"],
    "deployment": _DEPLOYMENT,
    "offered_to": 2,
    "price_version": 1,
    "created_at": "2026-11-02T09:30:00Z",
    "retired_at": None,
}
_PRICE = {
    "id": "0198a7c7-2f3e-7d4c-9b5a-697887969605",
    "llm": _LLM_ID,
    "version": 1,
    **NO_PRICE,
    "input_usd": "1.25",
    "output_usd": "10",
    "created_at": "2026-11-02T09:30:00Z",
    "created_by": "Sam Super",
}
_TAG = "LLMs"
_ONE: dict[str, Any] = {"output": LlmOutput, "example": _EXAMPLE, "tag": _TAG}
_CHANGE: dict[str, Any] = {**_ONE, "parameters": (ETAG, IF_MATCH), "refusals": (404,)}


class LlmViewSet(PlatformViewSet):
    """LLMs of the catalogue; retired, never deleted."""

    read_permission = "platform.manage_catalogue"
    write_permission = "platform.manage_catalogue"
    output_class = LlmOutput
    input_classes = {
        "create": LlmInput,
        "partial_update": LlmPatch,
        "set_deployment": DeploymentInput,
        "set_credential": CredentialInput,
        "retire": ReasonInput,
        "restore": ReasonInput,
    }
    query_classes = {"list": LlmQuery}

    @documented(
        Operation(
            "listLlms",
            "List the LLMs of the catalogue",
            _TAG,
            page_example(_EXAMPLE),
            output=page_output("LlmPage", LlmOutput),
            query=LlmQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the LLMs, the oldest first."""
        query, rows = self.query, catalogue()
        if query["state"] != "all":
            rows = rows.filter(retired_at__isnull=query["state"] == "active")
        rows = named(rows, query.get("q", ""), "name", "title", "vendor")
        return self.many(page_of(rows, limit=query["limit"], cursor=query.get("cursor")))

    @documented(
        Operation(
            "createLlm",
            "Add an LLM to the catalogue",
            body=LlmInput,
            sent={
                "name": "gpt-5",
                "title": "GPT-5",
                "vendor": "OpenAI",
                "provider": "openai",
                "upstream_model": "gpt-5",
                "prices": {"input_usd": "1.25", "output_usd": "10"},
            },
            status=201,
            parameters=(ETAG,),
            **_ONE,
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Add an LLM. It is offered to nobody yet."""
        llm = services.create_llm(actor=self.actor, **self.input)
        return self.one(llm_by_id(llm.pk), status=201)

    @documented(
        Operation(
            "getLlm",
            "Read an LLM of the catalogue",
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, llm_id: UUID) -> Response:
        """Return one LLM."""
        return self.one(llm_by_id(llm_id))

    @documented(
        Operation("changeLlm", "Change an LLM", body=LlmPatch, sent={"title": "GPT-5"}, **_CHANGE),
        method="PATCH",
    )
    def partial_update(self, request: Request, llm_id: UUID) -> Response:
        """Change what is said about an LLM."""
        llm_by_id(llm_id)
        given = self.input
        with self.changing(lambda: llm_by_id(llm_id)) as llm:
            services.change_llm(llm=llm, actor=self.actor, **given)
        return self.one(llm_by_id(llm_id))

    @documented(
        Operation(
            "setLlmDeployment",
            "Change where an LLM runs",
            body=DeploymentInput,
            sent=_DEPLOYMENT,
            **_CHANGE,
        ),
        method="POST",
    )
    def set_deployment(self, request: Request, llm_id: UUID) -> Response:
        """Change provider, model or address. A stored key does not follow to another address."""
        llm_by_id(llm_id)
        given = self.input
        with self.changing(lambda: llm_by_id(llm_id)) as llm:
            services.change_deployment(llm=llm, actor=self.actor, **given)
        return self.one(llm_by_id(llm_id))

    @documented(
        Operation(
            "setLlmCredential",
            "Store the platform's key for an LLM",
            _TAG,
            None,
            body=CredentialInput,
            sent={"api_key": "sk-…"},
            status=204,
            refusals=(404,),
        ),
        method="POST",
    )
    def set_credential(self, request: Request, llm_id: UUID) -> Response:
        """Seal what the vendor takes: a key, AWS keys, a service account. Nobody reads it again."""
        llm = llm_by_id(llm_id)
        services.set_credential(deployment=llm.deployment, credential=self.input, actor=self.actor)
        return Response(status=204)

    @documented(
        Operation(
            "removeLlmCredential",
            "Forget the platform's key for an LLM",
            _TAG,
            None,
            status=204,
            refusals=(404,),
        ),
        method="DELETE",
    )
    def remove_credential(self, request: Request, llm_id: UUID) -> Response:
        """Forget the key, whether there is one or not."""
        services.remove_credential(deployment=llm_by_id(llm_id).deployment, actor=self.actor)
        return Response(status=204)

    @documented(
        Operation("retireLlm", "Retire an LLM", body=ReasonInput, sent={}, **_CHANGE),
        method="POST",
    )
    def retire(self, request: Request, llm_id: UUID) -> Response:
        """Take an LLM out of use everywhere, from the next call on."""
        return self._switched(llm_id, services.retire_llm)

    @documented(
        Operation("restoreLlm", "Put an LLM back into use", body=ReasonInput, sent={}, **_CHANGE),
        method="POST",
    )
    def restore(self, request: Request, llm_id: UUID) -> Response:
        """Put a retired LLM back into use, for whom it was offered to before."""
        return self._switched(llm_id, services.restore_llm)

    def _switched(self, llm_id: UUID, switch: Any) -> Response:
        llm_by_id(llm_id)
        given = self.input
        with self.changing(lambda: llm_by_id(llm_id)) as llm:
            switch(llm=llm, actor=self.actor, **given)
        return self.one(llm_by_id(llm_id))


class PriceViewSet(PlatformViewSet):
    """Prices of all LLMs, versioned."""

    read_permission = "platform.manage_catalogue"
    write_permission = "platform.manage_catalogue"
    output_class = PriceOutput
    input_classes = {"create": PriceInput}
    query_classes = {"list": PriceQuery}

    @documented(
        Operation(
            "listPrices",
            "List prices",
            "Prices",
            page_example(_PRICE),
            output=page_output("PricePage", PriceOutput),
            query=PriceQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return every version of every price, the newest first."""
        query, rows = self.query, PriceRow.objects.all()
        if "llm" in query:
            rows = rows.filter(llm=query["llm"])
        return self.many(
            page_of(rows, limit=query["limit"], cursor=query.get("cursor"), newest_first=True)
        )

    @documented(
        Operation(
            "setPrice",
            "Set the price of an LLM",
            "Prices",
            _PRICE,
            output=PriceOutput,
            body=PriceInput,
            sent={"llm": _LLM_ID, "input_usd": "1.25", "output_usd": "10"},
            status=201,
            parameters=(ETAG,),
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Start a new version. The price that is in force already starts none."""
        prices = dict(self.input)
        llm = Llm.objects.filter(pk=prices.pop("llm")).first()
        if llm is None:
            raise unknown_reference("llm", "LLM")
        return self.one(services.set_price(llm=llm, prices=prices, actor=self.actor), status=201)
