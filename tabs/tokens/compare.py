"""Several tokenizers side by side on the text at hand: figures in a table, and their pieces line by line."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape

import gradio as gr

from core.tokens.compare import NotCompared, TokenizedText, TokenizerComparison, compare
from core.tokens.pieces import TextPiece
from tabs.tokens import table_view
from tabs.tokens.tokens_context import TokensContext, TokensHandlers, TokensPage, build_stop, told
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

HEADS = ("name", "vocabulary", "count", "per_token", "bytes_per_token", "unknown", "byte_pieces", "milliseconds")
LINES, PIECES = 24, 400  # of a text whose pieces are shown: the table counts all of it


class CompareHandlers(TokensHandlers):
    """Opens tokenizers and lays them side by side."""

    @handler
    def unfold(self, visitor: Visitor, chosen: list[str] | None) -> gr.Dropdown:
        """What can be chosen; at first what is there without a download."""
        return choices_for(self.context, visitor, chosen, chosen or self.context.at_hand(visitor))

    @handler
    def compare(self, visitor: Visitor, source: str, text: str, wanted: list[str] | None) -> Iterator[str]:
        """How it goes, then the comparison."""
        language, whole = visitor.language, self.context.text(visitor, source, text)
        names = {value: name for name, value in self.context.sources.choices(visitor.owner)}

        def work(report: Callable[[str], None]) -> TokenizerComparison:
            opened = partial(self.context.sources.open_named, visitor.owner)
            return compare(whole, wanted or [], opened, report)

        def sentence(name: str) -> str:
            return t(language, "tokens.opening", name=names.get(name, name))

        first = t(language, "tokens.comparing")
        yield from told(work, sentence, lambda found: drawn(found, language), first=first, language=language)


def choices_for(context: TokensContext, visitor: Visitor, chosen: list[str] | None, now: list[str]) -> gr.Dropdown:
    """The list with `now` chosen; where that is chosen already it is left alone, as somebody may be adding to it."""
    choices = context.sources.choices(visitor.owner)
    return gr.Dropdown(choices=choices) if (chosen or []) == now else gr.Dropdown(choices=choices, value=now)


def drawn(found: TokenizerComparison, language: str) -> str:
    """What was found as HTML: a sentence, the table, what cannot be had, and the pieces."""
    missing = "".join(_missing(one, language) for one in found.missing)
    if not found.found:
        return missing
    figures = found.table([t(language, f"tokens.{head}") for head in HEADS])
    fewest = min(found.found, key=lambda one: one.count.tokens)
    table = table_view.table(figures, language, marked=fewest.name)
    return f'<p class="said-first">{_sentence(found, language)}</p>{table}{missing}{_pieces(found, language)}'


def _sentence(found: TokenizerComparison, language: str) -> str:
    ranked = sorted(found.found, key=lambda one: one.count.tokens)
    least, most = ranked[0], ranked[-1]
    if len(ranked) == 1:
        return escape(t(language, "tokens.only_one", name=least.name, n=f"{least.count.tokens:,}"))
    times = f"{most.count.tokens / max(least.count.tokens, 1):.2f}"
    values = {"least": least.name, "n": f"{least.count.tokens:,}", "most": most.name, "times": times}
    return escape(t(language, "tokens.fewest", **values))


def _missing(one: NotCompared, language: str) -> str:
    why = t(language, "tokens.not_there", name=one.name, why=one.why.in_language(language))
    return f'<p class="refused" role="alert">{escape(why)}</p>'


def _pieces(found: TokenizerComparison, language: str) -> str:
    """Each line of the text in every tokenizer, one below the other."""
    several = len(found.found) > 1
    blocks, left = [], PIECES * len(found.found)
    lines = len(found.found[0].lines)
    for at in range(lines):
        rows = [(one, one.lines[at]) for one in found.found if at < len(one.lines)]
        if not any(pieces for _, pieces in rows):
            continue
        if len(blocks) == LINES or left <= 0:
            blocks.append(f'<p class="muted">{escape(t(language, "tokens.more_lines", n=lines - at))}</p>')
            break
        inside = "".join(_row(one, pieces[:PIECES], found, several) for one, pieces in rows)
        blocks.append(f'<div class="aligned">{inside}</div>')
        left -= sum(len(pieces) for _, pieces in rows)
    legend = _legend(found, language) if several else ""
    return f"{legend}{''.join(blocks)}"


def _row(one: TokenizedText, pieces: Sequence[TextPiece], found: TokenizerComparison, several: bool) -> str:
    spans = "".join(_piece(piece, number, found, several) for number, piece in enumerate(pieces))
    name = f'<span class="of" title="{escape(one.name)}">{escape(one.name)}</span>'
    return f'{name}<span class="num">{len(pieces):,}</span><div class="tokens without-ids">{spans}</div>'


def _piece(piece: TextPiece, number: int, found: TokenizerComparison, several: bool) -> str:
    own = several and not piece.continues and (piece.start, piece.end) not in found.common
    css = f"t{number % 5}{f' {piece.kind}' if piece.kind != 'plain' else ''}{' differs' if own else ''}"
    return f'<span class="{css}" title="id {piece.id}">{escape(piece.shown) or "·"}</span>'


def _legend(found: TokenizerComparison, language: str) -> str:
    kinds = {piece.kind for one in found.found for line in one.lines for piece in line}
    words = [f'<span class="tokens"><span class="differs">{escape(t(language, "tokens.differs"))}</span></span>']
    words += [
        f'<span class="tokens"><span class="{kind}">{escape(t(language, f"tokens.kind_{kind}"))}</span></span>'
        for kind in ("byte", "unknown") if kind in kinds
    ]  # fmt: skip
    return f'<p class="muted token-legend">{"".join(words)}</p>'


def build(context: TokensContext, page: TokensPage) -> gr.Dropdown:
    """The fold; returns the list of tokenizers, to which a trained one is added."""
    handlers = CompareHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.compare_fold"), open=False, elem_id="tokens-compare-fold") as fold,
    ):
        gr.Markdown(t_client("tokens.compare_what"), elem_classes="muted")
        wanted = gr.Dropdown(choices=[], value=[], multiselect=True, allow_custom_value=True, max_choices=None,
                             label=t_client("tokens.tokenizers"), info=t_client("tokens.tokenizers_info"),
                             elem_id="tokens-wanted")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.compare"), variant="primary", size="sm", elem_id="tokens-compare")
            stop = build_stop("tokens-compare-stop")
        shown = table_view.build_shown("tokens-compared")
        inputs = [*page.inputs, wanted]
        running = go.click(handlers.compare, inputs, shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
    fold.expand(handlers.unfold, [page.key, wanted], wanted, **EVENT)
    return wanted
