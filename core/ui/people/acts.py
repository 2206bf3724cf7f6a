"""Acts on a selection of members: what would happen, and then its start."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import scope_of
from core.hierarchy.product import Product
from core.people.effects import effects
from core.people.matching import matching
from core.people.models import JobKind, PeopleJob
from core.people.services import jobs
from core.ui.forms import CockpitForm
from core.ui.hierarchy.forms import Place, place_named
from core.ui.middleware import actor_of
from core.ui.pages import page, render_page
from core.ui.people.filters import Match, match_of
from core.ui.people.jobs import link_for_invitations
from core.ui.people.listing import to_list
from core.ui.picking import is_id

# What one page of the list can send.
_MOST_IDS = 500
_TITLES: dict[JobKind, Any] = {
    JobKind.PLACE: gettext_lazy("Add to %s"),
    JobKind.UNPLACE: gettext_lazy("Remove from %s"),
    JobKind.ARCHIVE: gettext_lazy("Take seats away"),
    JobKind.RESTORE: gettext_lazy("Give seats back"),
    JobKind.INVITE: gettext_lazy("Send invitations"),
}
_NEED_A_PLACE = (JobKind.PLACE, JobKind.UNPLACE)


class ActForm(CockpitForm):
    """Which act, on what place, and why."""

    act = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in _TITLES])
    target = forms.CharField(required=False, max_length=40)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("It stands in the audit log."),
    )


@dataclass(frozen=True, slots=True)
class _Act:
    """An act as the list sends it: on the members of these ids, or on all that match."""

    kind: JobKind
    place: Place | None
    reason: str
    ids: list[UUID]
    match: Match
    is_all: bool

    @property
    def title(self) -> str:
        title = str(_TITLES[self.kind])
        return title % (self.place[1] or self.place[0]) if self.place else title

    @property
    def target(self) -> str:
        return str((self.place[1] or self.place[0]).pk) if self.place else ""

    def rows(self, product: Product, scope: Any) -> Any:
        if self.is_all:
            return matching(product, scope, self.match.values)
        return matching(product, scope, {"state": "all"}).filter(pk__in=self.ids)


def urls(product: Product) -> list[URLPattern]:
    """Return the route of acts on a selection."""
    prefix = f"{product.slug}_member"

    @page(permission=f"{product.slug}.manage_hierarchy", methods=("POST",))
    def act(request: HttpRequest) -> HttpResponse:
        form = ActForm(request.POST)
        asked = _asked(request, product, form)
        if asked is None:
            return to_list(product, match_of(request.POST))
        if request.POST.get("confirmed"):
            job = _start(request, product, asked)
            return HttpResponseRedirect(reverse(f"admin:{prefix}_job", args=(job.pk,)))
        rows = asked.rows(product, scope_of(request.user, product.slug))
        return render_page(
            request,
            "cockpit/people/act.html",
            title=asked.title,
            crumbs=((_("Members"), reverse(f"admin:{prefix}_changelist")),),
            act=asked,
            needs_reason=asked.kind == JobKind.ARCHIVE,
            effects=effects(product, asked.kind, rows, asked.place),
            form=form,
        )

    return [path("act/", act, name=f"{prefix}_act")]


def _asked(request: HttpRequest, product: Product, form: ActForm) -> _Act | None:
    """Return what is to be done; None, with a message, where that cannot be told."""
    ids = [UUID(each) for each in request.POST.getlist("ids")[:_MOST_IDS] if is_id(each)]
    is_all = bool(request.POST.get("all"))
    if not form.is_valid() or not (ids or is_all):
        messages.error(request, _("Select members and what to do with them."))
        return None
    kind = JobKind(form.cleaned_data["act"])
    scope = scope_of(request.user, product.slug)
    place = (
        place_named(product, scope, form.cleaned_data["target"]) if kind in _NEED_A_PLACE else None
    )
    if place is None and kind in _NEED_A_PLACE:
        messages.error(request, _("Choose a team or an organization first."))
        return None
    return _Act(kind, place, form.cleaned_data["reason"], ids, match_of(request.POST), is_all)


def _start(request: HttpRequest, product: Product, asked: _Act) -> PeopleJob:
    """Start an act: at once where it is small, else as a job."""
    actor = actor_of(request)
    match = {"match": asked.match.values} if asked.is_all else {}
    job = jobs.create_job(
        product=product,
        kind=asked.kind,
        title=asked.title,
        user_id=UUID(actor.id),
        actor=actor,
        options={
            "place": asked.target,
            "reason": asked.reason,
            **match,
            **link_for_invitations(request),
        },
    )
    if not asked.is_all:
        rows = asked.rows(product, scope_of(request.user, product.slug)).order_by("pk")
        found = list(rows.values_list("pk", "user__email", "user__name"))
        jobs.add_rows(
            job=job,
            cells=[{"email": email, "name": name} for _pk, email, name in found],
            members=[pk for pk, _email, _name in found],
        )
    # Mail is never waited for.
    at_once = not asked.is_all and job.total <= jobs.AT_ONCE and asked.kind != JobKind.INVITE
    jobs.start_job(job=job, actor=actor, at_once=at_once)
    if at_once:
        jobs.work_off(job.pk)
    return job
