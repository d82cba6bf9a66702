"""What the Data tab shows of a log, as HTML: the file, and a row. Every text is escaped."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from itertools import islice

from core.data.io.store import Split
from core.data.rows import Row
from core.logs.detect import FORMATS
from core.logs.log import Log
from core.models.loading import LoadedModel
from core.train.worker.rows import encode
from tabs.data.open_log import Added, OpenLog
from tabs.data.rows import prompt_config_of
from tabs.ui import html_parts
from tabs.ui.text import t

MOST_UNREAD = 300  # lines


def formats(language: str) -> str:
    """The formats that can be read, in one sentence."""
    names = [form.name.in_language(language) for form in FORMATS]
    return t(language, "data.formats", names=("・" if language == "ja" else ", ").join(names))


def working(sentence: str) -> str:
    """Something is under way: a moving bar and a sentence."""
    bar = '<div class="bar moving" role="progressbar"><i></i></div>'
    return f'{bar}<p class="num" role="status">{escape(sentence)}</p>'


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


def rows_of(opened: OpenLog, split: Split) -> tuple[Row, ...]:
    """The rows of one split; none while there are none."""
    if opened.prepared is None:
        return ()
    return {"train": opened.prepared.train, "validation": opened.prepared.validation, "test": opened.prepared.test}[
        split
    ]


def row(opened: OpenLog, split: Split, number: int, loaded: LoadedModel | None, language: str) -> str:
    """One row as bubbles, with its place, its time and how many of its tokens are learned; or why there is none."""
    rows = rows_of(opened, split)
    if not rows:
        return _no_rows(opened, split, language)
    chosen = rows[number - 1]
    css = "learned" if split == "train" else "validation"
    place = t(language, "data.place", n=f"{number:,}", all=f"{len(rows):,}")
    where = "　".join(filter(None, (_moment(chosen.start), t(language, "data.session", n=f"{chosen.session + 1:,}"))))
    head = f'<p class="row-head num"><b>{escape(place)}</b><span class="muted">{escape(where)}</span></p>'
    partly = any(not turn.trained for turn in chosen.turns)
    legend = "".join(
        f'<span><span class="dot fate-{dot}"></span>{escape(t(language, f"data.legend_{name}"))}</span>'
        for dot, name in ((css, css), ("you", "context"), *((("grey", "own_context"),) if partly else ()))
    )
    figures = f"<span>{escape(_learned(opened, chosen, loaded, split, language))}</span>"
    return (
        f'{head}<div class="row-scroll" tabindex="0">{_bubbles(chosen, css)}</div>'
        f'<p class="muted num row-legend">{legend}{figures}</p>'
    )


def _bubbles(chosen: Row, css: str) -> str:
    """The turns; what the persona said and is not learned looks like context."""
    own = (css if chosen.is_trained(k) else "context" for k in range(len(chosen.turns)))
    return "".join(html_parts.bubbles((turn,), kind) for turn, kind in zip(chosen.turns, own, strict=True))


def _learned(opened: OpenLog, chosen: Row, loaded: LoadedModel | None, split: Split, language: str) -> str:
    if loaded is None:
        return ""
    found = encode([chosen.turns], prompt_config_of(opened, loaded), loaded.tokenizer, max_length=loaded.context)
    key = "data.tokens_learned" if split == "train" else "data.tokens_validation"
    return t(language, key, n=f"{found.loss_tokens:,}", all=f"{sum(found.examples.lengths):,}")


def _moment(start: datetime | None) -> str:
    return f"{start:%Y-%m-%d %H:%M}" if start else ""


def _no_rows(opened: OpenLog, split: Split, language: str) -> str:
    if opened.problem:
        title, words = t(language, "data.no_rows"), opened.problem.text.in_language(language)
        return f'<div class="empty warn" role="alert"><b>{escape(title)}</b>{escape(words)}</div>'
    if opened.prepared is None:
        return html_parts.empty(t(language, "data.waits"), t(language, "data.waits_hint"))
    if opened.prepared.train:
        return html_parts.empty(t(language, f"data.no_{split}"), t(language, f"data.no_{split}_hint"))
    return html_parts.empty(t(language, "data.no_rows"), t(language, "data.no_rows_hint"))
