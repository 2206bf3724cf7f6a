"""The resource `keys`: virtual keys of members, and service keys of teams."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.v1.keys import shapes
from console.models import VirtualKey
from console.product import PRODUCT
from console.selectors import keys as selectors
from console.selectors.budgets import budgets_of
from console.services import keys as services
from console.services.key_settings import Budget, Limits, limits_of
from core.access.scopes import Scope
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
from core.credits.caps import CapState
from core.kit.problems import InvalidInput

_TAG = "Keys"
_ONE: dict[str, Any] = {"output": shapes.KeyOutput, "example": shapes.EXAMPLE, "tag": _TAG}
_CHANGE: dict[str, Any] = {**_ONE, "parameters": (ETAG, IF_MATCH), "refusals": (404,)}
_LIMITS = ("llms", "requests_per_minute", "tokens_per_minute", "addresses")


class KeyViewSet(CockpitViewSet):
    """Virtual keys: one's own, and for admins those of what they administer."""

    product = PRODUCT
    _budgets: dict[UUID, CapState] | None = None

    read_permission = "console.view_keys"
    write_permission = "console.own_keys"
    output_class = shapes.KeyOutput
    input_classes = {
        "create": shapes.KeyInput,
        "partial_update": shapes.KeyChangeInput,
        "rotate": shapes.RotateInput,
        "revoke": shapes.RevokeInput,
    }
    query_classes = {"list": shapes.KeyQuery}
    key_required_for = frozenset({"create", "rotate"})

    @documented(
        Operation(
            "listKeys", "List keys", _TAG, page_example(shapes.EXAMPLE),
            output=page_output("KeyPage", shapes.KeyOutput), query=shapes.KeyQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the caller's keys and those of what they administer, the newest first."""
        query = self.query
        rows = selectors.keys_in_state(self._keys(), query.get("state", ""))
        rows = selectors.keys_named(rows, query.get("q", ""))
        for field in ("membership", "team"):
            if field in query:
                rows = rows.filter(**{field: query[field]})
        if "tag" in query:
            rows = rows.filter(tags__contains=[query["tag"]])
        limit, cursor = query["limit"], query.get("cursor")
        page = page_of(rows, limit=limit, cursor=cursor, newest_first=True)
        self._budgets = budgets_of(key.pk for key in page.items)
        return self.many(page)

    @documented(
        Operation(
            "createKey", "Create a key", _TAG, shapes.NEW_EXAMPLE, output=shapes.NewKeyOutput,
            body=shapes.KeyInput, status=201, needs_key=True, parameters=(ETAG,),
            sent={"name": "nightly report", "team": shapes.EXAMPLE["team"]["id"],
                  "requests_per_minute": 60},
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Create a key of a membership, or a service key of a team. Its token is shown once."""
        given = self.input
        made = services.create_key(
            account=request.account,  # type: ignore[attr-defined]
            **self._owner(given),
            name=given["name"],
            expires_at=given.get("expires_at"),
            tags=tuple(given.get("tags", ())),
            limits=_changed(Limits(), given),
            actor=self.actor,
        )
        return self.one(made.key, status=201, token=made.token)

    @documented(
        Operation(
            "getKey", "Read a key", parameters=(ETAG, IF_NONE_MATCH), refusals=(404,), **_ONE
        ),
        method="GET",
    )
    def retrieve(self, request: Request, key_id: UUID) -> Response:
        """Return one key."""
        return self.one(self._find(key_id))

    @documented(
        Operation(
            "changeKey", "Change a key", body=shapes.KeyChangeInput,
            sent={"requests_per_minute": 120}, **_CHANGE,
        ),
        method="PATCH",
    )  # fmt: skip
    def partial_update(self, request: Request, key_id: UUID) -> Response:
        """Change name, tags, last day or limits. They hold from the next call on."""
        given = self.input
        with self.changing(lambda: self._find(key_id)) as key:
            services.change_key(
                key=key,
                name=given.get("name", key.name),
                expires_at=given.get("expires_at", key.expires_at),
                tags=tuple(given.get("tags", key.tags)),
                limits=_changed(limits_of(key), given),
                actor=self.actor,
            )
        return self.one(self._find(key_id))

    @documented(
        Operation(
            "rotateKey", "Rotate a key", _TAG, shapes.NEW_EXAMPLE, output=shapes.NewKeyOutput,
            body=shapes.RotateInput, sent={"overlap_seconds": 86_400}, needs_key=True,
            parameters=(ETAG, IF_MATCH), refusals=(404,),
        ),
        method="POST",
    )  # fmt: skip
    def rotate(self, request: Request, key_id: UUID) -> Response:
        """Give a key a new token, shown once. The one before works for the overlap."""
        given = self.input
        with self.changing(lambda: self._find(key_id)) as key:
            made = services.rotate_key(
                account=request.account,  # type: ignore[attr-defined]
                key=key,
                overlap=timedelta(seconds=given["overlap_seconds"]),
                actor=self.actor,
            )
        return self.one(self._find(key_id), token=made.token)

    @documented(
        Operation(
            "revokeKey", "Revoke a key", body=shapes.RevokeInput, sent={"reason": "Lost."},
            **_CHANGE,
        ),
        method="POST",
    )  # fmt: skip
    def revoke(self, request: Request, key_id: UUID) -> Response:
        """Refuse a key from now on, with what it runs. This cannot be undone."""
        given = self.input
        with self.changing(lambda: self._find(key_id)) as key:
            services.revoke_key(key=key, reason=given["reason"], actor=self.actor)
        return self.one(self._find(key_id))

    def shown(self, found: VirtualKey) -> dict[str, Any]:
        budgets = budgets_of([found.pk]) if self._budgets is None else self._budgets
        output = shapes.KeyOutput(found, context={"budget": budgets.get(found.pk)})
        return dict(output.data)

    # -- what the caller may see -------------------------------------------------------------------

    @property
    def _managed(self) -> Scope:
        """The part whose keys the caller manages as an admin: all of it for a client app itself."""
        return self.scope if self.is_program else selectors.managed_by(self.request.user)  # type: ignore[arg-type]

    @property
    def _user_id(self) -> Any:
        return None if self.is_program else self.request.user.pk

    def _keys(self) -> QuerySet[VirtualKey]:
        return selectors.keys_within(self._managed, user_id=self._user_id)

    def _find(self, key_id: UUID) -> VirtualKey:
        return selectors.key_among(self._keys(), key_id)

    def _owner(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("membership" in given) == ("team" in given):
            detail = "Name a membership, or a team for a service key."
            raise InvalidInput(
                detail, errors=[{"pointer": "/membership", "code": "owner", "detail": detail}]
            )
        if "team" in given:
            teams = selectors.teams_within(self._managed)
            return {"team": _named(teams.filter(pk=given["team"]).first(), "team")}
        places = selectors.places_within(self._managed, user_id=self._user_id)
        place = places.filter(pk=given["membership"]).first()
        return {"membership": _named(place, "membership")}


def _named(found: Any, field: str) -> Any:
    if found is None:
        raise unknown_reference(field, f"active {field} that you may make keys for")
    return found


def _changed(limits: Limits, given: dict[str, Any]) -> Limits:
    """Return limits with what a body names in their place."""
    changes: dict[str, Any] = {}
    for name in _LIMITS:
        if name in given:
            value = given[name]
            changes[name] = tuple(value) if isinstance(value, list) else value
    if "budget" in given:
        budget = given["budget"]
        changes["budget"] = budget and Budget(budget["amount"], budget["window"])
    return replace(limits, **changes)
