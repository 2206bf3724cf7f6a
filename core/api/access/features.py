"""The resource `features`: named switches, and what nodes say about them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.access import services
from core.access.features import Feature, features_of
from core.access.rules.paths import PathNode
from core.access.rules.switches import Switch
from core.api.access import shapes
from core.api.access.base import TAG, AccessViewSet, node_shown
from core.api.documents import ETAG, IF_MATCH, IF_NONE_MATCH, Operation, documented
from core.api.serializers import PreviewQuery
from core.hierarchy.effects import Effect, effect_of_switches
from core.hierarchy.policies import PolicyRow, check_editable, check_feature_within
from core.kit.problems import InvalidInput, NotFound


class FeatureViewSet(AccessViewSet):
    """Features of the product."""

    input_classes = {"update": shapes.FeatureSwitchInput, "bulk": shapes.BulkFeatureInput}
    query_classes = {"update": PreviewQuery, "bulk": PreviewQuery}

    @documented(
        Operation(
            "listFeatures", "List features", TAG, {"items": [shapes.FEATURE], "next": None},
            output=shapes.FeaturesOutput,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return all features of the product; there are few, so they come at once."""
        items = [
            {
                "key": each.key,
                "title": str(each.title),
                "sentence": str(each.sentence),
                "is_on_by_default": each.is_on_by_default,
                "is_in_plan": each.key not in self.access.withheld,
            }
            for each in features_of(self.product.slug)
        ]
        return Response({"items": items, "next": None})

    @documented(
        Operation(
            "getFeatureSwitch", "Get what a node says about a feature", TAG, shapes.SWITCH,
            output=shapes.FeatureSwitchOutput, parameters=(ETAG, IF_NONE_MATCH), refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, feature: str, kind: str, node_id: UUID) -> Response:
        """Return what a node says, and whether it has the feature."""
        self._feature(feature)
        return self.tagged(self._shown(self.node(kind, node_id), feature))

    @documented(
        Operation(
            "setFeatureSwitch", "Turn a feature on or off for a node", TAG,
            {"preview": False, "effect": shapes.EFFECT, "switch": shapes.SWITCH},
            output=shapes.ChangedSwitchOutput, body=shapes.FeatureSwitchInput,
            sent={"state": "off", "is_locked": True, "reason": "Costs"},
            query=PreviewQuery, parameters=(ETAG, IF_MATCH), refusals=(404,),
        ),
        method="PUT",
    )  # fmt: skip
    def update(self, request: Request, feature: str, kind: str, node_id: UUID) -> Response:
        """Say on, off, or nothing. It counts from the next call on."""
        self._feature(feature)
        row = self.node(kind, node_id)
        check_editable(row)
        given = self.input
        switch = _switch(given)
        with self.previewing(), self.matching(row, lambda: self._shown(row, feature)):
            check_feature_within(self.access, row, self.scope, feature, switch)
            effect = effect_of_switches(self.product, self.access, {row.node: {feature: switch}})
            services.set_feature(
                product=self.product.slug,
                node=row.node,
                feature=feature,
                switch=switch,
                actor=self.actor,
                reason=given["reason"],
            )
            self.forget()
            shown = self._shown(row, feature)
        answer = self.tagged(shown)
        answer.data = {
            "preview": self.is_preview,
            "effect": self._effect(effect),
            "switch": shown,
        }
        return answer

    @documented(
        Operation(
            "changeFeatures", "Turn features on or off for many nodes", TAG,
            {"preview": False, "changed": 2, "effect": shapes.EFFECT},
            output=shapes.BulkAccessOutput, body=shapes.BulkFeatureInput, query=PreviewQuery,
            sent={
                "nodes": [{"kind": "team", "id": shapes.NODE["id"]}],
                "features": ["image_generation"],
                "state": "off",
            },
        ),
        method="POST",
    )  # fmt: skip
    def bulk(self, request: Request) -> Response:
        """Say the same for every pair of node and feature: all of it, or nothing."""
        given = self.input
        self._check_known(given["features"])
        switch = _switch(given)
        changes: dict[PathNode, dict[str, Switch | None]] = {}
        for row in self.nodes_in_body(given["nodes"]):
            for feature in given["features"]:
                check_feature_within(self.access, row, self.scope, feature, switch)
            changes[row.node] = dict.fromkeys(given["features"], switch)
        effect = effect_of_switches(self.product, self.access, changes)
        with self.previewing():
            before = services.set_features(
                product=self.product.slug,
                switches=changes,
                actor=self.actor,
                reason=given["reason"],
            )
        return Response(
            {
                "preview": self.is_preview,
                "changed": len(before),
                "effect": self._effect(effect),
            }
        )

    def _feature(self, key: str) -> Feature:
        found = next((each for each in features_of(self.product.slug) if each.key == key), None)
        if found is None:
            raise NotFound("There is no such feature.")
        return found

    def _check_known(self, keys: Sequence[str]) -> None:
        known = {each.key for each in features_of(self.product.slug)}
        faults = [
            {"pointer": f"/features/{place}", "code": "not_found", "detail": "No such feature."}
            for place, key in enumerate(keys)
            if key not in known
        ]
        if faults:
            raise InvalidInput("There is no such feature.", errors=faults)

    def _effect(self, effect: Effect) -> dict[str, Any]:
        features = features_of(self.product.slug)
        things = {each.key: {"id": each.key, "name": str(each.title)} for each in features}
        return self.effect_shown(effect, things)

    def _shown(self, row: PolicyRow, feature: str) -> dict[str, Any]:
        switch = self.access.switches.get(feature, {}).get(row.node.id)
        return {
            "node": node_shown(row),
            "feature": feature,
            "state": "inherit" if switch is None else ("on" if switch.is_on else "off"),
            "is_locked": switch is not None and switch.is_locked,
            "is_on": self.access.has(feature, row.path),
        }


def _switch(given: dict[str, Any]) -> Switch | None:
    if given["state"] == "inherit":
        if given["is_locked"]:
            detail = "What inherits says nothing that could be locked."
            raise InvalidInput(
                detail, errors=[{"pointer": "/is_locked", "code": "lock", "detail": detail}]
            )
        return None
    return Switch(given["state"] == "on", given["is_locked"])
