"""The inbox: what somebody was told, newest first. Each person sees their own only."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext

from core.identity.models import User
from core.notifications import selectors, services
from core.ui.pages import is_partial, page, render_page

_TEMPLATE = "cockpit/notifications.html"
_PAGE = 30
_LATEST = 6


@page(permission="")
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the notifications of whoever asks, by cursor."""
    # Postgres takes no NUL in text.
    kind = request.GET.get("kind", "").replace("\x00", "")[:64]
    return _show(
        request,
        kind=kind,
        only_unread=request.GET.get("show") == "unread",
        before=_id(request.GET.get("before", "")),
    )


@page(permission="")
def bell(request: HttpRequest) -> HttpResponse:
    """Return the bell afresh; the page in view asks for it once a minute."""
    return _fragment(request, "bell")


@page(permission="")
def latest(request: HttpRequest) -> HttpResponse:
    """Return the latest few, for the panel below the bell."""
    rows = selectors.notifications_of(_me(request), limit=_LATEST)
    return _fragment(request, "latest", rows=rows)


@page(permission="", methods=("POST",))
def open_link(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Mark a notification as read and go where it leads."""
    found = selectors.notification_of(_me(request), notification_id)
    services.mark_read(user=_me(request), notification_id=found.pk)
    return HttpResponseRedirect(found.link or reverse("notifications"))


@page(permission="", methods=("POST",))
def read(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """Mark one notification as read, and show it as it is now."""
    row = selectors.notification_of(_me(request), notification_id)
    services.mark_read(user=_me(request), notification_id=row.pk)
    row.refresh_from_db()
    if not is_partial(request):
        return HttpResponseRedirect(reverse("notifications"))
    return _fragment(request, "read", row=row)


@page(permission="", methods=("POST",))
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    marked = services.mark_all_read(user=_me(request))
    messages.success(
        request,
        ngettext("%d marked as read.", "%d marked as read.", marked) % marked
        if marked
        else _("Everything was read already."),
    )
    return HttpResponseRedirect(reverse("notifications"))


@page(permission="", methods=("POST",))
def choose_mail(request: HttpRequest) -> HttpResponse:
    """Set which kinds of news come by mail too; the form stands on the profile."""
    services.choose_mail(user=_me(request), wanted=request.POST.getlist("kind"))
    messages.success(request, _("Your choice is saved."))
    return HttpResponseRedirect(f"{reverse('profile')}#notifications")


def _show(
    request: HttpRequest, *, kind: str, only_unread: bool, before: UUID | None
) -> HttpResponse:
    # One more than is shown tells whether there are earlier ones, without counting.
    rows = selectors.notifications_of(
        _me(request), kind=kind, only_unread=only_unread, before=before, limit=_PAGE + 1
    )
    return render_page(
        request,
        _TEMPLATE,
        title=_("Notifications"),
        fragment="rows" if before else "list",
        rows=rows[:_PAGE],
        earlier=rows[_PAGE - 1].pk if len(rows) > _PAGE else None,
        kind=kind,
        only_unread=only_unread,
        is_filtered=bool(kind or only_unread),
        is_earlier=before is not None,
        unread=selectors.unread_count(_me(request)),
        kinds=selectors.kinds_of(_me(request)),
    )


def _fragment(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    """Return a part of the inbox; its address without HTMX gives the inbox."""
    if not is_partial(request):
        return _show(request, kind="", only_unread=False, before=None)
    return render_page(
        request, _TEMPLATE, title="", fragment=name, **context, unread=_unread(request)
    )


def _unread(request: HttpRequest) -> int:
    return selectors.unread_count(_me(request))


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
