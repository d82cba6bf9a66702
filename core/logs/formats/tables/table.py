"""A table of comma-separated values (or ; or tab or |), with the line on which each row begins."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.logs.parsing.decode import count_lines, edges

DELIMITERS = ",;\t|"
LARGEST_CELL = 10_000_000  # characters; the csv module stops at 131,072 of its own
PEEK_ROWS = 60


@dataclass(frozen=True, slots=True)
class TableRow:
    """Cells, and where they stand: `line` from 1, `lines` taken (0 for a row that shares its line)."""

    cells: tuple[str, ...]
    line: int
    lines: int

    @property
    def blank(self) -> bool:
        return not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a file. `total` counts its lines."""

    rows: tuple[TableRow, ...]
    delimiter: str
    total: int


def parse_rows(text: str, delimiter: str) -> Iterator[TableRow]:
    """Every row, quotes and line breaks in cells understood; never an error, whatever the text."""
    csv.field_size_limit(LARGEST_CELL)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = io.StringIO(text.replace("\0", "\ufffd").removeprefix("\ufeff"), newline="\n")
    # A bare return inside an unquoted cell is an error to the csv module; a line end is not.
    feed = (line if line.endswith("\r\n") and "\r" not in line[:-2] else line.replace("\r", " ") for line in lines)
    rows, done = csv.reader(feed, delimiter=delimiter), 0
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            cells = []  # a cell above the limit
        yield TableRow(tuple(cells), done + 1, rows.line_num - done)
        done = rows.line_num


def parse_table(text: str, delimiter: str | None = None) -> Table:
    """The whole text as a table; the delimiter is found unless given."""
    delimiter = delimiter or find_delimiter(text) or ","
    return Table(tuple(parse_rows(text, delimiter)), delimiter, count_lines(text))


def find_delimiter(text: str) -> str | None:
    """The delimiter under which most of the first rows have the same number of cells, two or more; None for prose."""
    best, most = None, 0.0
    for delimiter in DELIMITERS:
        share = _regular(text, delimiter)
        if share > most:
            best, most = delimiter, share
    return best if most >= 0.7 else None


def _regular(text: str, delimiter: str) -> float:
    """The share of the first rows with the commonest number of cells, plus a little for more cells."""
    widths = [len(row.cells) for row, _ in zip(_peek(text, delimiter), range(PEEK_ROWS), strict=False) if not row.blank]
    (width, n), *_ = Counter(widths).most_common(1) or [(0, 0)]
    return n / len(widths) + 0.01 * min(width, 10) if width >= 2 and len(widths) >= 2 else 0.0


def _peek(text: str, delimiter: str) -> Iterator[TableRow]:
    return parse_rows(text[:200_000], delimiter)


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Column names as they stand, numbered where they repeat or are empty."""
    seen: Counter[str] = Counter()
    result = []
    for place, name in enumerate(names, 1):
        shown = edges(name) or f"#{place}"
        seen[shown] += 1
        result.append(shown if seen[shown] == 1 else f"{shown} ({seen[shown]})")
    return tuple(result)
