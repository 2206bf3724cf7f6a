"""What the resources of access share: the rules of the product, the nodes in reach, effects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from rest_framework.response import Response

from core.access.features import needs_of
from core.access.resources import open_things
from core.access.rules.product import ProductAccess
from core.access.selectors import access_of
from core.api import conditional
from core.api.pagination import cursor_of, id_of
from core.api.viewsets import CockpitViewSet, unknown_reference
from core.hierarchy.effects import Effect
from core.hierarchy.policies import PolicyRow, check_editable, row_named, rows_of_nodes
from core.hierarchy.product import Product
from core.hierarchy.selectors import organizations_named
from core.tenancy.policy import hold_policy

TAG = "Access"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the core may not know: read from the public schema by who mounts the routes.

    Each takes an account's id, the first two a product's slug as well.
    """

    llms: Callable[[object, str], Sequence[Any]]
    withheld_features: Callable[[object, str], frozenset[str]]
    credit_factor: Callable[[object], Decimal]


class AccessViewSet(CockpitViewSet):
    """A resource of who may use what; the routes hand it the product and what is offered."""

    product = cast("Product", None)
    offer = cast("Offer", None)
    verbs = ("view_access", "manage_access")

    @property
    def read_permission(self) -> str:
        """The codename of who may look."""
        return f"{self.product.slug}.{self.verbs[0]}"

    @property
    def write_permission(self) -> str:
        """The codename of who may change; which nodes, the scope says."""
        return f"{self.product.slug}.{self.verbs[1]}"

    @cached_property
    def account_id(self) -> object:
        """The account that is asked."""
        return self.request.account.pk  # type: ignore[attr-defined]  # the middleware's

    @cached_property
    def offered(self) -> list[Any]:
        """The LLMs that the super admin offers, by id."""
        return sorted(self.offer.llms(self.account_id, self.product.slug), key=lambda llm: llm.pk)

    @cached_property
    def factor(self) -> Decimal:
        """Credits for one US dollar."""
        return self.offer.credit_factor(self.account_id)

    @cached_property
    def access(self) -> ProductAccess:
        """All that decides, as it is now."""
        return access_of(
            self.product.slug,
            offered=(llm.pk for llm in self.offered),
            withheld=self.offer.withheld_features(self.account_id, self.product.slug),
            needs=needs_of(self.offered),
            open_things=open_things(self.product.slug),
        )

    @cached_property
    def names(self) -> dict[UUID, str]:
        """What LLMs are called in programs, by id."""
        return {llm.pk: llm.name for llm in self.offered}

    def node(self, kind: str, node_id: UUID) -> PolicyRow:
        """Return a node that the caller's scope shows.

        Raises:
            NotFound: there is none.
        """
        return row_named(self.product, self.scope, kind, node_id)

    def nodes_in_body(self, named: Sequence[Mapping[str, Any]]) -> Sequence[PolicyRow]:
        """Return the nodes that a body names and whose access the caller may change.

        Raises:
            InvalidInput: one is not there for the caller.
            NotAllowed: what one may use is decided above the caller.
        """
        found = rows_of_nodes(self.product, self.scope, {each["id"] for each in named})
        rows = []
        for place, each in enumerate(named):
            row = found.get(each["id"])
            if row is None or row.node.kind != each["kind"]:
                raise unknown_reference(f"nodes/{place}", str(each["kind"]))
            check_editable(row)
            rows.append(row)
        return rows

    def effect_shown(self, effect: Effect, things: Mapping[Any, Any]) -> dict[str, Any]:
        """Return who gains and loses what; `things` names what an effect counts."""
        organizations = organizations_named(self.product, {*effect.gaining, *effect.losing})
        return {
            "places": effect.places,
            "gains": _counted(effect.gains, things),
            "losses": _counted(effect.losses, things),
            "organizations": [
                {
                    "organization": {"id": str(key), "name": name},
                    "gaining": effect.gaining.get(key, 0),
                    "losing": effect.losing.get(key, 0),
                }
                for key, name in sorted(organizations.items(), key=lambda pair: pair[1])
            ],
        }

    @contextmanager
    def matching(self, row: PolicyRow, show: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
        """Lock a node, compare what is shown of it with `If-Match`, and change it inside.

        Raises:
            PreconditionFailed: it is not as the caller has seen it.
        """
        with transaction.atomic():
            table: Any = {
                "member": self.product.member,
                "team": self.product.team,
            }.get(row.node.kind, self.product.organization)
            table._default_manager.select_for_update(of=("self",)).get(pk=row.node.id)
            # Pages, and changes of many nodes, lock no node.
            hold_policy()
            self.forget()
            if "If-Match" in self.request.headers:
                conditional.require_match(self.request, show())
            yield

    def forget(self) -> None:
        """Read the rules anew: somebody, or this call, has changed them."""
        self.__dict__.pop("access", None)

    def tagged(self, shown: Mapping[str, Any], **more: Any) -> Response:
        """Answer what is shown with its ETag, or 304 if the caller has just this."""
        etag = conditional.etag_of(shown)
        headers = {"ETag": etag}
        if self.request.method in {"GET", "HEAD"} and conditional.is_known(self.request, etag):
            return Response(status=304, headers=headers)
        return Response({**shown, **more}, headers=headers)

    def page_of_values(self, rows: Sequence[tuple[UUID, dict[str, Any]]]) -> Response:
        """Answer a page of values that are in memory, in the order of their ids."""
        limit, cursor = self.query["limit"], self.query.get("cursor")
        after = id_of(cursor) if cursor else None
        left = [
            row for row in sorted(rows, key=lambda row: row[0]) if after is None or row[0] > after
        ]
        shown = left[:limit]
        more = cursor_of(shown[-1][0]) if len(left) > limit else None
        return Response({"items": [values for _, values in shown], "next": more})


def _by_id(row: tuple[UUID, Any]) -> UUID:
    return row[0]


def node_shown(row: PolicyRow) -> dict[str, str]:
    """Return a node as access shows it."""
    return {"kind": row.node.kind, "id": str(row.node.id), "name": row.node.label}


def _counted(counts: Mapping[Any, int], things: Mapping[Any, Any]) -> list[dict[str, Any]]:
    return [
        {"thing": things[key], "places": count}
        for key, count in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
        if key in things
    ]
