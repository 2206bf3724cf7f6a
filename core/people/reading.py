"""Reading a table of people from an uploaded file. Pure: bytes in, rows of text out."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from core.people.errors import UnreadableFile

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 20_000
_MOST_COLUMNS = 50
_DELIMITERS = (",", ";", "\t")

# What a column may be called, in lower case, without spaces, dashes and underscores.
_GUESSES: dict[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "mail", "emailadresse", "login", "upn", "userprincipalname"),
    "name": ("name", "fullname", "displayname", "member", "person", "vollername"),
    "first_name": ("firstname", "givenname", "vorname", "prenom"),
    "last_name": ("lastname", "surname", "familyname", "nachname", "nom"),
    "organization": ("organization", "organisation", "org", "company", "division", "department"),
    "team": ("team", "group", "gruppe", "squad"),
    "primary": ("primary", "primaryplace", "isprimary", "main"),
}
FIELDS = tuple(_GUESSES)


@dataclass(frozen=True, slots=True)
class Table:
    """The header of a file and the rows below it, cells stripped, empty rows left out.

    `numbers` are the rows' lines as a spreadsheet shows them; the header is line 1.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]


def decode(content: bytes) -> str:
    """Return an uploaded file as text: UTF-8 with or without BOM, UTF-16, or else Latin-1.

    Raises:
        UnreadableFile: it is empty, too large, or no text.
    """
    if not content.strip():
        raise UnreadableFile("The file is empty.")
    if len(content) > MOST_BYTES:
        raise UnreadableFile(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        # Excel writes Windows' superset of Latin-1; a few bytes are in neither.
        encodings = ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise UnreadableFile("This is no text file. Save the table as CSV and upload that.")


def read_table(text: str) -> Table:
    """Return the rows of a CSV text, separated by comma, semicolon or tab.

    Raises:
        UnreadableFile: no header, no rows, too many rows or columns, or broken quotes.
    """
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        header, rows, numbers = _rows_of(text, delimiter)
    except csv.Error as error:
        raise UnreadableFile(f"The file is not a proper CSV file: {error}.") from None
    if not any(header):
        raise UnreadableFile("The first line must name the columns.")
    if not rows:
        raise UnreadableFile("There is nothing below the first line.")
    return Table(header, tuple(rows), tuple(numbers))


def _rows_of(text: str, delimiter: str) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for line in reader:
        cells = tuple(" ".join(cell.split()) for cell in line)
        if not any(cells):
            continue
        if not header:
            header = cells
            if len(header) > _MOST_COLUMNS:
                raise UnreadableFile(f"The file has more than {_MOST_COLUMNS} columns.")
            continue
        if len(rows) == MOST_ROWS:
            raise UnreadableFile(
                f"The file has more than {MOST_ROWS:,} rows. Split it and import one after another."
            )
        rows.append(cells)
        numbers.append(reader.line_num)
    return header, rows, numbers


def guess_columns(header: Sequence[str]) -> dict[str, int]:
    """Return which column holds which field, as far as the names tell."""
    found: dict[str, int] = {}
    for place, title in enumerate(header):
        plain = "".join(letter for letter in title.lower() if letter.isalnum())
        for field, names in _GUESSES.items():
            if plain in names and field not in found:
                found[field] = place
    return found


def cells_of(row: Sequence[str], columns: dict[str, int]) -> dict[str, str]:
    """Return the named cells of a row. What an export protected against formulas is freed again."""

    def cell(field: str) -> str:
        place = columns.get(field)
        text = row[place] if place is not None and place < len(row) else ""
        return text[1:] if text[:1] == "'" and is_formula(text[1:]) else text

    name = cell("name") or " ".join(filter(None, (cell("first_name"), cell("last_name"))))
    return {
        "email": cell("email").lower(),
        "name": name,
        "organization": cell("organization"),
        "team": cell("team"),
        "primary": cell("primary").lower(),
    }


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell instead of showing it."""
    return text[:1] in {"=", "+", "-", "@", "\t", "\r"}


def protected(text: str) -> str:
    """Return a cell as a spreadsheet may open it safely."""
    return f"'{text}" if is_formula(text) else text
