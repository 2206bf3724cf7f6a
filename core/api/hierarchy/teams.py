"""The resource `teams`."""

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
from core.api.hierarchy.archiving import STOPS, ArchivedFields, archived
from core.api.hierarchy.base import (
    HierarchyViewSet,
    NamedOutput,
    NameInput,
    NodeQuery,
    ReasonInput,
)
from core.api.hierarchy.moves import EFFECTS, EffectsOutput, effects_of
from core.api.pagination import page_of
from core.api.serializers import Input, PreviewQuery, StateField
from core.hierarchy import reach, states
from core.hierarchy.administration import require_above
from core.hierarchy.archiving import preview_node_archive
from core.hierarchy.moves import preview_team_move
from core.hierarchy.services import nodes
from core.hierarchy.services.moving import move_team


class TeamInput(NameInput):
    """A new team."""

    organization = serializers.UUIDField(help_text="Its organization's id.")


class TeamMoveInput(ReasonInput):
    """Where a team goes."""

    organization = serializers.UUIDField(help_text="The new organization's id.")


class TeamQuery(NodeQuery):
    """Filters of teams."""

    organization = serializers.UUIDField(required=False, help_text="Of this organization only.")


class TeamOutput(serializers.Serializer[Any]):
    """A team of an organization."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    organization = NamedOutput()
    state = StateField(states.node_state, choices=states.NODE_STATES)
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class MovedTeamOutput(serializers.Serializer[Any]):
    """A team that moved, or would move, and what changes with it."""

    preview = serializers.BooleanField(help_text="Whether nothing was changed.")
    effects = EffectsOutput()
    team = TeamOutput()


class ArchivedTeamOutput(TeamOutput, ArchivedFields):
    """A team that was archived, or would be, and what stops with it."""


_ORGANIZATION = {"id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c", "name": "Marketing"}
EXAMPLE = {
    "id": "0198a7c3-1b2c-7d3e-8f40-516273849506",
    "name": "Content",
    "organization": _ORGANIZATION,
    "state": "active",
    "created_at": "2026-11-02T09:31:00Z",
    "archived_at": None,
}
_TAG = "Teams"
_ONE: dict[str, Any] = {"output": TeamOutput, "example": EXAMPLE, "tag": _TAG}
_ARCHIVED: dict[str, Any] = {
    **_ONE,
    "output": ArchivedTeamOutput,
    "example": {**EXAMPLE, "state": "archived", "preview": False, "effects": STOPS},
}
_CHANGE: dict[str, Any] = {**_ONE, "parameters": (ETAG, IF_MATCH), "refusals": (404,)}


class TeamViewSet(HierarchyViewSet):
    """Teams of a product, the second level of its hierarchy."""

    output_class = TeamOutput
    input_classes = {
        "create": TeamInput,
        "partial_update": NameInput,
        "archive": ReasonInput,
        "restore": Input,
        "move": TeamMoveInput,
    }
    query_classes = {"list": TeamQuery, "move": PreviewQuery, "archive": PreviewQuery}
    verbs_of_actions = dict.fromkeys(("create", "archive", "restore", "move"), "manage_teams")

    @documented(
        Operation(
            "listTeams",
            "List teams",
            _TAG,
            page_example(EXAMPLE),
            output=page_output("TeamPage", TeamOutput),
            query=TeamQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the teams that the caller administers, the oldest first."""
        query = self.query
        rows = states.nodes_in_state(reach.teams_within(self.product, self.scope), query["state"])
        if "organization" in query:
            rows = rows.filter(organization=query["organization"])
        rows = reach.named(rows, query.get("q", ""), "name")
        return self.many(page_of(rows, limit=query["limit"], cursor=query.get("cursor")))

    @documented(
        Operation(
            "createTeam",
            "Create a team",
            body=TeamInput,
            sent={"organization": _ORGANIZATION["id"], "name": "Content"},
            status=201,
            parameters=(ETAG,),
            **_ONE,
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Create a team without members and without credits."""
        given = self.input
        organization = self.organization_in_body(given["organization"])
        team = nodes.create_team(
            product=self.product, organization=organization, name=given["name"], actor=self.actor
        )
        return self.one(team, status=201)

    @documented(
        Operation(
            "getTeam",
            "Read a team",
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, team_id: UUID) -> Response:
        """Return one team."""
        return self.one(self._find(team_id))

    @documented(
        Operation(
            "renameTeam", "Rename a team", body=NameInput, sent={"name": "Stories"}, **_CHANGE
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, team_id: UUID) -> Response:
        """Give a team another name."""
        with self.changing(lambda: self._find(team_id)) as team:
            nodes.rename_node(product=self.product, node=team, actor=self.actor, **self.input)
        return self.one(team)

    @documented(
        Operation(
            "archiveTeam",
            "Archive a team",
            body=ReasonInput,
            sent={"reason": "The project has ended."},
            query=PreviewQuery,
            **{**_CHANGE, **_ARCHIVED},
        ),
        method="POST",
    )
    def archive(self, request: Request, team_id: UUID) -> Response:
        """Archive a team that has no members any more."""
        self._find(team_id)
        given = self.input
        with self.previewing(), self.changing(lambda: self._find(team_id)) as team:
            require_above(self.scope, team)
            return archived(
                self,
                team,
                preview_node_archive(self.product, team),
                lambda: nodes.archive_node(
                    product=self.product, node=team, actor=self.actor, **given
                ),
            )

    @documented(Operation("restoreTeam", "Restore a team", **_CHANGE), method="POST")
    def restore(self, request: Request, team_id: UUID) -> Response:
        """Bring an archived team back."""
        _ = self.input
        with self.changing(lambda: self._find(team_id)) as team:
            require_above(self.scope, team)
            nodes.restore_node(product=self.product, node=team, actor=self.actor)
        return self.one(team)

    @documented(
        Operation(
            "moveTeam",
            "Move a team to another organization",
            _TAG,
            {"preview": False, "effects": EFFECTS, "team": EXAMPLE},
            output=MovedTeamOutput,
            body=TeamMoveInput,
            sent={"organization": _ORGANIZATION["id"], "reason": "New set-up."},
            query=PreviewQuery,
            parameters=(IF_MATCH,),
            refusals=(404,),
        ),
        method="POST",
    )
    def move(self, request: Request, team_id: UUID) -> Response:
        """Move a team with its members, their credits and their keys.

        Calls that run end on the wallets that hold them; the next one is decided and charged by
        the new place.
        """
        # Whether it is there for the caller comes before what is wrong with the body.
        self._find(team_id)
        given = self.input
        organization = self.organization_in_body(given["organization"])
        with self.previewing(), self.changing(lambda: self._find(team_id)) as team:
            require_above(self.scope, team)
            effects = effects_of(preview_team_move(self.product, team, organization))
            move_team(
                product=self.product,
                team=team,
                organization=organization,
                reason=given["reason"],
                actor=self.actor,
            )
            moved = self.shown(self._find(team_id))
        return Response({"preview": self.is_preview, "effects": effects, "team": moved})

    def _find(self, team_id: UUID) -> Any:
        return reach.found(reach.teams_within(self.product, self.scope), team_id)
