"""One overflow statement in full, the way to being paid, and all of them as a file."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.kit.money import format_credits
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from superadmin.plan_forms import InvoiceForm, SettleForm
from superadmin.selectors.statements import (
    FullStatement,
    every_summary,
    full_statement,
    summary_with,
)
from superadmin.statement_files import statement_csv, statement_pdf, summaries_csv
from tenants.services import statements as services

_PERMISSION = "platform.manage_credits"


@page(permission=_PERMISSION)
def statement_page(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Show where the amount comes from and how far the statement is."""
    return _show(request, full_statement(statement_id))


@page(permission=_PERMISSION, methods=("POST",))
def invoice(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Say that it has been billed."""
    summary = summary_with(statement_id)
    form = InvoiceForm(request.POST, name="invoice")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.invoice_statement(
                account=summary.account,
                statement_id=summary.pk,
                **form.cleaned_data,
                actor=actor_of(request),
            )
            messages.success(request, _("The statement is invoiced."))
            return _back(statement_id)
    return _show(request, full_statement(statement_id), invoice=form)


@page(permission=_PERMISSION, methods=("POST",))
def settle(request: HttpRequest, statement_id: UUID) -> HttpResponse:
    """Say that it has been paid."""
    summary = summary_with(statement_id)
    form = SettleForm(request.POST, name="settle")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.settle_statement(
                account=summary.account,
                statement_id=summary.pk,
                **form.cleaned_data,
                actor=actor_of(request),
            )
            messages.success(request, _("The statement is settled."))
            return _back(statement_id)
    return _show(request, full_statement(statement_id), settle=form)


@page(permission=_PERMISSION)
def as_csv(request: HttpRequest, statement_id: UUID) -> HttpResponse:  # noqa: ARG001
    """The statement and who drew it, as a CSV file."""
    return statement_csv(full_statement(statement_id))


@page(permission=_PERMISSION)
def as_pdf(request: HttpRequest, statement_id: UUID) -> HttpResponse:  # noqa: ARG001
    """The statement as a PDF, to go with an invoice."""
    return statement_pdf(full_statement(statement_id))


@page(permission=_PERMISSION)
def export(request: HttpRequest) -> HttpResponse:
    """Every statement that matches the list's filters, as a CSV file."""
    return summaries_csv(
        every_summary(
            state=request.GET.get("state", ""),
            product=request.GET.get("product", ""),
            # Postgres takes no NUL in text.
            search=request.GET.get("q", "").replace("\x00", ""),
        )
    )


def _show(request: HttpRequest, full: FullStatement, **bound: Any) -> HttpResponse:
    statement = full.summary
    return render_page(
        request,
        "superadmin/statement/page.html",
        title=_("%(account)s, %(product)s cycle %(number)s")
        % {
            "account": statement.account.name,
            "product": statement.product.capitalize(),
            "number": statement.cycle_number,
        },
        crumbs=((_("Overflow statements"), reverse("admin:tenants_statementsummary_changelist")),),
        status=422 if bound else 200,
        full=full,
        statement=statement,
        account=statement.account,
        exact=format_credits(statement.amount_microcredits),
        invoice_form=bound.get("invoice") or InvoiceForm(name="invoice"),
        settle_form=bound.get("settle") or SettleForm(name="settle"),
    )


def _back(statement_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("platform:statement", args=(statement_id,)))
