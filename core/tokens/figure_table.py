"""A table of figures as a file that spreadsheets open, safe against cells that would be run as formulas."""

import csv
import io
import re
from dataclasses import dataclass

FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?%?")

TableCell = str | int | float


@dataclass(frozen=True)
class FigureTable:
    """Heads and rows of one table; `name` is what its file is called."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]

    def to_csv(self) -> str:
        """As CSV with a byte-order mark, by which Excel knows UTF-8."""
        return "\ufeff" + self._written(csv.excel)

    def to_tsv(self) -> str:
        """As what is pasted into a spreadsheet."""
        return self._written(csv.excel_tab)

    def _written(self, dialect: type[csv.Dialect]) -> str:
        out = io.StringIO()
        csv.writer(out, dialect).writerows([safe_cell(cell) for cell in line] for line in (self.heads, *self.rows))
        return out.getvalue()


def safe_cell(cell: TableCell) -> TableCell:
    """A cell that no spreadsheet takes for a formula: behind an apostrophe where it begins like one.

    >>> safe_cell("=1+1"), safe_cell("-3.5"), safe_cell(-2), safe_cell("東京")
    ("'=1+1", '-3.5', -2, '東京')
    """
    if not isinstance(cell, str):
        return round(cell, 6) if isinstance(cell, float) else cell
    if FORMULA.match(cell.lstrip(" \n\u3000") or cell) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
