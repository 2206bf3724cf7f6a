"""Overflow statements as files: CSV with exact amounts, and a PDF to go with an invoice."""

import csv
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from django.http import HttpResponse
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from core.credits.cycle_figures import Drawn
from core.kit.money import format_credits
from superadmin.selectors.statements import FullStatement
from superadmin.templatetags.platform import moment_in
from tenants.models import StatementSummary

# What the answer may hold in memory.
MOST_ROWS = 100_000
_FONTS = Path(__file__).parent / "fonts"
_HEAD = (
    "account",
    "short name",
    "product",
    "cycle",
    "from",
    "to",
    "drawn credits",
    "covered credits",
    "credits to bill",
    "limit credits",
    "state",
    "invoice",
    "frozen at",
    "invoiced at",
    "settled at",
)


def summaries_csv(rows: Iterable[StatementSummary]) -> HttpResponse:
    """Return statements as a CSV file, one row each."""
    response = _attachment("text/csv; charset=utf-8", "overflow-statements.csv")
    out = csv.writer(response)
    out.writerow(_HEAD)
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            out.writerow([f"Only the newest {MOST_ROWS:,} rows fit: choose a filter."])
            break
        out.writerow(_cells(row))
    return response


def statement_csv(full: FullStatement) -> HttpResponse:
    """Return one statement as a CSV file: itself, then who drew it, for which LLMs."""
    response = _attachment("text/csv; charset=utf-8", f"{_name(full.summary)}.csv")
    out = csv.writer(response)
    out.writerow(_HEAD)
    out.writerow(_cells(full.summary))
    for title, drawn in (("organization", full.by_organization), ("llm", full.by_llm)):
        out.writerow(())
        out.writerow((title, "drawn credits", "calls"))
        for one in drawn:
            out.writerow((_text(one.name), format_credits(one.amount), one.calls))
    return response


def statement_pdf(full: FullStatement) -> HttpResponse:
    """Return one statement as a PDF."""
    _register_fonts()
    summary, buffer = full.summary, BytesIO()
    title = _("Overflow statement")
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=22 * mm,
        bottomMargin=22 * mm,
        title=f"{title} {_name(summary)}",
        author="Cockpit",
        # The same statement gives the same file.
        invariant=1,
    )
    document.build(
        [
            Paragraph(_safe(title), _style(size=18, bold=True, after=2)),
            Paragraph(_safe(_about(summary)), _style(size=11, after=8)),
            _facts(full),
            *_section(_("Drawn by organization"), full.by_organization),
            *_section(_("Drawn by LLM"), full.by_llm),
            Spacer(0, 8 * mm),
            Paragraph(_safe(_small_print()), _style(size=8, grey=True)),
        ]
    )
    response = _attachment("application/pdf", f"{_name(summary)}.pdf")
    response.write(buffer.getvalue())
    return response


def _facts(full: FullStatement) -> Table:
    summary, zone = full.summary, full.summary.account.time_zone
    rows = [
        (_("From"), moment_in(summary.starts_at, zone)),
        (_("To"), moment_in(summary.ends_at, zone)),
        (_("Credit line"), _credits(summary.limit_microcredits)),
        (_("Drawn on the line"), _credits(summary.used_microcredits)),
        (_("Covered by what was left"), _credits(-summary.covered_microcredits)),
        (_("To bill"), _credits(summary.amount_microcredits)),
        (_("State"), str(summary.get_state_display())),
        (_("Invoice"), summary.reference or "–"),
    ]
    return _table([(_cell(label), _cell(value, is_end=True)) for label, value in rows], strong=5)


def _section(title: str, drawn: Iterable[Drawn]) -> list[Any]:
    rows = [
        (
            _cell(one.name or _("Without an organization")),
            _cell(f"{one.calls:,}", is_end=True),
            _cell(_credits(one.amount), is_end=True),
        )
        for one in drawn
    ]
    if not rows:
        return []
    head = (_cell(""), _cell(_("Calls"), is_end=True), _cell(_("Credits"), is_end=True))
    return [
        Spacer(0, 7 * mm),
        Paragraph(_safe(title), _style(size=11, bold=True, after=3)),
        _table([head, *rows]),
    ]


def _table(rows: list[Any], *, strong: int | None = None) -> Table:
    widths = [166 * mm - 45 * mm * (len(rows[0]) - 1), *[45 * mm] * (len(rows[0]) - 1)]
    if len(rows[0]) == 2:
        widths = [66 * mm, 100 * mm]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#d4d4d8")),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    if strong is not None:
        style.append(("BACKGROUND", (0, strong), (-1, strong), colors.HexColor("#f4f4f5")))
    return Table(rows, colWidths=widths, style=TableStyle(style), hAlign="LEFT")


def _about(summary: StatementSummary) -> str:
    return _("%(account)s (%(slug)s) · %(product)s · cycle %(number)s") % {
        "account": summary.account.name,
        "slug": summary.account.slug,
        "product": summary.product.capitalize(),
        "number": summary.cycle_number,
    }


def _small_print() -> str:
    return _(
        "Overflow is drawn only when all other credits are used. At the end of the cycle it is "
        "first covered by what is left unallocated and in the pool; the rest is billed. The "
        "figures were frozen when the cycle was closed and do not change."
    )


def _cell(text: str, *, is_end: bool = False) -> Paragraph:
    return Paragraph(_safe(text), _style(size=9.5, is_end=is_end))


def _style(
    *,
    size: float,
    bold: bool = False,
    grey: bool = False,
    is_end: bool = False,
    after: float = 0,
) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName="DejaVu-Bold" if bold else "DejaVu",
        fontSize=size,
        leading=size * 1.35,
        alignment=2 if is_end else 0,
        spaceAfter=after * mm,
        textColor=colors.HexColor("#71717a" if grey else "#18181b"),
        wordWrap="LTR",
        splitLongWords=1,
    )


@cache
def _register_fonts() -> None:
    # PDF's own fonts stop at Western Europe.
    pdfmetrics.registerFont(TTFont("DejaVu", _FONTS / "DejaVuSans.ttf"))
    pdfmetrics.registerFont(TTFont("DejaVu-Bold", _FONTS / "DejaVuSans-Bold.ttf"))


def _cells(row: StatementSummary) -> tuple[object, ...]:
    return (
        _text(row.account.name),
        row.account.slug,
        row.product,
        row.cycle_number,
        row.starts_at.isoformat(),
        row.ends_at.isoformat(),
        format_credits(row.used_microcredits),
        format_credits(row.covered_microcredits),
        format_credits(row.amount_microcredits),
        format_credits(row.limit_microcredits),
        row.state,
        _text(row.reference),
        row.frozen_at.isoformat(),
        row.invoiced_at.isoformat() if row.invoiced_at else "",
        row.settled_at.isoformat() if row.settled_at else "",
    )


def _attachment(kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _name(summary: StatementSummary) -> str:
    return f"overflow-{summary.account.slug}-{summary.product}-{summary.cycle_number}"


def _credits(amount: int) -> str:
    whole, _point, fraction = format_credits(abs(amount)).partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}{int(whole):,}.{fraction}" if fraction else f"{sign}{int(whole):,}"


def _safe(text: object) -> str:
    return escape(str(text))


def _text(name: str) -> str:
    # A name that starts like a formula would run in a spreadsheet.
    return f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r"} else name
