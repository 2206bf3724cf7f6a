"""Every cap of a book in one place: of nodes, and of what else spends, such as keys."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.credits.caps import CapState, caps_of_all
from core.credits.models import Book, Cap, CapWindow, Label
from core.hierarchy.product import Product

# Whoever has more finds them at the nodes themselves.
MOST = 50
_NEARLY = 0.8
_NOW = {
    CapWindow.DAY: gettext_lazy("today"),
    CapWindow.WEEK: gettext_lazy("this week"),
    CapWindow.MONTH: gettext_lazy("this month"),
    CapWindow.CYCLE: gettext_lazy("in this cycle"),
}


@dataclass(frozen=True, slots=True)
class CapRow:
    """One cap with its name, and where it is changed; no address where that is elsewhere."""

    cap: CapState
    name: str
    href: str

    @property
    def window(self) -> str:
        """The period that it counts, as in "5 used today"."""
        return str(_NOW[CapWindow(self.cap.window)])

    @property
    def tone(self) -> str:
        """How near it is: bad when nothing is left, warn from four fifths on."""
        if self.cap.free == 0:
            return "bad"
        return "warn" if self.cap.used + self.cap.reserved >= self.cap.amount * _NEARLY else ""


def cap_rows(product: Product, book: Book) -> list[CapRow]:
    """Return the caps of a book by name, a fixed number of queries."""
    subjects = Cap.objects.filter(book=book).order_by("pk").values_list("subject", flat=True)
    states = caps_of_all(book, set(subjects[:MOST]))
    ids = {state.subject for state in states}
    nodes = _nodes(product, ids)
    labels = Label.objects.filter(subject__in=ids - nodes.keys())
    others = dict(labels.values_list("subject", "text"))
    rows = []
    for state in states:
        name, wallet = nodes.get(state.subject, (others.get(state.subject, ""), None))
        href = reverse(f"{product.slug}:credits-move", args=(wallet,)) if wallet else ""
        rows.append(CapRow(state, name or _("A virtual key"), href))
    return sorted(rows, key=lambda row: row.name.lower())


def _nodes(product: Product, ids: set[UUID]) -> dict[UUID, tuple[str, UUID]]:
    """Return name and wallet of those that are nodes."""
    found: dict[UUID, tuple[str, UUID]] = {}
    for model in (product.organization, product.team):
        rows: QuerySet[Any] = model._default_manager.filter(pk__in=ids, wallet__isnull=False)
        found |= {pk: (name, wallet) for pk, name, wallet in
                  rows.values_list("pk", "name", "wallet_id")}  # fmt: skip
    places: QuerySet[Any] = product.membership._default_manager.filter(pk__in=ids)
    for place in places.select_related("member__user", "team", "organization"):
        found[place.pk] = (f"{place.member} in {place}", place.wallet_id)
    return found
