"""A prompt as HTML: the bar of its parts, and its exact text or tokens, part by part."""

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from core.prompt import Prompt, Segment
from core.prompt.token_text import spell
from tabs.ui import html_parts
from tabs.ui.text import t

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from core.train.worker.rows import Example


def whose(speaker: str, language: str) -> str:
    """Whose prompt is shown, where several talk; "" in a talk of two, which has no `speaker`."""
    return f'<p class="muted next-speaker">{escape(t(language, "group.next", name=speaker))}</p>' if speaker else ""


def budget(prompt: Prompt, language: str, *, over: bool = False) -> str:
    """The bar of what the model sees, part by part, with the reply's reserve, what fell out and what will next.

    `over`: the reply is there already, and nothing goes next.
    """
    sizes = {part: n for part, n in prompt.tokens_by_part().items() if n} | {"reserve": prompt.reserve}
    names = {part: escape(t(language, f"prompt.{part}")) for part in sizes}
    window = max(prompt.window, 1)
    used = escape(t(language, "prompt.used", used=f"{len(prompt.ids):,}", window=f"{prompt.window:,}"))
    bits = "".join(
        f'<i class="part-{part}" style="width:{100 * n / window:.2f}%" title="{names[part]} {n}"></i>'
        for part, n in sizes.items()
    )
    rows = [(f'<span class="dot part-{part}"></span>{names[part]}', f"{n:,}", "") for part, n in sizes.items()]
    notes = [t(language, f"prompt.left_out_{part}", n=n) for part, n in prompt.left_out.items()]
    if prompt.next_out and not over:
        notes.append(_next_out(prompt, prompt.next_out, language))
    lost = "".join(f'<p class="muted">{escape(note)}</p>' for note in notes)
    bar = f'<div class="bar" role="img" aria-label="{used}">{bits}</div>'
    return f'{bar}<p class="muted num">{used}</p>{html_parts.ledger(rows)}{lost}'


def example(row: "Example", tokenizer: "PreTrainedTokenizerBase", language: str, *, ids: bool = False) -> str:
    """A row as training reads it: how many of its tokens carry loss, and which."""
    from core.train.worker.rows import IGNORED

    counts = t(language, "tokens.learned", n=f"{row.loss_tokens:,}", all=f"{len(row.ids):,}")
    weights = row.weights or [float(label != IGNORED) for label in row.labels]
    drawn = html_parts.tokens(spell(row.ids, tokenizer), learned=list(weights), ids=ids)
    return f'<p class="muted num">{escape(counts)}</p>{drawn}'


def _next_out(prompt: Prompt, piece: Segment, language: str) -> str:
    """What goes first when the window is full, by its first words, and how much room there is until then."""
    words = " ".join(piece.text.split())
    words = f"{words[:14]}…" if len(words) > 15 else words
    free = max(prompt.window - prompt.reserve - len(prompt.ids), 0)
    return t(language, f"prompt.next_{piece.part}", words=words, free=f"{free:,}")


def text(prompt: Prompt, language: str) -> str:
    """The exact text that is tokenised, in blocks that carry the colour and the name of their part."""
    return "".join(
        _block(part, sum(p.end - p.start for p in run), f"<pre>{escape(''.join(p.text for p in run))}</pre>", language)
        for part, run in (
            (part, list(pieces)) for part, pieces in groupby(prompt.segments, key=lambda piece: piece.part)
        )
    )


def tokens(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", language: str, *, ids: bool) -> str:
    """The same blocks with every token on its own."""
    blocks = []
    for part, pieces in groupby(prompt.segments, key=lambda piece: piece.part):
        items = [token for p in pieces for token in spell(prompt.ids[p.start : p.end], tokenizer)]
        blocks.append(_block(part, len(items), html_parts.tokens(items, ids=ids), language))
    return "".join(blocks)


def _block(part: str, size: int, inside: str, language: str) -> str:
    name = escape(t(language, f"prompt.{part}"))
    title = f'<small class="muted num">{name} {size:,}</small>'
    return f'<section class="part"><i class="part-{part}"></i><div>{title}{inside}</div></section>'
