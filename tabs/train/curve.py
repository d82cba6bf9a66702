"""The loss curve of a run: lines as SVG that stretch with the page, words as HTML that does not. No script."""

import math
from collections.abc import Sequence
from html import escape

from core.train.queue.progress import Progress
from tabs.ui.text import t

Point = tuple[float, float]

MIDDLE, LOW = 50.0, 45.0  # per cent: further right there is no room beside the last point; further down, there is above
LEAST = 0.2  # bits per byte the picture is high at least: the first measures differ by noise, and the loss will fall


def curve(progress: Progress, language: str) -> str:
    """Training and validation loss in bits per byte, over all steps of the run; "" before anything was measured."""
    validation, losses = [(step, bpb) for step, bpb, _ in progress.validation], losses_in_bits(progress)
    values = [loss for _, loss in (*losses, *validation) if math.isfinite(loss)]
    if not values or not progress.steps:
        return ""
    marks = ticks(max(0.0, min(*values, max(values) - LEAST)), max(values))
    low, high = marks[0], marks[-1]

    def place(points: Sequence[Point]) -> list[Point]:
        return [(100 * x / progress.steps, 100 * (high - y) / (high - low)) for x, y in points if math.isfinite(y)]

    learned, held = place(losses), place(validation)
    lines = _line(learned, "train") + _line(held, "validation")
    rules = "".join(_line([(0, at), (100, at)], "rule") for _, at in place([(0, mark) for mark in marks]))
    at = (held or learned)[-1]
    words = _words(progress, language)
    spoken = escape(f"{t(language, 'train.loss')}: " + ", ".join(text for _, text in words))
    return (
        f'<figure class="curve"><div class="plot" role="img" aria-label="{spoken}">'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{rules}{lines}</svg>'
        f"{_axes(marks, progress.steps)}{_end(at, words, bool(held))}</div>"
        f'<figcaption class="muted">{escape(_caption(progress, language))}</figcaption></figure>'
    )


def losses_in_bits(progress: Progress) -> list[Point]:
    """(step, training loss in bits per byte): as validation is measured, so that one scale holds for both."""
    started = progress.started
    if started is None or not started.loss_bytes:
        return []
    bits = started.loss_tokens / started.loss_bytes / math.log(2)
    return [(step, loss * bits) for step, loss in progress.losses]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values from at or below `low` to at or above `high`, about `about` of them, at least two.

    >>> ticks(1.42, 3.2)
    [1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    >>> ticks(2.0, 2.0)
    [2.0, 2.1]
    """
    rough = max((high - low) / about, 0.1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * n for n in (1, 2, 5, 10) if size * n >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 6) for n in range(first, max(last, first + 1) + 1)]


def _line(points: Sequence[Point], css: str) -> str:
    if not points:
        return ""
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polyline class="{css}" points="{path}" vector-effect="non-scaling-stroke"/>'


def _axes(marks: Sequence[float], steps: int) -> str:
    low, high = marks[0], marks[-1]
    tops = [(mark, 100 * (high - mark) / (high - low)) for mark in marks]
    up = "".join(f'<span class="y" style="top:{top:.2f}%">{mark:g}</span>' for mark, top in tops)
    along = [0, steps] if steps < 4 else [0, round(steps / 2), steps]
    return up + "".join(f'<span class="x" style="left:{100 * n / steps:.2f}%">{n:,}</span>' for n in along)


def _end(at: Point, words: Sequence[tuple[str, str]], held: bool) -> str:
    """The dot on the last point, and what the lines are, beside it, or in the corner that is empty."""
    x, y = at
    text = "".join(f'<span class="{css}">{escape(said)}</span>' for css, said in words)
    dot = f'<i class="{"validation" if held else "train"}" style="left:{x:.2f}%;top:{y:.2f}%"></i>'
    if x < MIDDLE:
        where = f"left:calc({x:.2f}% + 14px);top:{y:.2f}%;max-width:calc({100 - x:.2f}% - 14px)"
        return f'{dot}<div class="words" style="{where}">{text}</div>'
    return f'{dot}<div class="words {"high" if y > LOW else "low"}">{text}</div>'


def _words(progress: Progress, language: str) -> list[tuple[str, str]]:
    """(css class, what it says) of each line."""
    words = []
    if len(progress.validation) > 1:
        now, first = progress.validation[-1][1], progress.validation[0][1]
        words.append(("validation", t(language, "train.validation_line", now=f"{now:.2f}", first=f"{first:.2f}")))
    elif progress.validation:
        words.append(("validation", t(language, "train.validation_first", first=f"{progress.validation[0][1]:.2f}")))
    if losses := losses_in_bits(progress):
        words.append(("train", t(language, "train.train_line", loss=f"{losses[-1][1]:.2f}")))
    return words


def _caption(progress: Progress, language: str) -> str:
    axes = t(language, "train.axes")
    if progress.started and progress.started.validation_rows:
        return f"{axes} {t(language, 'train.validation_rows', n=f'{progress.started.validation_rows:,}')}"
    return axes
