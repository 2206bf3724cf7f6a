"""The resource `llm-policies`: what nodes say about LLMs."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.access import services
from core.access.models import NodeLlmPolicy
from core.access.rules.llms import LlmPolicy, with_act
from core.access.rules.paths import PathNode
from core.api.access import shapes
from core.api.access.base import TAG, AccessViewSet, node_shown
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
from core.api.serializers import ListQuery, PreviewQuery
from core.hierarchy.effects import effect_of_policies
from core.hierarchy.policies import (
    PolicyRow,
    check_editable,
    check_within,
    of_nodes_shown,
    rows_of_nodes,
)
from core.kit.problems import InvalidInput

_CHANGED: dict[str, Any] = {
    "tag": TAG,
    "example": {"preview": False, "effect": shapes.EFFECT, "policy": shapes.POLICY},
    "output": shapes.ChangedPolicyOutput,
    "query": PreviewQuery,
    "parameters": (ETAG, IF_MATCH),
    "refusals": (404,),
}


class LlmPolicyViewSet(AccessViewSet):
    """Policies of nodes."""

    input_classes = {"update": shapes.LlmPolicyInput, "bulk": shapes.BulkPolicyInput}
    query_classes = {
        "list": ListQuery,
        "update": PreviewQuery,
        "destroy": PreviewQuery,
        "bulk": PreviewQuery,
    }

    @documented(
        Operation(
            "listLlmPolicies", "List nodes with a policy of their own", TAG,
            page_example(shapes.POLICY),
            output=page_output("LlmPolicyPage", shapes.LlmPolicyOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the policies of nodes in the caller's scope; all others just inherit."""
        all_rows = NodeLlmPolicy.objects.filter(product=self.product.slug)
        rows = of_nodes_shown(self.product, self.scope, all_rows)
        page = page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))
        nodes = rows_of_nodes(self.product, self.scope, {row.node_id for row in page.items})
        shown = [self._shown(nodes[row.node_id]) for row in page.items if row.node_id in nodes]
        return Response({"items": shown, "next": page.next})

    @documented(
        Operation(
            "getLlmPolicy", "Get what a node says about LLMs", TAG, shapes.POLICY,
            output=shapes.LlmPolicyOutput, parameters=(ETAG, IF_NONE_MATCH), refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, kind: str, node_id: UUID) -> Response:
        """Return a node's policy, what it inherits and what it may use."""
        return self.tagged(self._shown(self.node(kind, node_id)))

    @documented(
        Operation(
            "setLlmPolicy", "Say which LLMs a node may use", body=shapes.LlmPolicyInput,
            sent={"only": [shapes.LLM["id"]], "reason": "Costs"}, **_CHANGED,
        ),
        method="PUT",
    )  # fmt: skip
    def update(self, request: Request, kind: str, node_id: UUID) -> Response:
        """Replace a node's policy. It counts from the next call on."""
        row = self.node(kind, node_id)
        check_editable(row)
        given = self.input
        self._check_known(given)
        policy = LlmPolicy(
            only=None if given["only"] is None else frozenset(given["only"]),
            add=frozenset(given["add"]),
            block=frozenset(given["block"]),
            is_locked=given["is_locked"],
        )
        return self._set(row, policy, given["reason"])

    @documented(
        Operation("removeLlmPolicy", "Let a node inherit which LLMs it may use", **_CHANGED),
        method="DELETE",
    )
    def destroy(self, request: Request, kind: str, node_id: UUID) -> Response:
        """Take a node's own policy away."""
        row = self.node(kind, node_id)
        check_editable(row)
        return self._set(row, LlmPolicy(), "")

    @documented(
        Operation(
            "changeLlmPolicies", "Allow, block or inherit LLMs for many nodes", TAG,
            {"preview": False, "changed": 2, "effect": shapes.EFFECT},
            output=shapes.BulkAccessOutput, body=shapes.BulkPolicyInput, query=PreviewQuery,
            sent={
                "nodes": [{"kind": "team", "id": shapes.NODE["id"]}],
                "llms": [shapes.LLM["id"]],
                "act": "block",
            },
        ),
        method="POST",
    )  # fmt: skip
    def bulk(self, request: Request) -> Response:
        """Do one thing for every pair of node and LLM: all of it, or nothing."""
        given = self.input
        self._check_known({"llms": given["llms"]})
        changes: dict[PathNode, LlmPolicy] = {}
        for row in self.nodes_in_body(given["nodes"]):
            policy = self.access.policies.get(row.node.id, LlmPolicy())
            policy = with_act(policy, frozenset(given["llms"]), given["act"])
            check_within(self.access, row, self.scope, policy)
            changes[row.node] = policy
        effect = effect_of_policies(self.product, self.access, changes)
        with self.previewing():
            before = services.set_llm_policies(
                product=self.product.slug,
                policies=changes,
                seen={node: self.access.policies.get(node.id, LlmPolicy()) for node in changes},
                names=self.names,
                actor=self.actor,
                reason=given["reason"],
            )
        return Response(
            {
                "preview": self.is_preview,
                "changed": len(before),
                "effect": self.effect_shown(effect, self._things()),
            }
        )

    def _set(self, row: PolicyRow, policy: LlmPolicy, reason: str) -> Response:
        with self.previewing(), self.matching(row, lambda: self._shown(row)):
            check_within(self.access, row, self.scope, policy)
            effect = effect_of_policies(self.product, self.access, {row.node: policy})
            services.set_llm_policy(
                product=self.product.slug,
                node=row.node,
                policy=policy,
                names=self.names,
                actor=self.actor,
                reason=reason,
            )
            self.forget()
            shown = self._shown(row)
        return self.tagged_change(shown, effect)

    def tagged_change(self, shown: dict[str, Any], effect: Any) -> Response:
        """Answer a change; the ETag is of the policy, as reading it would give."""
        answer = self.tagged(shown)
        answer.data = {
            "preview": self.is_preview,
            "effect": self.effect_shown(effect, self._things()),
            "policy": shown,
        }
        return answer

    def _check_known(self, given: dict[str, Any]) -> None:
        """Pass if every LLM that a body names is offered to the account.

        Raises:
            InvalidInput: one is not.
        """
        faults = [
            {"pointer": f"/{field}/{place}", "code": "not_found", "detail": "No such LLM here."}
            for field in ("only", "add", "block", "llms")
            for place, llm in enumerate(given.get(field) or ())
            if llm not in self.names
        ]
        if faults:
            raise InvalidInput("An LLM is not offered to this account.", errors=faults)

    def _things(self) -> dict[UUID, dict[str, str]]:
        return {key: {"id": str(key), "name": name} for key, name in self.names.items()}

    def _shown(self, row: PolicyRow) -> dict[str, Any]:
        policy = self.access.policies.get(row.node.id, LlmPolicy())
        above = self.access.llms(row.path[:-1]) if len(row.path) > 1 else self.access.ceiling
        return {
            "node": node_shown(row),
            "only": None if policy.only is None else _sorted(policy.only),
            "add": _sorted(policy.add),
            "block": _sorted(policy.block),
            "is_locked": policy.is_locked,
            "inherited": _sorted(above),
            "usable": _sorted(self.access.llms(row.path)),
        }


def _sorted(ids: frozenset[UUID]) -> list[str]:
    return sorted(str(each) for each in ids)
