"""Allocations as a CSV file, out and in. What comes in is shown before it is applied."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _, gettext_lazy

from core.credits.selectors import book_of, open_cycle_of
from core.credits.services.allocating_many import allocate_many
from core.credits.statements_of_wallets import statement_of
from core.hierarchy.allocation_file import HEADER, allocation_rows, plan_file, rows_of
from core.hierarchy.node_wallets import wallet_for
from core.hierarchy.wallets import statement_rows
from core.kit.ids import uuid7
from core.kit.problems import Problem
from core.kit.tables import csv_lines
from core.tenancy.context import in_account
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import render_page
from core.ui.product.credits.shared import bound, cycle_named, home_of, scope_in, sentence_of
from core.ui.product.urls import ProductSite

MOST_BYTES = 4_000_000
_CSV = "text/csv; charset=utf-8"


class FileForm(CockpitForm):
    """A file of allocations, chosen or pasted."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "Start from the file that you get here; empty cells change nothing."
        ),
        required=False,
    )
    text = forms.CharField(widget=forms.Textarea, required=False, max_length=MOST_BYTES)
    nonce = forms.UUIDField(widget=forms.HiddenInput)
    # The plan that was looked at, for who applies it.
    seen = forms.CharField(required=False, max_length=64)

    def text_sent(self) -> str:
        """Return the text of the file.

        Raises:
            ValidationError: it is none, or is too large.
        """
        return self.cleaned_data["text"] or _text_of(self.cleaned_data["file"])


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of files."""
    return [
        path("credits/allocations.csv", bound(site, file, "view_credits"), name="credits-file"),
        path(
            "credits/import/",
            bound(site, come_in, "manage_credits", methods=("GET", "POST")),
            name="credits-import",
        ),
        path(
            "credits/<uuid:wallet_id>/statement.csv",
            bound(site, statement, "view_credits"),
            name="credits-statement",
        ),
    ]


def file(site: ProductSite, request: HttpRequest) -> HttpResponseBase:
    cycle = cycle_named(site, request.GET.get("cycle", "")) or open_cycle_of(book_of(site.slug))
    scope, account = scope_in(request, site), request.account  # type: ignore[attr-defined]

    def lines() -> Iterator[str]:
        # The server reads these after the request has left the account.
        with in_account(account):
            yield from csv_lines(chain([HEADER], allocation_rows(site.product, scope, cycle)))

    return _attached(
        StreamingHttpResponse(lines(), content_type=_CSV), f"{site.slug}-credits-{cycle.number}.csv"
    )


def statement(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponseBase:
    found = wallet_for(site.product, scope_in(request, site), wallet_id)
    past = cycle_named(site, request.GET.get("cycle", ""))
    cycle = past or open_cycle_of(found.wallet.book)
    rows = statement_rows(site.product, statement_of(found.wallet, cycle))
    return _attached(
        HttpResponse("".join(csv_lines(rows)), content_type=_CSV), f"statement-{cycle.number}.csv"
    )


def come_in(site: ProductSite, request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None, initial={"nonce": uuid7()})
    plan, text = None, ""
    if form.is_valid():
        try:
            text = form.text_sent()
            plan = plan_file(site.product, scope_in(request, site), rows_of(text))
            if "apply" in request.POST and form.cleaned_data["seen"] not in {"", plan.mark}:
                form.add_error(None, _("Allocations have changed since. Look at it again."))
            elif "apply" in request.POST and plan.is_fine:
                allocate_many(
                    book=book_of(site.slug),
                    amounts=plan.amounts,
                    actor=actor_of(request),
                    idempotency_key=f"page:{form.cleaned_data['nonce']}",
                    reason=_("From a file"),
                )
                messages.success(request, _("%s allocations are set.") % len(plan.amounts))
                return HttpResponseRedirect(home_of(site))
        except forms.ValidationError as error:
            form.add_error(None, error)
        except Problem as problem:
            form.add_error(None, sentence_of(site.product, problem))
    return render_page(
        request,
        "product/import_credits.html",
        title=_("Allocations from a file"),
        crumbs=[(_("Credits"), home_of(site))],
        status=form.http_status,
        form=form,
        plan=plan,
        text=text,
        nonce=request.POST.get("nonce") or uuid7(),
        home_url=f"{site.slug}:credits",
        file_url=f"{site.slug}:credits-file",
    )


def _attached(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _text_of(file: Any) -> str:
    if not file:
        raise forms.ValidationError(_("Choose a file."))
    if file.size > MOST_BYTES:
        raise forms.ValidationError(_("The file is larger than 4 MB."))
    file.seek(0)
    try:
        return str(file.read().decode())
    except UnicodeDecodeError:
        raise forms.ValidationError(_("The file is not text in UTF-8.")) from None
