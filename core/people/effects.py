"""What an act on a selection would do, in numbers, before anybody starts it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.hierarchy.keys import working_keys_of
from core.hierarchy.product import Product
from core.people.matching import MOST_COUNTED, count_up_to
from core.people.models import JobKind

Place = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Effect:
    """A number of the preview and what it counts; `is_more` if it stopped counting there."""

    count: int
    is_more: bool
    text: str


def effects(
    product: Product, kind: JobKind, rows: QuerySet[Any], place: Place | None
) -> list[Effect]:
    """Return how many members an act would change and how many not, and what stops with it."""
    found = [_effect(rows, _("selected")), *_OF_KINDS[kind](product, rows, place)]
    return [found[0], *(effect for effect in found[1:] if effect.count)]


def _of_placing(product: Product, rows: QuerySet[Any], place: Place | None) -> list[Effect]:
    there, active = _members_at(product, place), rows.filter(archived_at=None)
    return [
        _effect(active.exclude(pk__in=there), _("join %s") % _name(place)),
        _effect(active.filter(pk__in=there), _("are in it already")),
        _effect(rows.filter(archived_at__isnull=False), _("are archived and stay out")),
    ]


def _of_unplacing(product: Product, rows: QuerySet[Any], place: Place | None) -> list[Effect]:
    there = _members_at(product, place)
    inside = rows.filter(pk__in=there)
    return [
        _effect(inside, _("leave %s") % _name(place)),
        _effect(rows.exclude(pk__in=there), _("are not in it")),
        *_keys(product, _places_at(product, place).filter(member__in=inside.values("pk"))),
    ]


def _of_archiving(product: Product, rows: QuerySet[Any], _place: Place | None) -> list[Effect]:
    active = rows.filter(archived_at=None)
    places = _places(product).filter(member__in=active.values("pk"))
    return [
        _effect(active, _("lose their seat; places and history stay, and it can be given back")),
        _effect(rows.filter(archived_at__isnull=False), _("have none already")),
        *_keys(product, places),
    ]


def _of_restoring(_product: Product, rows: QuerySet[Any], _place: Place | None) -> list[Effect]:
    archived = Q(archived_at__isnull=False)
    return [
        _effect(rows.filter(archived), _("get their seat and places back")),
        _effect(rows.exclude(archived), _("have theirs")),
    ]


def _of_inviting(_product: Product, rows: QuerySet[Any], _place: Place | None) -> list[Effect]:
    # Django marks a password that was never set by an exclamation mark.
    never = Q(user__is_active=False, user__password__startswith="!", archived_at=None)  # noqa: S106
    return [
        _effect(rows.filter(never), _("get an invitation by mail; earlier links stop working")),
        _effect(rows.exclude(never), _("have joined already, or are archived")),
    ]


_OF_KINDS: dict[JobKind, Callable[[Product, QuerySet[Any], Place | None], list[Effect]]] = {
    JobKind.PLACE: _of_placing,
    JobKind.UNPLACE: _of_unplacing,
    JobKind.ARCHIVE: _of_archiving,
    JobKind.RESTORE: _of_restoring,
    JobKind.INVITE: _of_inviting,
}


def _effect(rows: QuerySet[Any], text: str) -> Effect:
    count = count_up_to(rows)
    return Effect(min(count, MOST_COUNTED), count > MOST_COUNTED, text)


def _keys(product: Product, places: QuerySet[Any]) -> list[Effect]:
    keys = working_keys_of(product, places)
    return [Effect(keys, is_more=False, text=_("virtual keys stop working"))] if keys else []


def _places(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows.order_by()


def _places_at(product: Product, place: Place | None) -> QuerySet[Any]:
    assert place is not None
    organization, team = place
    return _places(product).filter(organization=organization, team=team)


def _members_at(product: Product, place: Place | None) -> QuerySet[Any]:
    return _places_at(product, place).values("member")


def _name(place: Place | None) -> str:
    assert place is not None
    return str(place[1] or place[0])
