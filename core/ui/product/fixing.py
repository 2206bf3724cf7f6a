"""The smallest change that flips a decision, as one button: what it would do, and doing it.

Only what lies in the hands of who looks: what the platform or the account as a whole must change
stays a sentence with the place for it. A fix is kept for Revert where its page keeps changes.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from core.access.features import feature_named
from core.access.permissions import may
from core.access.rules import grants, why_llms
from core.access.rules.decisions import Change, Decision
from core.access.rules.paths import Path
from core.access.rules.switches import Switch
from core.access.scopes import scope_of
from core.hierarchy.effects import (
    effect_of_grants,
    effect_of_policies,
    effect_of_switches,
)
from core.hierarchy.policies import PolicyRow, rows_of_nodes
from core.hierarchy.sharing import granting_access, resource_named
from core.kit.clock import now
from core.kit.problems import NotFound
from core.ui.product import features, llm_access, sharing
from core.ui.product.undoing import Undo
from core.ui.product.urls import ProductSite

_GRANTS: dict[str, grants.Grant | None] = {
    "grant": grants.Grant(),
    "deny": grants.Grant(is_denial=True),
    "lift": None,
}
# What only the platform, or a page about the whole account, can change.
_ELSEWHERE = frozenset({"offer", "switch_on", "lift_above"})


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about one thing for one path. `key` is an id, or a feature's key.

    `needs` is the key of the feature that an LLM takes besides its policies.
    """

    kind: str
    key: str
    title: str
    path: Path
    decision: Decision
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """A button: how many places gain and lose the thing by it, and what it does."""

    what: str
    gains: int
    losses: int
    apply: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Revert:
    """The last change of the same kind: what it was, and where it is taken back."""

    label: str
    href: str


def fix_of(request: HttpRequest, site: ProductSite, decided: Decided) -> Fix | None:
    """Return the change that flips a decision; None where it is not in one's own hands."""
    rows = _rows(request, site, decided.decision.flip)
    abouts = {change.about for change, _row in rows}
    if len(abouts) != 1:
        # What takes a change of policies and one of features is two clicks to take back.
        return None
    if feature := abouts.pop():
        decided = _of_its_feature(decided, feature)
    make = {"llm": _of_llm, "feature": _of_feature}.get(decided.kind, _of_thing)
    try:
        return make(request, site, decided, rows)
    except NotFound:
        # A thing that is gone is still asked about: by who looks at what was refused then.
        return None


def revert_of(request: HttpRequest, site: ProductSite, decided: Decided) -> Revert | None:
    """Return how the last change that somebody made to the same kind of thing is taken back."""
    of_feature = Undo(request, features.UNDO, site.slug)
    if decided.needs and of_feature.at > Undo(request, llm_access.UNDO, site.slug).at:
        decided = _of_its_feature(decided, decided.needs)
    if decided.kind == "llm":
        label = Undo(request, llm_access.UNDO, site.slug).label
        return Revert(label, reverse(f"{site.slug}:llm-access-undo")) if label else None
    if decided.kind == "feature":
        label = Undo(request, features.UNDO, site.slug).label
        return Revert(label, reverse(f"{site.slug}:features-undo")) if label else None
    desk = _share_desk(request, site, decided)
    label = desk.undoable()
    where = (decided.kind, decided.key)
    return Revert(label, reverse(f"{site.slug}:share-undo", args=where)) if label else None


def _of_its_feature(decided: Decided, key: str) -> Decided:
    known = feature_named(key)
    assert known is not None
    return replace(decided, kind="feature", key=key, title=str(known.title))


def in_hand(
    request: HttpRequest, site: ProductSite, changes: Collection[Change]
) -> dict[UUID, PolicyRow]:
    """Return the nodes of changes that who looks manages, by id."""
    if not may(request.user, site.permission("manage_access")):
        return {}
    ids = {change.node.id for change in changes if change.node is not None}
    known = rows_of_nodes(site.product, scope_of(request.user, site.slug), ids)
    return {node: row for node, row in known.items() if row.can_edit}


def _rows(
    request: HttpRequest, site: ProductSite, changes: tuple[Change, ...]
) -> list[tuple[Change, PolicyRow]]:
    """Return the nodes that changes are made in; none unless all are in one's hands."""
    known = in_hand(request, site, changes)
    found = []
    for change in changes:
        row = known.get(change.node.id) if change.node is not None else None
        if change.kind in _ELSEWHERE or row is None:
            return []
        found.append((change, row))
    return found


def _of_llm(
    request: HttpRequest, site: ProductSite, decided: Decided, rows: list[tuple[Change, PolicyRow]]
) -> Fix:
    desk = llm_access.Desk(request, site)
    llm = UUID(decided.key)
    case = why_llms.Case(llm, True, True, decided.path, desk.access.policies)  # noqa: FBT003
    for change, _row in rows:
        case = why_llms.apply_change(case, change)
    said = {row.node: (row, case.policies[row.node.id]) for _change, row in rows}
    effect = effect_of_policies(
        site.product, desk.access, {node: policy for node, (_row, policy) in said.items()}
    )

    def apply() -> None:
        desk.apply_all(said, _("Effective access"), label=_name(rows))

    return Fix(decided.title, effect.gains.get(llm, 0), effect.losses.get(llm, 0), apply)


def _of_feature(
    request: HttpRequest, site: ProductSite, decided: Decided, rows: list[tuple[Change, PolicyRow]]
) -> Fix:
    access = features.access_to_features(request, site)
    now_said = access.switches.get(decided.key, {})
    said: dict[Any, Any] = {}
    for change, row in rows:
        was = now_said.get(row.node.id)
        # A lock stays, as the suggestion has it.
        switch = Switch(change.kind == "set_on", is_locked=was is not None and was.is_locked)
        said[row.node] = (row, {decided.key: switch})
    effect = effect_of_switches(
        site.product, access, {node: switches for node, (_row, switches) in said.items()}
    )

    def apply() -> None:
        features.apply(request, site, said, _name(rows), _("Effective access"))

    key = decided.key
    return Fix(decided.title, effect.gains.get(key, 0), effect.losses.get(key, 0), apply)


def _of_thing(
    request: HttpRequest, site: ProductSite, decided: Decided, rows: list[tuple[Change, PolicyRow]]
) -> Fix:
    desk, moment = _share_desk(request, site, decided), now()
    said = {row.node: (row, _GRANTS[change.kind]) for change, row in rows}
    access, thing = granting_access(site.product, [desk.resource]), desk.resource.thing
    changes = {node: grant for node, (_row, grant) in said.items()}
    effect = effect_of_grants(site.product, access, thing, changes, moment)

    def apply() -> None:
        desk.apply(said, _("Effective access"), label=_name(rows))

    return Fix(decided.title, effect.gains.get(thing, 0), effect.losses.get(thing, 0), apply)


def _share_desk(request: HttpRequest, site: ProductSite, decided: Decided) -> sharing.ShareDesk:
    try:
        thing = resource_named(site.product, decided.kind, UUID(decided.key))
    except ValueError:
        raise NotFound("There is no such thing.") from None
    return sharing.ShareDesk(request, site, scope_of(request.user, site.slug), thing)


def _name(rows: list[tuple[Change, PolicyRow]]) -> str:
    return ", ".join(dict.fromkeys(row.node.label for _change, row in rows))
