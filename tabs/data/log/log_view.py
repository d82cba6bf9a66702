"""What the Data tab shows of a log, as HTML: the file, and the silences in it. Every text is escaped."""

import math
from collections.abc import Iterator
from html import escape
from itertools import islice

from core.data.gaps import BINS, WEEK, GapHistogram, axis_position
from core.data.open_log import Added, OpenLog
from core.logs.detect import FORMATS
from core.logs.log import Log
from tabs.ui.text import t

MOST_UNREAD = 300  # lines
TICKS = (1, 10, 60, 720, WEEK)  # minutes
WIDTH, HEIGHT = 300, 92


def formats(language: str) -> str:
    """The formats that can be read, in one sentence."""
    names = [form.name.in_language(language) for form in FORMATS]
    return t(language, "data.formats", names=("・" if language == "ja" else ", ").join(names))


def about(opened: OpenLog, language: str) -> str:
    """The file: name, format, messages, time span; what was guessed and noted; lines not understood."""
    log = opened.log
    form = log.format.name.in_language(language)
    span = _span(log)
    figures = t(language, "data.messages", n=f"{len(log.messages):,}")
    head = (
        f'<div class="log"><span class="muted">{escape(opened.choices.name)}</span>'
        f'<b id="data-format">{escape(form)}</b><span class="num">{escape(figures)}</span>'
        f'<span class="num">{escape(span)}</span></div>'
    )
    head += "".join(_added(one, language) for one in opened.added)
    guesses = "".join(f'<p class="muted">{escape(guess.note.in_language(language))}</p>' for guess in log.guesses)
    notes = "".join(f'<p class="warn">{escape(note.in_language(language))}</p>' for note in log.notes)
    return head + notes + guesses + _unread(log, language)


def _added(one: Added, language: str) -> str:
    """What a further file brought, with the first of its new messages."""
    words = t(language, "data.added", name=one.name, new=f"{one.new:,}", known=f"{one.known:,}")
    if not one.examples:
        return f'<p role="status">{escape(words)}</p>'
    rows = "".join(
        f"<tr><td>{escape(message.sender or '–')}</td><td>{escape(message.text[:200])}</td></tr>"
        for message in one.examples
    )
    return (
        f'<details class="unread added"><summary role="status">{escape(words)}</summary>'
        f"<div><table>{rows}</table></div></details>"
    )


def _span(log: Log) -> str:
    first = min((m.time for m in log.messages if m.time), default=None)
    last = max((m.time for m in log.messages if m.time), default=None)
    if first is None or last is None:
        return ""
    return f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"


def _unread(log: Log, language: str) -> str:
    count = log.lines.unread
    if not count:
        return ""
    shown = islice(_lines(log), MOST_UNREAD)
    rows = "".join(f"<tr><td>{number}</td><td>{escape(text[:200])}</td></tr>" for number, text in shown)
    more = t(language, "data.unread_more", n=f"{count - MOST_UNREAD:,}") if count > MOST_UNREAD else ""
    title = escape(t(language, "data.unread", n=f"{count:,}"))
    return (
        f'<details class="unread"><summary>{title}</summary><div><table class="num">{rows}</table>'
        f'<p class="muted">{escape(more)}</p></div></details>'
    )


def _lines(log: Log) -> Iterator[tuple[int, str]]:
    for message in log.unread():
        yield from ((message.line + k, text) for k, text in enumerate(message.text.split("\n")) if text.strip())


def duration(minutes: float, language: str) -> str:
    """ "45 分", "2 時間", "3 日", "1 週間"."""
    for unit, size in (("week", WEEK), ("day", 1440), ("hour", 60)):
        if minutes >= size and minutes % size == 0:
            return t(language, f"data.{unit}", n=round(minutes / size))
    return t(language, "data.minute", n=round(minutes))


def gaps_picture(histogram: GapHistogram, gap: float, sessions: int | None, language: str) -> str:
    """The histogram as SVG, with the sentence that says the same in words."""
    words = t(language, "data.gap_words", gap=duration(gap, language))
    made = t(language, "data.gap_sessions", n=f"{sessions:,}") if sessions is not None else ""
    sentence = f'<p class="num gap-words" role="status">{escape(words)}<span class="muted">{escape(made)}</span></p>'
    return _svg(histogram, gap, words, language) + sentence if histogram else sentence


def _svg(histogram: GapHistogram, gap: float, words: str, language: str) -> str:
    most, step, at = math.sqrt(max(histogram.counts)), WIDTH / BINS, axis_position(gap) * WIDTH
    bars = "".join(
        f'<rect class="{"apart" if (i + 0.5) * step > at else "together"}" x="{i * step + 0.5:.1f}" '
        f'width="{step - 1:.1f}" y="{HEIGHT - tall:.1f}" height="{tall:.1f}" rx="1.5"/>'
        for i, n in enumerate(histogram.counts)
        if n and (tall := max(2.0, (HEIGHT - 10) * math.sqrt(n) / most))  # the root shows rare long silences too
    )
    ticks = "".join(
        f'<text x="{axis_position(tick) * WIDTH:.1f}" y="{HEIGHT + 15}">{escape(duration(tick, language))}</text>'
        for tick in TICKS
    )
    return (
        f'<svg class="gaps" viewBox="0 0 {WIDTH} {HEIGHT + 20}" role="img" aria-label="{escape(words)}">{bars}'
        f'<line class="floor" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/>'
        f'<line class="cut" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"/>{ticks}</svg>'
    )
