"""A row as bubbles, as HTML, or why there is none. Every text is escaped."""

from datetime import datetime
from html import escape

from core.data.open_log import OpenLog, prompt_config_of
from core.data.rows import Row
from core.models.loading import LoadedModel
from core.train.worker.rows import encode
from core.workspace import Split
from tabs.ui import html_parts
from tabs.ui.text import t


def row(opened: OpenLog, split: Split, number: int, loaded: LoadedModel | None, language: str) -> str:
    """One row as bubbles, with its place, its time and how many of its tokens are learned; or why there is none."""
    rows = opened.rows(split)
    if not rows:
        return _no_rows(opened, split, language)
    chosen = rows[number - 1]
    css = "learned" if split == "train" else "validation"
    place = t(language, "data.place", n=f"{number:,}", all=f"{len(rows):,}")
    where = "　".join(filter(None, (_moment(chosen.start), t(language, "data.session", n=f"{chosen.session + 1:,}"))))
    head = f'<p class="row-head num"><b>{escape(place)}</b><span class="muted">{escape(where)}</span></p>'
    partly = any(not turn.trained for turn in chosen.turns)
    legend = "".join(
        f'<span><span class="dot outcome-{dot}"></span>{escape(t(language, f"data.legend_{name}"))}</span>'
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
    found = encode([chosen], prompt_config_of(opened, loaded), loaded.tokenizer, max_length=loaded.context)
    key = "data.tokens_learned" if split == "train" else "data.tokens_validation"
    return t(language, key, n=f"{found.loss_tokens:,}", all=f"{sum(found.examples.lengths):,}")


def _moment(start: datetime | None) -> str:
    return f"{start:%Y-%m-%d %H:%M}" if start else ""


def _no_rows(opened: OpenLog, split: Split, language: str) -> str:
    if opened.problem:
        title, words = t(language, "data.no_rows"), opened.problem.text.in_language(language)
        return f'<div class="empty warn" role="alert"><b>{escape(title)}</b>{escape(words)}</div>'
    if opened.prepared is None and opened.model:
        return html_parts.empty(t(language, "data.rows_follow"), t(language, "data.rows_follow_hint"))
    if opened.prepared is None:
        return html_parts.empty(t(language, "data.waits"), t(language, "data.waits_hint"))
    if opened.prepared.train:
        return html_parts.empty(t(language, f"data.no_{split}"), t(language, f"data.no_{split}_hint"))
    return html_parts.empty(t(language, "data.no_rows"), t(language, "data.no_rows_hint"))
