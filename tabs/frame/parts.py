"""Small HTML parts for what Gradio has no component for. Every text is escaped; none carries a script."""

from collections.abc import Iterable, Sequence
from html import escape

from core.messages import Turn
from core.prompt import Piece, Prompt
from core.tokens import Token
from tabs.frame.text import say

Row = tuple[str, str, str]  # (label, value, css class)


def ledger(rows: Iterable[Row]) -> str:
    """A two-column table of labels and figures; the class may be "total", "warn" or ""."""
    lines = "".join(f'<tr class="{css}"><td>{label}</td><td>{escape(value)}</td></tr>' for label, value, css in rows)
    return f'<table class="ledger">{lines}</table>'


def empty(title: str, hint: str) -> str:
    """What a part shows before there is anything: a title, and what to do."""
    return f'<div class="empty"><b>{escape(title)}</b>{escape(hint)}</div>'


def budget(prompt: Prompt, language: str) -> str:
    """The bar of what the model sees, part by part, with the reply's reserve, what fell out and what will next."""
    sizes = {part: n for part, n in prompt.tokens_by_part().items() if n} | {"reserve": prompt.reserve}
    names = {part: escape(say(language, f"prompt.{part}")) for part in sizes}
    window = max(prompt.window, 1)
    used = escape(say(language, "prompt.used", used=f"{len(prompt.ids):,}", window=f"{prompt.window:,}"))
    bits = "".join(
        f'<i class="part-{part}" style="width:{100 * n / window:.2f}%" title="{names[part]} {n}"></i>'
        for part, n in sizes.items()
    )
    rows = [(f'<span class="dot part-{part}"></span>{names[part]}', f"{n:,}", "") for part, n in sizes.items()]
    notes = [say(language, f"prompt.left_out_{part}", n=n) for part, n in prompt.left_out.items()]
    if prompt.next_out:
        notes.append(_next_out(prompt, prompt.next_out, language))
    lost = "".join(f'<p class="muted">{escape(note)}</p>' for note in notes)
    bar = f'<div class="bar" role="img" aria-label="{used}">{bits}</div>'
    return f'{bar}<p class="muted num">{used}</p>{ledger(rows)}{lost}'


def _next_out(prompt: Prompt, piece: Piece, language: str) -> str:
    """What goes first when the window is full, by its first words, and how much room there is until then."""
    words = " ".join(piece.text.split())
    words = f"{words[:14]}…" if len(words) > 15 else words
    free = max(prompt.window - prompt.reserve - len(prompt.ids), 0)
    return say(language, f"prompt.next_{piece.part}", words=words, free=f"{free:,}")


def tokens(items: Sequence[Token], *, learned: Sequence[bool] | None = None, ids: bool = True, most: int = 4000) -> str:
    """Coloured tokens with their ids. With `learned`, only those that carry loss are coloured and underlined."""
    spans = []
    for index, token in enumerate(items[:most]):
        shade = f"t{index % 5}" if learned is None else ("t2 learned" if learned[index] else "plain")
        text = escape(token.shown) or "·"
        lines = "<br>" * (token.text.count("\n") if not token.continues else 0)
        spans.append(f'<span class="{shade}" title="id {token.id}">{text}<sub>{token.id}</sub></span>{lines}')
    more = f' <span class="muted">… +{len(items) - most:,}</span>' if len(items) > most else ""
    return f'<div class="tokens{"" if ids else " without-ids"}">{"".join(spans)}{more}</div>'


def bubbles(turns: Iterable[Turn], persona_class: str = "learned") -> str:
    """Turns as speech bubbles; the persona's own carry `persona_class` ("learned" or "context")."""
    out = []
    for turn in turns:
        css = persona_class if turn.role == "assistant" else "user"
        for text in turn.messages:
            name = f"<small>{escape(turn.name)}</small>" if turn.name else ""
            out.append(f'<div class="said {css}">{name}{escape(text)}</div>')
    return f'<div class="row-view">{"".join(out)}</div>'
