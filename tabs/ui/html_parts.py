"""Small HTML parts for what Gradio has no component for. Every text is escaped; none carries a script."""

from collections.abc import Iterable, Sequence
from html import escape

from core.messages import Turn
from core.prompt.token_text import Token

LedgerLine = tuple[str, str, str]  # (label, value, css class)


def ledger(rows: Iterable[LedgerLine]) -> str:
    """A two-column table of labels and figures; the class may be "total", "warn" or ""."""
    lines = "".join(f'<tr class="{css}"><td>{label}</td><td>{escape(value)}</td></tr>' for label, value, css in rows)
    return f'<table class="ledger">{lines}</table>'


def empty(title: str, hint: str) -> str:
    """What a part shows before there is anything: a title, and what to do."""
    return f'<div class="empty"><b>{escape(title)}</b>{escape(hint)}</div>'


def working(sentence: str) -> str:
    """Something is under way: a moving bar and a sentence."""
    bar = f'<div class="bar moving" role="progressbar" aria-label="{escape(sentence)}"><i></i></div>'
    return f'{bar}<p class="num" role="status">{escape(sentence)}</p>'


def tokens(
    items: Sequence[Token], *, learned: Sequence[float] | None = None, ids: bool = True, most: int = 4000
) -> str:
    """Coloured tokens with their ids. With `learned`, only those that carry loss are coloured, and underlined
    where they do so in full."""
    spans = []
    for index, token in enumerate(items[:most]):
        shade = f"t{index % 5}" if learned is None else _shade(learned[index])
        text = escape(token.shown) or "·"
        lines = "<br>" * (token.text.count("\n") if not token.continues else 0)
        spans.append(f'<span class="{shade}" title="id {token.id}">{text}<sub>{token.id}</sub></span>{lines}')
    more = f' <span class="muted">… +{len(items) - most:,}</span>' if len(items) > most else ""
    return f'<div class="tokens{"" if ids else " without-ids"}">{"".join(spans)}{more}</div>'


def _shade(weight: float) -> str:
    return "t2 learned" if weight >= 1 else "t2 partly" if weight else "plain"


def bubbles(turns: Iterable[Turn], persona_class: str = "learned") -> str:
    """Turns as speech bubbles; the persona's own carry `persona_class` ("learned" or "context")."""
    out = []
    for turn in turns:
        css = persona_class if turn.role == "assistant" else "user"
        for text in turn.messages:
            name = f"<small>{escape(turn.name)}</small>" if turn.name else ""
            out.append(f'<div class="said {css}">{name}{escape(text)}</div>')
    return f'<div class="row-view">{"".join(out)}</div>'
