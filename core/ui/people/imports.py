"""Importing people: the file, then which column holds what. What follows is the job's page."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import Scope, scope_of
from core.hierarchy.product import Product
from core.people.models import JobKind, PeopleJob
from core.people.reading import MOST_BYTES, MOST_ROWS, Table, decode, guess_columns, read_table
from core.people.selectors import job_for
from core.people.services import jobs
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from core.ui.people.jobs import link_for_invitations

_SAMPLES = 5
_LABELS = {
    "email": gettext_lazy("E-mail address"),
    "name": gettext_lazy("Name"),
    "first_name": gettext_lazy("First name"),
    "last_name": gettext_lazy("Last name"),
    "organization": gettext_lazy("Organization"),
    "team": gettext_lazy("Team"),
    "primary": gettext_lazy("Primary place (yes or no)"),
}


class FileForm(CockpitForm):
    """Takes the file."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        help_text=gettext_lazy(
            "The first line names the columns. Separated by comma, semicolon or tab."
        ),
    )


class ColumnsForm(CockpitForm):
    """Says which column holds what, and what the import may do."""

    def __init__(self, *args: Any, table: Table, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        columns = [
            ("", _("not in the file")),
            *(
                (str(at), title or _("column %d") % (at + 1))
                for at, title in enumerate(table.header)
            ),
        ]
        for name, label in _LABELS.items():
            self.fields[name] = forms.ChoiceField(
                label=label, choices=columns, required=name == "email"
            )
        if scope.everything or scope.organizations:
            self.fields["creates_places"] = forms.BooleanField(
                label=_("Create organizations and teams that are missing")
                if scope.everything
                else _("Create teams that are missing"),
                required=False,
            )
        if scope.everything:
            self.fields["renames"] = forms.BooleanField(
                label=_("Change names that differ from the file"), required=False
            )
        self.fields["invites"] = forms.BooleanField(
            label=_("Send invitations to people who are new"),
            help_text=_("Otherwise you can send them later from the list of members."),
            required=False,
        )

    @property
    def columns(self) -> dict[str, int]:
        """Which column holds what, as chosen."""
        chosen = {name: self.cleaned_data.get(name, "") for name in _LABELS}
        return {name: int(at) for name, at in chosen.items() if at != ""}

    @property
    def column_fields(self) -> list[Any]:
        """The fields that choose columns."""
        return [self[name] for name in _LABELS]

    @property
    def option_fields(self) -> list[Any]:
        """The fields that say what the import may do."""
        return [field for field in self if field.name not in _LABELS]


def urls(product: Product) -> list[URLPattern]:
    """Return the routes of an import's first two steps."""
    manage = f"{product.slug}.manage_hierarchy"
    prefix = f"{product.slug}_member"
    crumbs = ((_("Members"), f"/{product.slug}/member/"),)

    @page(permission=manage, methods=("GET", "POST"))
    def upload(request: HttpRequest) -> HttpResponse:
        form = FileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                job = _draft(request, form.cleaned_data["file"])
                return HttpResponseRedirect(reverse(f"admin:{prefix}_columns", args=(job.pk,)))
        return render_page(
            request,
            "cockpit/people/import.html",
            title=_("Import people"),
            status=form.http_status,
            crumbs=crumbs,
            form=form,
            megabytes=MOST_BYTES // 1024 // 1024,
            most_rows=MOST_ROWS,
            name=product.title,
        )

    def _draft(request: HttpRequest, file: Any) -> PeopleJob:
        text = decode(file.read(MOST_BYTES + 1))
        read_table(text)
        return jobs.create_job(
            product=product,
            kind=JobKind.IMPORT,
            title=str(file.name),
            user_id=request.user.pk,  # type: ignore[arg-type]
            actor=actor_of(request),
            options=link_for_invitations(request),
            source=text,
        )

    @page(permission=manage, methods=("GET", "POST"))
    def columns(request: HttpRequest, job_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, product.slug)
        job = job_for(product, scope, request.user, job_id)
        home = reverse(f"admin:{prefix}_job", args=(job.pk,))
        if not job.source:
            return HttpResponseRedirect(home)
        table = read_table(job.source)
        guess = job.options.get("columns") or guess_columns(table.header)
        form = ColumnsForm(
            request.POST or None,
            table=table,
            scope=scope,
            initial={"renames": True, **job.options, **guess},
        )
        if request.method == "POST" and form.is_valid():
            options = {
                name: form.cleaned_data.get(name, False)
                for name in ("creates_places", "renames", "invites")
            }
            with problems_as_form_errors(form):
                jobs.check_job(job=job, options={**options, "columns": form.columns})
                return HttpResponseRedirect(home)
        return render_page(
            request,
            "cockpit/people/columns.html",
            title=_("Which column holds what"),
            status=form.http_status,
            crumbs=(*crumbs, (_("Import people"), reverse(f"admin:{prefix}_import"))),
            form=form,
            job=job,
            header=table.header,
            samples=table.rows[:_SAMPLES],
            rows=len(table.rows),
        )

    return [
        path("import/", upload, name=f"{prefix}_import"),
        path("jobs/<uuid:job_id>/columns/", columns, name=f"{prefix}_columns"),
    ]
