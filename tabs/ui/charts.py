"""Small pictures as inline SVG and HTML: columns, a line, ranks. No script; each tells itself in words."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, UNDER = 300, 84, 20  # in the units of the drawing; room under the floor for ticks


def columns(counts: Sequence[float], ticks: Mapping[int, str], words: str, *, kinds: Sequence[str] = ()) -> str:
    """A column for each count, `ticks` under some of them by place; `words` say the same to who cannot see it.

    `kinds` are classes of the columns.
    """
    most, step = max((*counts, 1)), WIDTH / max(len(counts), 1)
    bars = "".join(
        f'<rect class="kind-{kinds[k] if kinds else "learned"}" x="{(k + 0.08) * step:.1f}" '
        f'width="{step * 0.84:.1f}" y="{HEIGHT - tall:.1f}" height="{tall:.1f}" rx="{min(step / 5, 2):.1f}"/>'
        for k, n in enumerate(counts)
        if n and (tall := max(1.5, (HEIGHT - 6) * n / most))
    )
    marks = "".join(
        f'<text x="{(k + 0.5) * step:.1f}" y="{HEIGHT + 15}">{escape(text)}</text>' for k, text in ticks.items()
    )
    return (
        f'<svg class="columns-picture" viewBox="0 0 {WIDTH} {HEIGHT + UNDER}" role="img" aria-label="{escape(words)}">'
        f'{bars}<line class="floor" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>{marks}</svg>'
    )


def line(values: Sequence[float], ticks: Mapping[int, str], words: str) -> str:
    """A line over `values` with room for nought at the foot, `ticks` under some of them by place, `words` as above."""
    most, step = max((*values, 0)) or 1, WIDTH / max(len(values) - 1, 1)
    tall = [HEIGHT - (HEIGHT - 8) * value / most for value in values]
    path = " ".join(f"{k * step:.1f},{y:.1f}" for k, y in enumerate(tall))
    marks = "".join(
        f'<text x="{k * step:.1f}" y="{HEIGHT + 15}" class="{"first" if k == 0 else "last"}">{escape(text)}</text>'
        for k, text in ticks.items()
    )
    return (
        f'<svg class="columns-picture" viewBox="0 0 {WIDTH} {HEIGHT + UNDER}" role="img" aria-label="{escape(words)}">'
        f'<polygon class="under" points="0,{HEIGHT} {path} {(len(values) - 1) * step:.1f},{HEIGHT}"/>'
        f'<polyline points="{path}"/><line class="floor" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>{marks}</svg>'
    )


def ranks(items: Sequence[tuple[str, float, str]]) -> str:
    """A list of (what, how much, how much in words), each with a bar as long as it is much."""
    most = max((size for _, size, _ in items), default=0) or 1
    lines = "".join(
        f'<li><span>{escape(what)}</span><i style="--long:{size / most:.3f}"></i>'
        f'<b class="num">{escape(words)}</b></li>'
        for what, size, words in items
    )
    return f'<ol class="ranks">{lines}</ol>'
