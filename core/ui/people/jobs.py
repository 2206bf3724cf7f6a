"""The page of an import or an act on many: how far it is, what each row does, the report."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import scope_of
from core.hierarchy.product import Product
from core.people.files import report_of
from core.people.models import JobKind, JobState, PeopleJob, RowOutcome
from core.people.selectors import job_for, jobs_for, rows_of
from core.people.services import jobs
from core.tenancy.context import in_account
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages, render_page

PAGE_SIZE = 100
_LAST = 20


def urls(product: Product) -> list[URLPattern]:  # noqa: C901  one short view a route
    """Return the routes of jobs."""
    manage = f"{product.slug}.manage_hierarchy"
    prefix = f"{product.slug}_member"
    crumbs = (
        (_("Members"), f"/{product.slug}/member/"),
        (_("Imports and acts"), f"/{product.slug}/member/jobs/"),
    )

    def named(request: HttpRequest, job_id: UUID) -> PeopleJob:
        scope = scope_of(request.user, product.slug)
        return job_for(product, scope, request.user, job_id)

    @page(permission=manage)
    def every(request: HttpRequest) -> HttpResponse:
        rows = jobs_for(product, scope_of(request.user, product.slug), request.user)
        return render_page(
            request,
            "cockpit/people/jobs.html",
            title=_("Imports and acts"),
            crumbs=crumbs[:1],
            jobs=[(job, address(job)) for job in rows[:_LAST]],
            import_path=reverse(f"admin:{prefix}_import"),
        )

    def address(job: PeopleJob) -> str:
        is_draft = job.state == JobState.DRAFT
        return reverse(f"admin:{prefix}_{'columns' if is_draft else 'job'}", args=(job.pk,))

    @page(permission=manage)
    def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = named(request, job_id)
        if job.state == JobState.DRAFT:
            return HttpResponseRedirect(address(job))
        outcome, after = _asked(request)
        rows = list(rows_of(job, outcome=outcome, after=after)[: PAGE_SIZE + 1])
        return render_page(
            request,
            "cockpit/people/job.html",
            title=job.title,
            fragment="job",
            crumbs=crumbs,
            job=job,
            is_import=job.kind == JobKind.IMPORT,
            is_checked=job.state == JobState.READY,
            is_done=job.state == JobState.DONE,
            is_at_work=job.is_at_work,
            home=address(job),
            counts=[
                (kind.value, label, job.counted.get(kind.value, 0))
                for kind, label in _COUNTED.items()
            ],
            to_do=sum(job.counted.get(each, 0) for each in (RowOutcome.NEW, RowOutcome.CHANGED)),
            outcome=outcome,
            rows=rows[:PAGE_SIZE],
            further=rows[PAGE_SIZE - 1].number if len(rows) > PAGE_SIZE else None,
            columns_path=reverse(f"admin:{prefix}_columns", args=(job.pk,)),
        )

    @page(permission=manage, methods=("POST",))
    def start(request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = named(request, job_id)
        with problems_as_messages(request):
            jobs.start_job(job=job, actor=actor_of(request))
        return HttpResponseRedirect(address(job))

    @page(permission=manage, methods=("POST",))
    def drop(request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = named(request, job_id)
        is_untouched = job.state in {JobState.DRAFT, JobState.CHECKING, JobState.READY}
        stopped = _("Stopped. What was done stays done.")
        with problems_as_messages(
            request, done=_("Discarded. Nothing was changed.") if is_untouched else stopped
        ):
            jobs.drop_job(job=job)
        return HttpResponseRedirect(reverse(f"admin:{prefix}_jobs"))

    @page(permission=manage)
    def report(request: HttpRequest, job_id: UUID) -> HttpResponse:
        job, account = named(request, job_id), request.account  # type: ignore[attr-defined]

        def lines() -> Iterator[str]:
            # The server reads these after the request has left the account.
            with in_account(account):
                yield from report_of(job)

        response: Any = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="report.csv"'
        return response  # type: ignore[no-any-return]

    one = "jobs/<uuid:job_id>/"
    return [
        path("jobs/", every, name=f"{prefix}_jobs"),
        path(one, show, name=f"{prefix}_job"),
        path(f"{one}start/", start, name=f"{prefix}_job_start"),
        path(f"{one}drop/", drop, name=f"{prefix}_job_drop"),
        path(f"{one}report.csv", report, name=f"{prefix}_job_report"),
    ]


def _asked(request: HttpRequest) -> tuple[str, int]:
    """Return which rows to show: of one outcome, after one number."""
    outcome, after = request.GET.get("outcome", ""), request.GET.get("after", "")
    number = int(after) if after.isdecimal() and len(after) < 9 else 0
    return outcome if outcome in RowOutcome.values else "", number


_COUNTED = {
    RowOutcome.NEW: gettext_lazy("New"),
    RowOutcome.CHANGED: gettext_lazy("Changed"),
    RowOutcome.UNCHANGED: gettext_lazy("Unchanged"),
    RowOutcome.ERROR: gettext_lazy("Errors"),
}


def link_for_invitations(request: HttpRequest) -> dict[str, str]:
    """Return what a job needs to write an invitation: a link with TOKEN in it, the company."""
    link = request.build_absolute_uri(reverse("invitation", args=("TOKEN",)))
    return {"link": link, "company": request.account.name}  # type: ignore[attr-defined]
