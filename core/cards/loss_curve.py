"""The curves of a training as a picture for its card: training and validation loss over the steps, as PNG."""

import io
import math
from collections.abc import Mapping, Sequence

CurvePoint = tuple[float, float]

SIZE = (960, 420)  # pixels
SHARP = 2  # drawn this many times larger, then made smaller: smooth lines
EDGES = (72, 44, 28, 48)  # left, top, right, bottom
COLOURS = {"train": "#9aa4b2", "validation": "#d2691e"}
INK, RULE = "#4b5563", "#e5e7eb"
NAMES = {"train": "training rows", "validation": "validation rows"}


def curves_png(history: object) -> bytes | None:
    """The picture of `metrics.history` in a training.json; None where it holds fewer than two points of any line."""
    lines = lines_of(history)
    if not lines:
        return None
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (SHARP * SIZE[0], SHARP * SIZE[1]), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14 * SHARP)
    points = [point for line in lines.values() for point in line]
    right, (low, high) = max(x for x, _ in points), _bounds([y for _, y in points])

    def place(point: CurvePoint) -> CurvePoint:
        left, top, edge, bottom = EDGES
        x = left + (SIZE[0] - left - edge) * point[0] / right
        y = top + (SIZE[1] - top - bottom) * (high - point[1]) / (high - low)
        return SHARP * x, SHARP * y

    for mark in (low + (high - low) * part / 4 for part in range(5)):
        start, end = place((0, mark)), place((right, mark))
        draw.line([start, end], fill=RULE, width=SHARP)
        draw.text((start[0] - 8 * SHARP, start[1]), f"{mark:.2f}", fill=INK, font=font, anchor="rm")
    for step in (0, right):
        x, y = place((step, low))
        draw.text((x, y + 10 * SHARP), f"{step:g}", fill=INK, font=font, anchor="ma")
    for number, (name, line) in enumerate(lines.items()):
        draw.line([place(point) for point in line], fill=COLOURS[name], width=3 * SHARP, joint="curve")
        at = (SHARP * (EDGES[0] + 220 * number), 20 * SHARP)
        draw.text(at, NAMES[name], fill=COLOURS[name], font=font, anchor="lm")
    draw.text((SHARP * (SIZE[0] - EDGES[2]), 20 * SHARP), "nats per token, by step", fill=INK, font=font, anchor="rm")
    kept = io.BytesIO()
    image.resize(SIZE, Image.Resampling.LANCZOS).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def lines_of(history: object) -> dict[str, list[CurvePoint]]:
    """(step, nats per token) of the training rows and the validation rows; anything else is left out.

    Of a preference run only the latter: its own loss is of another kind.
    """
    if not isinstance(history, Mapping):
        return {}
    found = {"train": [] if history.get("preference_eval") else _points(history.get("loss")),
             "validation": _points(history.get("validation"))}  # fmt: skip
    return {name: line for name, line in found.items() if len(line) > 1 and line[-1][0] > 0}


def _points(rows: object) -> list[CurvePoint]:
    if not isinstance(rows, Sequence):
        return []
    pairs = [tuple(row[:2]) for row in rows if isinstance(row, Sequence) and len(row) >= 2]
    return [pair for pair in pairs if all(isinstance(n, (int, float)) and math.isfinite(n) for n in pair)]


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = max((high - low) * 0.05, 0.05)
    return max(0.0, low - edge), high + edge
