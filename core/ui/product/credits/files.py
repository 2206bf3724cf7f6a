"""Allocations as a CSV file, out and in. What comes in is shown before it is applied."""

import csv
import io
import re
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _, gettext_lazy

from core.credits.models import Wallet
from core.credits.selectors import book_of, open_cycle_of
from core.credits.services.allocating_many import allocate_many
from core.credits.statements_of_wallets import WalletStatement, statement_of
from core.hierarchy.allocation_file import HEADER, MOST_ROWS, allocation_rows, plan_file
from core.hierarchy.node_wallets import wallet_for
from core.hierarchy.wallets import wallet_labels
from core.kit.ids import uuid7
from core.kit.money import format_credits
from core.kit.problems import Problem
from core.people.reading import is_formula
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import render_page
from core.ui.product.credits.shared import bound, cycle_named, home_of, scope_in, sentence_of
from core.ui.product.urls import ProductSite

MOST_BYTES = 4_000_000
# An amount that left; `-1+2` is none.
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)


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

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the file.

        Raises:
            ValidationError: it is none, is too large, or lacks a column.
        """
        text = self.cleaned_data["text"] or _text_of(self.cleaned_data["file"])
        try:
            reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
            rows = list(reader)
        except csv.Error as error:
            raise forms.ValidationError(_("This is not a CSV file: %s.") % error) from None
        if not {"wallet", "allocation"} <= set(reader.fieldnames or ()):
            raise forms.ValidationError(_("The file needs the columns wallet and allocation."))
        if len(rows) > MOST_ROWS:
            raise forms.ValidationError(_("The file has more than 20,000 rows."))
        return rows


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


def file(site: ProductSite, request: HttpRequest) -> HttpResponse:
    cycle = cycle_named(site, request.GET.get("cycle", "")) or open_cycle_of(book_of(site.slug))
    rows = allocation_rows(site.product, scope_in(request, site), cycle)
    return _csv(f"{site.slug}-credits-{cycle.number}.csv", [HEADER, *rows])


def statement(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    found = wallet_for(site.product, scope_in(request, site), wallet_id)
    past = cycle_named(site, request.GET.get("cycle", ""))
    cycle = past or open_cycle_of(found.wallet.book)
    made = statement_of(found.wallet, cycle)
    return _csv(f"statement-{cycle.number}.csv", statement_rows(site, made))


def come_in(site: ProductSite, request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None, initial={"nonce": uuid7()})
    plan, text = None, ""
    if form.is_valid():
        try:
            rows = form.rows()
            plan = plan_file(site.product, scope_in(request, site), rows)
            text = form.cleaned_data["text"] or _text_of(form.cleaned_data["file"])
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


def statement_rows(site: ProductSite, made: WalletStatement) -> list[tuple[Any, ...]]:
    """Return a statement as rows of a file."""
    others = Wallet.objects.filter(pk__in={line.other for line in made.lines if line.other})
    labels = wallet_labels(site.product, others)
    return [
        ("at", "kind", "from_or_to", "amount", "reason", "credited_so_far"),
        ("", "opening balance", "", format_credits(made.opening), "", format_credits(made.opening)),
        *(
            (
                f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
                line.kind.lower(),
                labels.get(line.other, "platform") if line.other else "platform",
                format_credits(line.amount),
                line.reason,
                format_credits(line.balance),
            )
            for line in made.lines
        ),
        ("", "used by calls", "", format_credits(-made.used), "", ""),
        ("", "closing balance", "", format_credits(made.closing), "", ""),
    ]


def _csv(name: str, rows: Any) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerows([[_inert(cell) for cell in row] for row in rows])
    return response


def _inert(cell: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; a number stays one."""
    text = str(cell)
    is_number = _NUMBER.fullmatch(text) is not None
    return f"'{text}" if is_formula(text) and not is_number else text


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
