"""What the Data tab shows of a log, as HTML: the file, a row, the ledger. Every text is escaped."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from itertools import islice

from core.data.ledger import LABELS, Fate
from core.data.rows import Row
from core.data.store import Split
from core.logs.detect import FORMATS
from core.logs.log import Log, Note
from core.models.loading import LoadedModel
from core.prompt import render
from tabs.data.open_log import OpenLog
from tabs.data.rows import contract_of
from tabs.frame import parts
from tabs.frame.text import say

MOST_UNREAD = 300  # lines
DOTS = {Fate.LEARNED: "learned", Fate.HELD_OUT: "heldout", Fate.CONTEXT: "you"}


def told(note: Note, language: str) -> str:
    """The sentence of a note in one language."""
    return note.ja if language == "ja" else note.en


def formats(language: str) -> str:
    """The formats that can be read, in one sentence."""
    names = [form.ja if language == "ja" else form.en for form in FORMATS]
    return say(language, "data.formats", names=("・" if language == "ja" else ", ").join(names))


def working(sentence: str) -> str:
    """Something is under way: a moving bar and a sentence."""
    bar = '<div class="bar moving" role="progressbar"><i></i></div>'
    return f'{bar}<p class="num" role="status">{escape(sentence)}</p>'


def about(opened: OpenLog, language: str) -> str:
    """The file: name, format, messages, time span; what was guessed and noted; lines not understood."""
    log = opened.log
    form = log.format.ja if language == "ja" else log.format.en
    span = _span(log)
    figures = say(language, "data.messages", n=f"{len(log.messages):,}") + (f"・{span}" if span else "")
    head = (
        f'<div class="log"><span class="muted">{escape(opened.choices.name)}</span>'
        f'<b id="data-format">{escape(form)}</b><span class="num">{escape(figures)}</span></div>'
    )
    guesses = "".join(f'<p class="muted">{escape(told(guess.note, language))}</p>' for guess in log.guesses)
    notes = "".join(f'<p class="warn">{escape(told(note, language))}</p>' for note in log.notes)
    return head + notes + guesses + _unread(log, language)


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
    more = say(language, "data.unread_more", n=f"{count - MOST_UNREAD:,}") if count > MOST_UNREAD else ""
    title = escape(say(language, "data.unread", n=f"{count:,}"))
    return (
        f'<details class="unread"><summary>{title}</summary><div><table class="num">{rows}</table>'
        f'<p class="muted">{escape(more)}</p></div></details>'
    )


def _lines(log: Log) -> Iterator[tuple[int, str]]:
    for message in log.unread():
        yield from ((message.line + k, text) for k, text in enumerate(message.text.split("\n")) if text.strip())


def ledger(opened: OpenLog, language: str) -> str:
    """Every message with its one fate; the sum, and how many are missing."""
    if opened.prepared is None:
        return ""
    book = opened.prepared.ledger
    rows = [(_fate(fate, language), f"{n:,}", "") for fate, n in book.counts.items()]
    rows += [
        (escape(say(language, "data.total")), f"{book.messages:,}", "total"),
        (escape(say(language, "data.missing")), f"{book.missing:,}", "total warn" if book.missing else "total good"),
    ]
    words = say(language, "data.heldout_hint") if book.counts.get(Fate.HELD_OUT) else ""
    return f'{parts.ledger(rows)}<p class="muted">{escape(words)}</p>{_file_lines(opened.log, language)}'


def _fate(fate: Fate, language: str) -> str:
    return f'<span class="dot fate-{DOTS.get(fate, "none")}"></span>{escape(told(LABELS[fate], language))}'


def _file_lines(log: Log, language: str) -> str:
    """The same account for the lines of the file."""
    lines = log.lines
    rows = [
        (escape(say(language, f"data.lines_{key}")), f"{n:,}", css)
        for key, n, css in (
            ("messages", lines.messages, ""), ("marks", lines.marks, ""), ("blank", lines.blank, ""),
            ("unread", lines.unread, ""), ("total", lines.total, "total"),
            ("missing", lines.missing, "total warn" if lines.missing else "total good"),
        ) if n or css
    ]  # fmt: skip
    return f"<details><summary>{escape(say(language, 'data.lines'))}</summary>{parts.ledger(rows)}</details>"


def rows_of(opened: OpenLog, split: Split) -> tuple[Row, ...]:
    """The rows of one split; none while there are none."""
    if opened.prepared is None:
        return ()
    return {"train": opened.prepared.train, "heldout": opened.prepared.heldout, "test": opened.prepared.test}[split]


def row(opened: OpenLog, split: Split, number: int, loaded: LoadedModel | None, language: str) -> str:
    """One row as bubbles, with its place, its time and how many of its tokens are learned; or why there is none."""
    rows = rows_of(opened, split)
    if not rows:
        return _no_rows(opened, language)
    chosen = rows[number - 1]
    css = "heldout" if split == "heldout" else "learned"
    place = say(language, "data.place", n=f"{number:,}", all=f"{len(rows):,}")
    where = "　".join(filter(None, (_moment(chosen.start), say(language, "data.session", n=f"{chosen.session + 1:,}"))))
    head = f'<p class="row-head num"><b>{escape(place)}</b><span class="muted">{escape(where)}</span></p>'
    own, others = say(language, f"data.legend_{css}"), say(language, "data.legend_context")
    legend = (
        f'<p class="muted num row-legend"><span class="dot fate-{css}"></span>{escape(own)}'
        f'<span class="dot fate-you"></span>{escape(others)}'
        f"<span>{escape(_learned(opened, chosen, loaded, split, language))}</span></p>"
    )
    return f'{head}<div class="row-scroll" tabindex="0">{parts.bubbles(chosen.turns, css)}</div>{legend}'


def _learned(opened: OpenLog, chosen: Row, loaded: LoadedModel | None, split: Split, language: str) -> str:
    if loaded is None:
        return ""
    prompt = render(contract_of(opened, loaded, language), chosen.turns, loaded.tokenizer, training=True)
    key = "data.tokens_heldout" if split == "heldout" else "data.tokens_learned"
    return say(language, key, n=f"{sum(prompt.mask):,}", all=f"{len(prompt.ids):,}")


def _moment(start: datetime | None) -> str:
    return f"{start:%Y-%m-%d %H:%M}" if start else ""


def _no_rows(opened: OpenLog, language: str) -> str:
    if opened.problem:
        title, words = say(language, "data.no_rows"), opened.problem.text(language)
        return f'<div class="empty warn" role="alert"><b>{escape(title)}</b>{escape(words)}</div>'
    if opened.prepared is None:
        return parts.empty(say(language, "data.waits"), say(language, "data.waits_hint"))
    if opened.prepared.train:
        return parts.empty(say(language, "data.no_heldout"), say(language, "data.no_heldout_hint"))
    return parts.empty(say(language, "data.no_rows"), say(language, "data.no_rows_hint"))
