"""Tables of figures that can be copied and saved, and the part of the page that holds them."""

from html import escape
from pathlib import Path

import gradio as gr

from core.tokens.figure_table import FigureTable, TableCell
from tabs.ui.text import t

SCRIPT = Path(__file__).with_name("tables.js")


def table(figures: FigureTable, language: str, *, marked: str = "") -> str:
    """The table with its two buttons; the row whose first cell is `marked` is set off."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in figures.heads)
    lines = []
    for first, *rest in figures.rows:
        cells = "".join(f"<td>{escape(shown(cell))}</td>" for cell in rest)
        css = ' class="now"' if marked and first == marked else ""
        lines.append(f'<tr{css}><th scope="row">{escape(shown(first))}</th>{cells}</tr>')
    return (
        f'<div class="figures-table num" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        f'<p class="table-acts"><button type="button" data-copy="{escape(figures.to_tsv())}">'
        f"{escape(t(language, 'tokens.copy_table'))}</button>"
        f'<button type="button" data-save="{escape(figures.to_csv())}" data-name="{escape(figures.name)}.csv">'
        f"{escape(t(language, 'tokens.save_table'))}</button></p>"
    )


def shown(cell: TableCell) -> str:
    """A figure as people read it: thousands with commas, fractions with three digits that count.

    >>> shown(12345), shown(1.23456), shown(123.456), shown(0.00123)
    ('12,345', '1.23', '123', '0.00123')
    """
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def build_shown(elem_id: str) -> gr.HTML:
    """Where a section shows what it found; tables in it can be copied and saved."""
    return gr.HTML(padding=False, elem_id=elem_id, js_on_load=SCRIPT.read_text(encoding="utf-8"))
