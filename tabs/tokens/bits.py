"""Which words carry information: each token of a text by its surprisal, and the words of the log's persona ranked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.logs.log import Log
from core.tokens.figure_table import FigureTable
from core.tokens.surprisal import PieceBits, Surprisal, WordBits, WordSurprise, surprisal, word_surprise
from tabs.tokens import table_view
from tabs.tokens.tokens_context import LOG, TokensContext, TokensHandlers, TokensPage, build_stop, told
from tabs.ui import charts
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

SHADES = (1.0, 3.0, 6.0, 10.0)  # bits at which the next shade begins
SHOWN_OF_LOG = 600  # characters of a log that are coloured; its words are ranked over all of it


@dataclass(frozen=True)
class FoundBits:
    """What was measured: a text, and the words of a log's persona where it is one."""

    text: Surprisal
    words: WordSurprise | None = None


class BitsHandlers(TokensHandlers):
    """Asks the loaded model what it expected."""

    @handler
    def measure(self, visitor: Visitor, source: str, text: str) -> Iterator[str]:
        """How it goes, then the coloured text, and of a log the words."""
        loaded, language, store = self.context.loaded(), visitor.language, self.services.models
        shown = self.context.text(visitor, source, text, SHOWN_OF_LOG)
        messages = self.context.messages(visitor, source, text) if source == LOG else []
        persona = self._persona(visitor, self.context.log(visitor)) if source == LOG else ""

        def work(report: Callable[[float], None]) -> FoundBits:
            found = surprisal(store, loaded, shown, whose=visitor.owner, report=report)
            if source != LOG:
                return FoundBits(found)
            words = word_surprise(store, loaded, messages, persona, whose=visitor.owner, report=report)
            return FoundBits(found, words)

        def sentence(share: float) -> str:
            return t(language, "tokens.bits_reading", percent=f"{share:.0%}", model=loaded.name)

        first = sentence(0.0)
        yield from told(work, sentence, lambda found: drawn(found, language), first=first, language=language)

    def _persona(self, visitor: Visitor, log: Log) -> str:
        opened = self.services.open_logs.get(visitor.owner)
        choices = self.services.open_logs.choices(visitor.owner)
        chosen = (opened.persona if opened else "") or (choices.persona if choices else "")
        return chosen or log.suggested_persona() or ""


def drawn(found: FoundBits, language: str) -> str:
    """What was measured, as HTML."""
    text = found.text
    values = {
        "model": text.model, "token": f"{text.bits_per_token:.1f}", "byte": f"{text.bits_per_byte:.2f}",
        "bits": f"{text.bits:,.0f}", "plain": f"{8 * len(text.text.encode('utf-8', 'surrogatepass')):,}",
    }  # fmt: skip
    said = f'<p class="said-first">{escape(t(language, "tokens.bits_found", **values))}</p>'
    legend = "".join(
        f'<span class="tokens"><span class="bits-{shade}">{escape(_shade_name(shade, language))}</span></span>'
        for shade in range(len(SHADES) + 1)
    )
    pieces = "".join(_piece(one, language) for one in text.pieces)
    coloured = f'<p class="muted token-legend">{legend}</p><div class="tokens without-ids" tabindex="0">{pieces}</div>'
    return said + coloured + (_words(found.words, language) if found.words else "")


def _shade_name(shade: int, language: str) -> str:
    low = SHADES[shade - 1] if shade else 0
    if shade == len(SHADES):
        return t(language, "tokens.bits_over", low=f"{low:g}")
    return t(language, "tokens.bits_range", low=f"{low:g}", high=f"{SHADES[shade]:g}")


def _piece(one: PieceBits, language: str) -> str:
    shade = 0 if one.bits is None else sum(one.bits >= start for start in SHADES)
    title = t(language, "tokens.bits_first") if one.bits is None else t(language, "tokens.bits_of", n=f"{one.bits:.1f}")
    newline = "<br>" * one.piece.text.count("\n")
    return f'<span class="bits-{shade}" title="{escape(title)}">{escape(one.piece.shown) or "·"}</span>{newline}'


def _words(words: WordSurprise, language: str) -> str:
    values = {"who": words.speaker, "n": f"{words.words:,}", "byte": f"{words.bits_per_byte:.2f}"}
    title = escape(t(language, "tokens.bits_words", **values))
    heads = [t(language, f"tokens.{head}") for head in ("bits_word", "bits_count", "bits_each")]
    rows = tuple((word.text, word.count, word.bits) for word in (*words.most, *words.least[::-1]))
    table = table_view.table(FigureTable("words", tuple(heads), rows), language)
    return (
        f'<p class="said-first">{title}</p><div class="profile">{_list("bits_most", words.most, language)}'
        f"{_list('bits_least', words.least, language)}</div>"
        f"<details><summary>{escape(t(language, 'tokens.as_table'))}</summary>{table}</details>"
    )


def _list(title: str, words: Sequence[WordBits], language: str) -> str:
    items = [(word.text, word.bits, f"{word.bits:.1f} × {word.count}") for word in words]
    return f"<section><h3>{escape(t(language, f'tokens.{title}'))}</h3>{charts.ranks(items)}</section>"


def build(context: TokensContext, page: TokensPage) -> None:
    """The fold."""
    handlers = BitsHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.bits_fold"), open=False, elem_id="tokens-bits-fold"),
    ):
        gr.Markdown(t_client("tokens.bits_what"), elem_classes="muted")
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.bits_go"), variant="primary", size="sm", elem_id="tokens-bits")
            stop = build_stop("tokens-bits-stop")
        shown = table_view.build_shown("tokens-surprise")
        running = go.click(handlers.measure, page.inputs, shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
