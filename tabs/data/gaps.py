"""How long people were silent: a histogram on a log axis with the chosen gap marked, and words for durations."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from tabs.ui.text import t

WEEK = 7 * 24 * 60
STEPS = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, 2880, 4320, WEEK)  # minutes
SHORTEST, LONGEST, BINS = 0.5, 2 * WEEK, 38
TICKS = (1, 10, 60, 720, WEEK)
WIDTH, HEIGHT = 300, 92


@dataclass(frozen=True)
class Histogram:
    """Silences by length, in BINS classes of equal width on a log axis; longer and shorter ones at the ends."""

    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, minutes: Iterable[float]) -> "Histogram":
        """Count silences, given in minutes; an empty histogram for none."""
        counts = [0] * BINS
        for gap in minutes:
            counts[min(int(_place(gap) * BINS), BINS - 1)] += 1
        return cls(tuple(counts)) if any(counts) else cls()

    def __bool__(self) -> bool:
        return bool(self.counts)


def nearest(minutes: float) -> int:
    """The place in STEPS of the step closest to `minutes`."""
    return min(range(len(STEPS)), key=lambda i: abs(math.log(STEPS[i] / minutes)))


def duration(minutes: float, language: str) -> str:
    """ "45 分", "2 時間", "3 日", "1 週間"."""
    for unit, size in (("week", WEEK), ("day", 1440), ("hour", 60)):
        if minutes >= size and minutes % size == 0:
            return t(language, f"data.{unit}", n=round(minutes / size))
    return t(language, "data.minute", n=round(minutes))


def picture(histogram: Histogram, gap: float, sessions: int | None, language: str) -> str:
    """The histogram as SVG, with the sentence that says the same in words."""
    words = t(language, "data.gap_words", gap=duration(gap, language))
    made = t(language, "data.gap_sessions", n=f"{sessions:,}") if sessions is not None else ""
    sentence = f'<p class="num gap-words" role="status">{escape(words)}<span class="muted">{escape(made)}</span></p>'
    return _svg(histogram, gap, words, language) + sentence if histogram else sentence


def _svg(histogram: Histogram, gap: float, words: str, language: str) -> str:
    most, step, at = math.sqrt(max(histogram.counts)), WIDTH / BINS, _place(gap) * WIDTH
    bars = "".join(
        f'<rect class="{"apart" if (i + 0.5) * step > at else "together"}" x="{i * step + 0.5:.1f}" '
        f'width="{step - 1:.1f}" y="{HEIGHT - tall:.1f}" height="{tall:.1f}" rx="1.5"/>'
        for i, n in enumerate(histogram.counts)
        if n and (tall := max(2.0, (HEIGHT - 10) * math.sqrt(n) / most))  # the root shows rare long silences too
    )
    ticks = "".join(
        f'<text x="{_place(tick) * WIDTH:.1f}" y="{HEIGHT + 15}">{escape(duration(tick, language))}</text>'
        for tick in TICKS
    )
    return (
        f'<svg class="gaps" viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img" aria-label="{escape(words)}">{bars}'
        f'<line class="floor" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>'
        f'<line class="cut" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"/>{ticks}</svg>'
    )


def _place(minutes: float) -> float:
    """Where a silence lies on the axis, from 0 to 1."""
    inside = min(max(minutes, SHORTEST), LONGEST)
    return math.log(inside / SHORTEST) / math.log(LONGEST / SHORTEST)
