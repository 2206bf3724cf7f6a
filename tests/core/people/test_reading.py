"""Reading an uploaded file: encodings, separators, columns, and what is no table of people."""

import pytest

from core.people.errors import UnreadableFile
from core.people.reading import (
    MOST_BYTES,
    MOST_ROWS,
    cells_of,
    decode,
    guess_columns,
    protected,
    read_table,
)

TEXT = "E-Mail;Name\nzoë@acme.example;Zoë Groß\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-be").join((b"\xfe\xff", b"")),
        TEXT.encode("latin-1"),
        TEXT.encode("cp1252"),
    ],
    ids=["utf-8", "utf-8 with bom", "utf-16", "utf-16 big", "latin-1", "windows"],
)
def test_every_usual_encoding_is_read(content: bytes) -> None:
    assert decode(content) == TEXT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"PK\x03\x04\x00\x00", "no text file"),
        (b"a" * (MOST_BYTES + 1), "larger than 5 MB"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        decode(content)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found(separator: str) -> None:
    table = read_table(f"email{separator}name\nada@acme.example{separator}Ada\n")

    assert table.header == ("email", "name")
    assert table.rows == (("ada@acme.example", "Ada"),)


def test_lines_are_numbered_as_a_spreadsheet_shows_them() -> None:
    table = read_table('email,name\n\na@acme.example,"Ada\nLove"\n\nb@acme.example,Bo\n')

    assert table.rows == (("a@acme.example", "Ada Love"), ("b@acme.example", "Bo"))
    assert table.numbers == (4, 6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("email,name\n", "nothing below"),
        (",,\n,,\n", "must name the columns"),
        ("email\n" + "a@acme.example\n" * (MOST_ROWS + 1), "more than 20,000 rows"),
        (",".join("a" * 51) + "\n1\n", "more than 50 columns"),
    ],
)
def test_tables_without_people_are_refused(text: str, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        read_table(text)


def test_columns_are_guessed_from_their_names() -> None:
    header = ("Vorname", "Nachname", "E-Mail-Adresse", "Cost centre", "TEAM", "Organisation")

    assert guess_columns(header) == {
        "first_name": 0,
        "last_name": 1,
        "email": 2,
        "team": 4,
        "organization": 5,
    }


def test_short_rows_and_two_columns_of_a_name_are_read() -> None:
    columns = {"email": 0, "first_name": 1, "last_name": 2, "team": 3}

    cells = cells_of(("ADA@acme.example", "Ada", "Lovelace"), columns)

    assert cells == {
        "email": "ada@acme.example",
        "name": "Ada Lovelace",
        "organization": "",
        "team": "",
        "primary": "",
    }


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@SUM(A1)", "Plain", "O'Neill", "'quoted"])
def test_a_name_survives_the_way_through_a_spreadsheet(name: str) -> None:
    cell = protected(name)

    assert cell[0] not in "=+-@"
    assert cells_of(("", cell), {"email": 0, "name": 1})["name"] == name
