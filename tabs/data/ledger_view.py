"""The account of a log, as HTML: the fate of every message, examples of what is left out, the lines of the file."""

from html import escape

from core.data.ledger import LABELS, Outcome
from core.data.open_log import OpenLog
from core.logs.log import Log
from tabs.ui import html_parts
from tabs.ui.text import t

DOTS = {Outcome.LEARNED: "learned", Outcome.VALIDATION: "validation", Outcome.TEST: "test", Outcome.CONTEXT: "you"}
EXAMPLES, LONGEST = 3, 120  # of each fate; letters of one


def ledger(opened: OpenLog, language: str) -> str:
    """Every message with its one fate; the sum, and how many are missing."""
    if opened.prepared is None:
        return ""
    book = opened.prepared.ledger
    rows = [(_fate(fate, language), f"{n:,}", "") for fate, n in book.counts.items()]
    rows += [
        (escape(t(language, "data.total")), f"{book.messages:,}", "total"),
        (escape(t(language, "data.missing")), f"{book.missing:,}", "total warn" if book.missing else "total good"),
    ]
    words = t(language, "data.validation_hint") if book.counts.get(Outcome.VALIDATION) else ""
    return (
        f'{html_parts.ledger(rows)}<p class="muted">{escape(words)}</p>'
        f"{_left_out(opened, language)}{_file_lines(opened.log, language)}"
    )


def _left_out(opened: OpenLog, language: str) -> str:
    """What is in no row, with a few examples of each reason and where they stand in the file."""
    book = opened.prepared.ledger
    found = {fate: places for fate, places in book.examples(EXAMPLES).items() if fate not in DOTS}
    if not found:
        return ""
    groups = "".join(
        f'<dt>{escape(LABELS[fate].in_language(language))}<span class="num">{book.counts[fate]:,}</span></dt>'
        + "".join(f"<dd>{_example(opened, place, language)}</dd>" for place in places)
        for fate, places in found.items()
    )
    title = escape(t(language, "data.left_out", n=f"{sum(book.counts[fate] for fate in found):,}"))
    return (
        f'<details class="left-out" id="data-left-out"><summary>{title}</summary>'
        f'<dl tabindex="0">{groups}</dl></details>'
    )


def _example(opened: OpenLog, place: int, language: str) -> str:
    message = opened.log.messages[place]
    text = " ".join(message.text.split())
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    who = t(language, "data.left_where", name=message.sender or "–", line=f"{message.line:,}")
    return f'<span class="muted num">{escape(who)}</span>{escape(shown or "–")}'


def _fate(fate: Outcome, language: str) -> str:
    return f'<span class="dot fate-{DOTS.get(fate, "none")}"></span>{escape(LABELS[fate].in_language(language))}'


def _file_lines(log: Log, language: str) -> str:
    """The same account for the lines of the file."""
    lines = log.lines
    rows = [
        (escape(t(language, f"data.lines_{key}")), f"{n:,}", css)
        for key, n, css in (
            ("messages", lines.messages, ""), ("marks", lines.marks, ""), ("blank", lines.blank, ""),
            ("unread", lines.unread, ""), ("total", lines.total, "total"),
            ("missing", lines.missing, "total warn" if lines.missing else "total good"),
        ) if n or css
    ]  # fmt: skip
    return f"<details><summary>{escape(t(language, 'data.lines'))}</summary>{html_parts.ledger(rows)}</details>"
