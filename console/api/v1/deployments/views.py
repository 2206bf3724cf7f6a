"""The resource `deployments`: where own LLMs run."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from console.api.v1.deployments import shapes
from console.api.v1.own_llms.base import ACT, CHANGE, READ, TAG, OwnLlmsViewSet, listing
from console.models import Deployment, OwnLlm
from console.selectors import own_llms as selectors
from console.selectors.deployment_health import health_of
from console.services import deployment_tests, deployments as services
from core.api.documents import ETAG, Operation, documented
from core.api.viewsets import unknown_reference
from core.kit.problems import NotFound
from core.vault.models import SealedSecret
from tenants.shapes import CredentialInput

_ONE: dict[str, Any] = {"output": shapes.DeploymentOutput, "example": shapes.EXAMPLE, "tag": TAG}


class DeploymentViewSet(OwnLlmsViewSet):
    """Deployments of the account's own LLMs."""

    output_class = shapes.DeploymentOutput
    input_classes = {
        "create": shapes.DeploymentInput,
        "partial_update": shapes.DeploymentChangeInput,
        "credential": CredentialInput,
    }
    query_classes = {"list": shapes.DeploymentQuery}
    _credentials: dict[UUID, SealedSecret] | None = None

    @documented(
        listing(
            "listDeployments", "List deployments", "DeploymentPage", shapes.DeploymentOutput,
            shapes.EXAMPLE, query=shapes.DeploymentQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return where the account's own LLMs run."""
        rows = selectors.deployments()
        if "llm" in self.query:
            rows = rows.filter(llm=self.query["llm"])
        page = self.page(rows)
        self._credentials = selectors.credential_states(page.items)
        return self.many(page)

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
            "getDeployment", "Read a deployment", **READ, **_ONE,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, deployment_id: UUID) -> Response:
        """Return one deployment."""
        return self.one(selectors.deployment_named(deployment_id))

    @documented(
        Operation(
            "changeDeployment", "Change a deployment", body=shapes.DeploymentChangeInput,
            sent={"weight": 3}, **CHANGE, **_ONE,
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
            "setDeploymentCredential", "Store a credential", body=CredentialInput,
            sent={"api_key": "sk-…"}, **CHANGE, **_ONE,
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
        Operation("testDeployment", "Test a deployment", **ACT, **_ONE),
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
            "getDeploymentHealth", "Read how a deployment does", TAG, shapes.HEALTH_EXAMPLE,
            output=shapes.HealthOutput, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def health(self, request: Request, deployment_id: UUID) -> Response:
        """Return how it has done in the last day, tries that others made good included."""
        row = selectors.deployment_named(deployment_id)
        found = health_of([row])[row.pk]
        return Response(shapes.HealthOutput(found, context={"deployment": row}).data)

    @documented(
        Operation(
            "removeDeployment", "Remove a deployment", TAG, None, status=204, refusals=(404,)
        ),
        method="DELETE",
    )
    def destroy(self, request: Request, deployment_id: UUID) -> Response:
        """Take it out of use and forget its credential."""
        row = selectors.deployment_named(deployment_id)
        services.archive_deployment(deployment=row, actor=self.actor)
        return Response(status=204)

    def shown(self, found: Deployment) -> dict[str, Any]:
        known = self._credentials
        states = selectors.credential_states([found]) if known is None else known
        context = {"credential": states.get(found.pk)}
        return dict(shapes.DeploymentOutput(found, context=context).data)

    def _llm(self, llm_id: UUID) -> OwnLlm:
        try:
            return selectors.own_llm_named(llm_id)
        except NotFound:
            raise unknown_reference("llm", "LLM of your own") from None
