"""What the memory holds, in words: lines of lists, figures, and how notes came about."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from core.memory.diary import DiaryEntry
from core.memory.documents import Document
from core.memory.notes import MemoryNote, NoteRound
from core.memory.options import LARGE_ENOUGH, MemoryOptions
from core.models.loading import ModelStatus
from core.text import format_parameters
from tabs.ui import html_parts
from tabs.ui.text import t


def note_line(note: MemoryNote, by_id: dict[int, MemoryNote], language: str) -> str:
    """The note, and on a second line when it was noted and from whom; for a forgotten one, when and for what."""
    marks = "★ " if note.pinned else ""
    about = [day(note.created), t(language, f"memory.kind_{note.kind}"), t(language, f"memory.said_{note.said_by}")]
    if note.forgotten is not None:
        about.append(t(language, "memory.was_forgotten", day=day(note.forgotten)))
        if heir := by_id.get(note.superseded_by or 0):
            about.append(t(language, "memory.superseded", text=heir.text))
    return f"{marks}{note.text}\n{'・'.join(about) if language == 'ja' else ' · '.join(about)}"


def figures(counts: Sequence[tuple[str, int]], language: str) -> str:
    """How much is remembered."""
    rows = [(escape(t(language, f"memory.{name}")), f"{count:,}", "") for name, count in counts]
    return html_parts.ledger(rows) + f'<p class="muted">{escape(t(language, "memory.rule"))}</p>'


def taking(choices: MemoryOptions, status: ModelStatus, language: str) -> str:
    """Whether the model takes notes now, and why not."""
    size = format_parameters(status.parameters)
    if not choices.remembers:
        key = "now_none"
    elif choices.single_pass:
        key = "now_at_once"
    elif choices.notes == "off":
        key = "now_off"
    elif not status.parameters:
        key = "now_waits"
    elif status.parameters >= LARGE_ENOUGH:
        key = "now_on"
    else:
        key = "now_small_on" if choices.notes == "on" else "now_small"
    return f'<p class="muted">{escape(t(language, f"memory.{key}", size=size))}</p>'


def rounds(made: Sequence[NoteRound], language: str) -> str:
    """When the model took notes, what came of it, and how its answer was read."""
    if not made:
        return f'<p class="muted">{escape(t(language, "memory.no_rounds"))}</p>'
    lines = []
    for one in made:
        method = t(language, f"memory.parse_{one.parse_method}")
        how = t(language, "memory.round_tries", method=method, n=one.tries) if one.tries > 1 else method
        came = t(language, "memory.round", remembered=one.remembered, forgotten=one.forgotten)
        when = datetime.fromtimestamp(one.made).strftime("%Y-%m-%d %H:%M")
        css = ' class="warn"' if one.parse_method == "none" else ""
        lines.append(
            f'<li><span class="num">{when}</span> <b>{escape(came)}</b> <span{css}>{escape(how)}</span> '
            f'<span class="muted">{escape(one.model)}</span></li>'
        )
    return f'<ul class="rounds">{"".join(lines)}</ul>'


def entry_line(entry: DiaryEntry, language: str) -> str:
    """A day or a week, and what happened."""
    when = entry.start.isoformat()
    return f"{t(language, 'memory.week_of', day=when) if entry.level == 'week' else when}　{entry.text}"


def document_line(document: Document, language: str) -> str:
    """A document's name and how much of it there is."""
    return t(language, "memory.document_line", name=document.name, n=f"{document.passages:,}")


def nothing(language: str, words: str) -> str:
    """What stands in place of the notes: what to do, or that nothing was found."""
    if words.strip():
        return f'<p class="muted">{escape(t(language, "memory.nothing_found", words=words.strip()[:60]))}</p>'
    return html_parts.empty(t(language, "memory.empty"), t(language, "memory.empty_hint"))


def day(seconds: float) -> str:
    """2026-05-03."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")
