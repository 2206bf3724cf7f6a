"""Tables as CSV files: line by line, and without what a spreadsheet would run."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

# So many rows go out as one piece.
_ROWS = 200
_STARTS = {"=", "+", "-", "@", "\t", "\r"}
# An amount that left; `-1+2` is none.
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield rows as the text of a CSV file, some hundred at once."""
    out, left = csv.writer(_Echo()), iter(rows)
    while lines := [out.writerow([inert(cell) for cell in row]) for row in islice(left, _ROWS)]:
        yield "".join(lines)


def inert(cell: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; a number stays one."""
    text = str(cell)
    is_safe = text[:1] not in _STARTS or _NUMBER.fullmatch(text)
    return text if is_safe else f"'{text}"
