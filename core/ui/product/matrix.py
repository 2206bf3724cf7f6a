"""The matrix of LLM access and of features: a page of nodes, what each has, and what is ticked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _, ngettext

from core.access.scopes import Scope
from core.hierarchy.matrix import KINDS, Look, Matrix, More, matrix_of
from core.hierarchy.policies import PolicyRow
from core.ui.product.urls import ProductSite

# What may be ticked one by one; more than that is changed as all that match.
MOST_TICKED = 200


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that nodes have or do not have."""

    key: str
    title: str
    hint: str = ""
    is_withheld: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether a node has one thing. `own` is what the node itself says, a plain word, or empty."""

    is_allowed: bool
    own: str
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the matrix, and what is not shown after it."""

    row: PolicyRow
    cells: list[Cell]
    html: SafeString
    is_locked: bool = False
    href: str = ""
    open_href: str = ""
    more: Sequence[tuple[str, str]] = ()
    is_ticked: bool = False


class Marks:
    """Cells as HTML. A page has thousands of them, so they are put together here, not by templates.

    Whatever people have named is escaped once for each row and column.
    """

    def __init__(self, yes: str, no: str) -> None:
        """`yes` and `no` say what a node may or may not, such as "may use"."""
        self._verbs = {True: escape(yes), False: escape(no)}
        self._change, self._inherited = escape(_("Change")), escape(_("inherited"))

    def row(self, label: str, cells: Iterable[tuple[Cell, str, str]]) -> SafeString:
        """Return the cells of a node: each with the escaped title of its column and its address.

        A mark is a button that opens the choice, or a picture where there is nothing to choose.
        """
        node = escape(label)
        return mark_safe("".join(self._cell(node, *each) for each in cells))  # noqa: S308

    def _cell(self, node: str, cell: Cell, title: str, href: str) -> str:
        look = _LOOKS[cell.is_allowed, bool(cell.own)]
        icon = "lock" if cell.is_locked else "check" if cell.is_allowed else "remove"
        words = f"{node} {self._verbs[cell.is_allowed]} {title} ({cell.own or self._inherited})"
        mark = f'<i aria-hidden="true">{icon}</i>'
        if not href:
            return f'<td><span class="{look}" role="img" aria-label="{words}">{mark}</span></td>'
        # Where the choice is shown stands on the table once: hx-target is inherited.
        return (
            f'<td><button type="button" class="{look}" data-open="cell" hx-get="{href}"'
            f' title="{words}. {self._change}">{mark}</button></td>'
        )


_LOOKS = {
    (is_allowed, is_own): f"ck-mark ck-mark--{'yes' if is_allowed else 'no'}"
    + (" ck-mark--own" if is_own else "")
    for is_allowed in (True, False)
    for is_own in (True, False)
}


def look_of(given: QueryDict) -> Look:
    """Return what a query asks to see; what makes no sense is as if it were not there."""
    kind = given.get("kind", "")
    page = given.get("page", "")
    return Look(
        term=given.get("q", "").strip()[:100],
        kind=kind if kind in KINDS else "",
        within=_id(given.get("in", "")),
        open_id=_id(given.get("open", "")),
        page=int(page) if page.isdecimal() and len(page) < 6 else 1,
    )


def nodes_of(rows: Sequence[PolicyRow]) -> set[UUID]:
    """Return the nodes that decide about some rows."""
    return {node.id for row in rows for node in row.path}


def query_of(look: Look) -> str:
    """Return a look without its page and what is open, as a query."""
    values = {"q": look.term, "kind": look.kind, "in": look.within and str(look.within)}
    return urlencode({key: value for key, value in values.items() if value})


def matrix_context(
    request: HttpRequest,
    site: ProductSite,
    scope: Scope,
    *,
    label: str,
    home: str,
    columns: Sequence[Column],
    row_of: Callable[[Sequence[PolicyRow]], Callable[[PolicyRow], Row]],
) -> dict[str, Any]:
    """Return what the template of a matrix needs.

    `row_of` is given all nodes of the page, so that it reads only what decides about those.
    """
    look = look_of(request.GET)
    matrix = matrix_of(site.product, scope, look)
    ticked = {key: None for text in request.GET.getlist("node") if (key := _id(text))}
    shown = {row.node.id for row in matrix.rows}
    make = row_of(matrix.rows)
    return {
        "label": label,
        "home": home,
        "look": look,
        "query": query_of(look),
        "columns": columns,
        "rows": [_placed(make(row), matrix, look, home, ticked) for row in matrix.rows],
        "page": matrix.page,
        "matching": matrix.matching,
        "within": _name_of(matrix, look),
        "kinds": _kinds(),
        "ticked_things": set(request.GET.getlist("thing")),
        # What was ticked on another page stays so.
        "ticked_elsewhere": [key for key in ticked if key not in shown][:MOST_TICKED],
    }


def _placed(row: Row, matrix: Matrix, look: Look, home: str, ticked: dict[UUID, None]) -> Row:
    node = row.row.node
    return Row(
        row=row.row,
        cells=row.cells,
        html=row.html,
        is_locked=row.is_locked,
        href=row.href,
        open_href="" if look.is_list else _open_href(row.row, look, home),
        more=[_more(each, home) for each in matrix.more.get(node.id, ())],
        is_ticked=node.id in ticked,
    )


def _open_href(row: PolicyRow, look: Look, home: str) -> str:
    """Return where a node is opened, or closed again."""
    if row.node.kind in {"global", "member"}:
        return ""
    query: dict[str, Any] = {"page": look.page} if look.page > 1 else {}
    if not row.is_open:
        query["open"] = row.node.id
    elif row.node.kind == "team":
        # Its organization stays open.
        query["open"] = row.path[-2].id
    return f"{home}?{urlencode(query)}" if query else home


def _more(more: More, home: str) -> tuple[str, str]:
    if more.kind == "team":
        words = ngettext("%d more team", "%d more teams", more.count)
    else:
        words = ngettext("%d more member", "%d more members", more.count)
    href = f"{home}?{urlencode({'kind': more.kind, 'in': more.within})}"
    return words % more.count, href


def _name_of(matrix: Matrix, look: Look) -> str:
    """Return what a list is narrowed to, by name."""
    if look.within is None:
        return ""
    for row in matrix.rows:
        for node in row.path:
            if node.id == look.within:
                return node.label
    return _("one node")


def _kinds() -> list[tuple[str, str]]:
    return [
        ("", _("Everything")),
        ("organization", _("Organizations")),
        ("team", _("Teams")),
        ("member", _("Members")),
    ]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
