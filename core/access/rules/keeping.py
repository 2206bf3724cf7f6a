"""A decision as plain values and back, so that a refusal can be kept as it was made."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from core.access.rules.decisions import Change, Decision, Step
from core.access.rules.paths import Path, PathNode


def decision_values(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON can hold it."""
    return {
        "is_allowed": decision.is_allowed,
        "trace": [
            {
                "rule": step.rule,
                "node": _node_values(step.node),
                "is_allowed": step.is_allowed,
                "is_decisive": step.is_decisive,
                "about": step.about,
            }
            for step in decision.trace
        ],
        "flip": [
            {"kind": change.kind, "node": _node_values(change.node), "about": change.about}
            for change in decision.flip
        ],
    }


def decision_of(values: Mapping[str, Any]) -> Decision:
    """Return the decision that was kept."""
    return Decision(
        is_allowed=values["is_allowed"],
        trace=tuple(
            Step(
                step["rule"],
                _node(step["node"]),
                step["is_allowed"],
                step["is_decisive"],
                # Decisions of before features were told apart have none.
                step.get("about", ""),
            )
            for step in values["trace"]
        ),
        flip=tuple(
            Change(change["kind"], _node(change["node"]), change.get("about", ""))
            for change in values["flip"]
        ),
    )


def path_values(path: Path) -> list[dict[str, str] | None]:
    """Return a path as JSON can hold it."""
    return [_node_values(node) for node in path]


def path_of_values(values: list[dict[str, str]]) -> Path:
    """Return the path that was kept."""
    return tuple(node for node in map(_node, values) if node is not None)


def _node_values(node: PathNode | None) -> dict[str, str] | None:
    return None if node is None else {"kind": node.kind, "id": str(node.id), "label": node.label}


def _node(values: Mapping[str, Any] | None) -> PathNode | None:
    return None if values is None else PathNode(values["kind"], UUID(values["id"]), values["label"])
