"""The page before something is archived: what stands in the way, what stops, and why it is done."""

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.hierarchy.archiving import ArchivePreview
from core.ui.hierarchy.forms import ReasonForm
from core.ui.pages import render_page
from core.ui.templatetags.cockpit import credits

Crumbs = tuple[tuple[str, str], ...]


def archive_page(
    request: HttpRequest,
    preview: ArchivePreview,
    *,
    title: str,
    label: str,
    crumbs: Crumbs,
    teams: str = "",
    members: str = "",
) -> HttpResponse:
    """Show what archiving would stop; `teams` and `members` are where those are that go first."""
    return render_page(
        request,
        "cockpit/hierarchy/archive.html",
        title=title,
        crumbs=crumbs,
        home=crumbs[-1][1],
        preview=preview,
        label=label,
        teams=teams,
        members=members,
        effects=[(name, text) for name, tell in _TOLD for text in tell(preview)],
        form=ReasonForm(prefix="archive"),
    )


def _credits(preview: ArchivePreview) -> Iterator[str]:
    if preview.goes_back:
        amount = credits(preview.goes_back)
        yield _("%s free credits go back to where they came from.") % amount
    else:
        yield _("There are no free credits to give back.")
    if preview.rules:
        yield ngettext(
            "The allocation of %(amount)s credits a cycle ends.",
            "%(count)d allocations of %(amount)s credits a cycle together end.",
            preview.rules,
        ) % {"amount": credits(preview.allocated), "count": preview.rules}


def _places(preview: ArchivePreview) -> Iterator[str]:
    count = preview.places
    if count:
        yield ngettext("%d place is left empty.", "%d places are left empty.", count) % count


def _keys(preview: ArchivePreview) -> Iterator[str]:
    count = preview.keys
    if count:
        yield (
            ngettext("%d virtual key stops working.", "%d virtual keys stop working.", count)
            % count
        )


def _calls(preview: ArchivePreview) -> Iterator[str]:
    count = preview.calls.calls
    if count:
        yield (
            ngettext("%d running call is stopped.", "%d running calls are stopped.", count) % count
        )


def _rules(preview: ArchivePreview) -> Iterator[str]:
    set_here = [
        ngettext("%d LLM policy", "%d LLM policies", preview.policies) % preview.policies
        if preview.policies
        else "",
        ngettext("%d feature", "%d features", preview.features) % preview.features
        if preview.features
        else "",
        ngettext("%d cap", "%d caps", preview.caps) % preview.caps if preview.caps else "",
    ]
    told = ", ".join(filter(None, set_here))
    if told:
        yield _("Set here, and out of force until a restore: %s.") % told


def _admins(preview: ArchivePreview) -> Iterator[str]:
    names = ", ".join(preview.admins)
    if names and preview.places:
        yield _("They administer %s no longer. That does not come back with the seat.") % names
    elif names:
        yield _("%s will not administer it until it is restored.") % names


def _history(_preview: ArchivePreview) -> Iterator[str]:
    yield _("Usage and changes so far stay. It can be restored.")


_Tell = Callable[[ArchivePreview], Iterator[Any]]
_TOLD: tuple[tuple[Any, _Tell], ...] = (
    (gettext_lazy("Credits"), _credits),
    (gettext_lazy("Places"), _places),
    (gettext_lazy("Keys"), _keys),
    (gettext_lazy("Running work"), _calls),
    (gettext_lazy("Rules"), _rules),
    (gettext_lazy("Administrators"), _admins),
    (gettext_lazy("History"), _history),
)
