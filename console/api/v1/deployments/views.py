"""The resource `deployments`: where own LLMs run."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from console.api.v1.deployments import shapes
from console.models import Deployment, OwnLlm
from console.product import PRODUCT
from console.selectors import own_llms as selectors
from console.services import deployment_tests, deployments as services
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
from core.api.viewsets import CockpitViewSet, unknown_reference
from core.kit.problems import NotFound

_TAG = "Own LLMs"
_ONE: dict[str, Any] = {"output": shapes.DeploymentOutput, "example": shapes.EXAMPLE, "tag": _TAG}


class DeploymentViewSet(CockpitViewSet):
    """Deployments of the account's own LLMs."""

    product = PRODUCT
    read_permission = write_permission = selectors.MANAGE
    output_class = shapes.DeploymentOutput
    input_classes = {
        "create": shapes.DeploymentInput,
        "partial_update": shapes.DeploymentChangeInput,
        "credential": shapes.CredentialInput,
    }
    query_classes = {"list": shapes.DeploymentQuery}

    @documented(
        Operation(
            "listDeployments", "List deployments", _TAG, page_example(shapes.EXAMPLE),
            output=page_output("DeploymentPage", shapes.DeploymentOutput),
            query=shapes.DeploymentQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return where the account's own LLMs run, with how each place has done lately."""
        rows = selectors.deployments()
        if "llm" in self.query:
            rows = rows.filter(llm=self.query["llm"])
        limit, cursor = self.query["limit"], self.query.get("cursor")
        return self.many(page_of(rows, limit=limit, cursor=cursor))

    @documented(
        Operation(
            "createDeployment", "Add a deployment", body=shapes.DeploymentInput, status=201,
            parameters=(ETAG,),
            sent={"llm": shapes.EXAMPLE["llm"], "vendor": "openai", "upstream_model": "gpt-5-mini",
                  "credential": {"api_key": "sk-…"}},
            **_ONE,
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Let an own LLM run at one more place. Its credential is sealed and never shown."""
        given = dict(self.input)
        llm = self._llm(given.pop("llm"))
        made = services.add_deployment(
            account=request.account,  # type: ignore[attr-defined]
            llm=llm,
            credential=given.pop("credential", {}),
            **given,
            actor=self.actor,
        )
        return self.one(made, status=201)

    @documented(
        Operation(
            "getDeployment", "Read a deployment", parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,), **_ONE,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, deployment_id: UUID) -> Response:
        """Return one deployment."""
        return self.one(selectors.deployment_named(deployment_id))

    @documented(
        Operation(
            "changeDeployment", "Change a deployment", body=shapes.DeploymentChangeInput,
            sent={"weight": 3}, parameters=(ETAG, IF_MATCH), refusals=(404,), **_ONE,
        ),
        method="PATCH",
    )  # fmt: skip
    def partial_update(self, request: Request, deployment_id: UUID) -> Response:
        """Change where or how often it runs. With another address its credential is forgotten."""
        given = self.input
        with self.changing(lambda: selectors.deployment_named(deployment_id)) as row:
            services.change_deployment(
                account=request.account,  # type: ignore[attr-defined]
                deployment=row,
                actor=self.actor,
                **given,
            )
        return self.one(selectors.deployment_named(deployment_id))

    @documented(
        Operation(
            "setDeploymentCredential", "Store a credential", body=shapes.CredentialInput,
            sent={"api_key": "sk-…"}, parameters=(ETAG, IF_MATCH), refusals=(404,), **_ONE,
        ),
        method="POST",
    )  # fmt: skip
    def credential(self, request: Request, deployment_id: UUID) -> Response:
        """Seal another credential for it. Nobody reads it again."""
        given = self.input
        with self.changing(lambda: selectors.deployment_named(deployment_id)) as row:
            services.set_deployment_credential(deployment=row, credential=given, actor=self.actor)
        return self.one(selectors.deployment_named(deployment_id))

    @documented(
        Operation(
            "testDeployment", "Test a deployment", parameters=(ETAG,), refusals=(404,), **_ONE
        ),
        method="POST",
    )
    def test(self, request: Request, deployment_id: UUID) -> Response:
        """Have the gateway call it once, at no charge, and say what came of it."""
        row = selectors.deployment_named(deployment_id)
        deployment_tests.check_deployment(
            account=request.account,  # type: ignore[attr-defined]
            deployment=row,
            actor=self.actor,
        )
        return self.one(selectors.deployment_named(deployment_id))

    @documented(
        Operation(
            "removeDeployment", "Remove a deployment", _TAG, None, status=204, refusals=(404,)
        ),
        method="DELETE",
    )
    def destroy(self, request: Request, deployment_id: UUID) -> Response:
        """Take it out of use and forget its credential."""
        row = selectors.deployment_named(deployment_id)
        services.archive_deployment(deployment=row, actor=self.actor)
        return Response(status=204)

    def shown(self, found: Deployment) -> dict[str, Any]:
        context = {
            "credential": selectors.credential_states([found]).get(found.pk),
            "health": selectors.health_of([found]).get(found.pk, selectors.DeploymentHealth()),
        }
        return dict(shapes.DeploymentOutput(found, context=context).data)

    def _llm(self, llm_id: UUID) -> OwnLlm:
        try:
            return selectors.own_llm_named(llm_id)
        except NotFound:
            raise unknown_reference("llm", "LLM of your own") from None
