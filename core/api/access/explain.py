"""The resource `explain`: may this member use that, why, and what would change it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.access.features import features_of
from core.access.resources import resources_of
from core.access.rules.decisions import Decision
from core.access.rules.paths import Path, PathNode
from core.access.selectors import decision_now
from core.access.words import change_in_words, step_in_words, who_can_help
from core.api.access import shapes
from core.api.access.base import TAG, AccessViewSet
from core.api.documents import ETAG, IF_NONE_MATCH, Operation, documented
from core.hierarchy import reach
from core.hierarchy.policies import path_of
from core.hierarchy.refusals import refusal_for
from core.hierarchy.seats import can_act_from
from core.kit.clock import now
from core.kit.problems import InvalidInput, NotFound


class ExplainViewSet(AccessViewSet):
    """Decisions with their reasons. They are read; what they suggest is changed elsewhere."""

    query_classes = {"list": shapes.ExplainQuery}

    @documented(
        Operation(
            "explain", "Explain what a member may use", TAG, shapes.EXPLANATION,
            output=shapes.ExplanationOutput, query=shapes.ExplainQuery, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the decision about one thing, or about everything, from one of their places."""
        place = self._place()
        path = path_of(self.product, place)
        decisions = [
            _decision_shown(about, title, decision)
            for about, title, decision in self._decisions(path, self.query.get("about"))
        ]
        return Response(
            {
                "member": str(place.member_id),
                "path": [_node(node) for node in path],
                "decisions": decisions,
            }
        )

    @documented(
        Operation(
            "explainRefusal", "Explain a refused call", TAG, shapes.REFUSAL,
            output=shapes.RefusalOutput, parameters=(ETAG, IF_NONE_MATCH), refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, refusal_id: UUID) -> Response:
        """Return the decision under the id that the gateway's error names, and as it is now."""
        row = refusal_for(self.product, self.scope, refusal_id)
        about = f"{row.kind}:{row.key}"
        now = decision_now(self.access, row.kind, row.key, row.as_path())
        return self.tagged(
            {
                "id": str(row.pk),
                "caller": row.caller,
                "member": str(row.member_id),
                "key": None if row.key_id is None else str(row.key_id),
                "path": [_node(node) for node in row.as_path()],
                "policy_version": row.policy_version,
                "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
                "decision": _decision_shown(about, row.title, row.as_decision()),
                "now": None if now is None else _decision_shown(about, row.title, now),
            }
        )

    def _place(self) -> Any:
        """Return the place that is asked about.

        Raises:
            NotFound: there is no such member, or place, in the caller's scope.
        """
        rows = reach.places_within(self.product, self.scope).filter(
            member=self.query["member"], member__archived_at=None
        )
        rows = rows.select_related("member__user").order_by("-is_primary", "created_at")
        places = [place for place in rows if can_act_from(place)]
        if wanted := self.query.get("membership"):
            places = [place for place in places if place.pk == wanted]
        if not places:
            raise NotFound("There is no such member, or place, here.")
        return places[0]

    def _decisions(self, path: Path, about: str | None) -> Sequence[tuple[str, str, Decision]]:
        found = [
            (f"llm:{llm.pk}", llm.name, self.access.why_call(llm.pk, path))
            for llm in self.offered
            if about is None or about in {f"llm:{llm.pk}", f"llm:{llm.name}"}
        ]
        for feature in features_of(self.product.slug):
            key = f"feature:{feature.key}"
            decision = self.access.why_feature(feature.key, path)
            if decision is not None and about in {None, key}:
                found.append((key, str(feature.title), decision))
        for each in resources_of(self.product.slug):
            key = f"{each.type}:{each.id}"
            if about in {None, key}:
                why = self.access.why_thing(each.thing, path, at=now())
                found.append((key, each.name, why))
        if about is not None and not found:
            fault = {
                "parameter": "about",
                "code": "not_found",
                "detail": "Name an LLM on offer, a feature or a thing that is granted.",
            }
            raise InvalidInput(fault["detail"], errors=[fault])
        return found


def _decision_shown(about: str, title: str, decision: Decision) -> dict[str, Any]:
    return {
        "about": about,
        "title": title,
        "is_allowed": decision.is_allowed,
        "reason": decision.reason.rule,
        "trace": [
            {
                "sentence": step_in_words(step, title),
                "rule": step.rule,
                "node": _node(step.node),
                "is_allowed": step.is_allowed,
                "is_decisive": step.is_decisive,
                "feature": step.about or None,
            }
            for step in decision.trace
        ],
        "would_flip": [
            {
                "sentence": change_in_words(change, title),
                "kind": change.kind,
                "node": _node(change.node),
                "feature": change.about or None,
            }
            for change in decision.flip
        ],
        "who_can_help": who_can_help(decision),
    }


def _node(node: PathNode | None) -> dict[str, str] | None:
    if node is None:
        return None
    return {"kind": node.kind, "id": str(node.id), "name": node.label or str(node.kind)}
