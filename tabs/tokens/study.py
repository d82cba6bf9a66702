"""The compression study: how much of a text is left when it is summarised piece by piece."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import accumulate, pairwise

import gradio as gr

from core.tokens.summaries import (
    PieceSummary,
    StudyStep,
    SummaryStudy,
    cut_text,
    local_writer,
    remote_writer,
    study,
)
from tabs.tokens import table_view
from tabs.tokens.tokens_context import TokensContext, TokensHandlers, TokensPage, build_stop, told
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

HEADS = ("study_piece", "study_before", "study_after", "study_recall", "study_bits", "study_given", "study_original",
         "study_summary")  # fmt: skip
HERE, THERE = "here", "there"
MOST_PIECES = 10  # of a log; a text is studied whole
LONGEST = 6_000  # characters of a log that are taken


class StudyHandlers(TokensHandlers):
    """Lets a model summarise, and measures what was kept."""

    @handler
    def study(
        self, visitor: Visitor, source: str, text: str, tokens: float, length: float, writer: str
    ) -> Iterator[str]:
        """How it goes, with the pieces that are done, then all of it."""
        loaded, store, language = self.context.loaded(), self.services.models, visitor.language
        whole = self.context.text(visitor, source, text, LONGEST)
        if source != "text":
            pieces = cut_text(whole, loaded, int(tokens or 0))[:MOST_PIECES]
            whole = whole[: sum(map(len, pieces))]
        remote = self.services.chat.remotes.of(visitor.owner) if writer == THERE else None
        write = remote_writer(remote) if remote else local_writer(store, loaded, visitor.owner)
        name = remote.name if remote else loaded.name

        def work(report: Callable[[StudyStep], None]) -> SummaryStudy:
            return study(
                whole, store, loaded, write, name, tokens=int(tokens or 0), length=int(length or 0),
                whose=visitor.owner, report=report,
            )  # fmt: skip

        def sentence(step: StudyStep) -> str:
            return t(language, "tokens.study_writing", n=len(step.done) + 1, of=step.of, model=name)

        def under(step: StudyStep) -> str:
            growing = f'<p class="muted">{escape(step.growing)}</p>' if step.growing else ""
            return growing + _pieces(step.done, language)

        first = t(language, "tokens.study_cutting")
        yield from told(
            work, sentence, lambda found: drawn(found, language), first=first, language=language, under=under
        )

    @handler
    def writers(self, visitor: Visitor) -> gr.Radio:
        """Who can write: the loaded model, and the server's that the visitor talks with."""
        remote = self.services.chat.remotes.of(visitor.owner)
        choices = [(t(visitor.language, "tokens.study_here"), HERE)]
        if remote:
            choices.append((t(visitor.language, "tokens.study_there", model=remote.name), THERE))
        return gr.Radio(choices=choices, value=THERE if remote else HERE, visible=bool(remote))


def drawn(found: SummaryStudy, language: str) -> str:
    """What was found, as HTML."""
    before, after = found.tokens_before, found.tokens_after
    values = {"before": f"{before:,}", "after": f"{after:,}", "share": f"{after / max(before, 1):.0%}",
              "recall": f"{found.recall:.0%}", "model": found.model}  # fmt: skip
    lines = [f'<p class="said-first">{escape(t(language, "tokens.study_found", **values))}</p>']
    if bits := found.bits_per_byte:
        told_share = f"{max(1 - bits[1] / bits[0], 0):.0%}" if bits[0] else "0%"
        words = t(language, "tokens.study_told", alone=f"{bits[0]:.2f}", given=f"{bits[1]:.2f}", share=told_share)
        lines.append(f"<p>{escape(words)}</p>")
    figures = found.table([t(language, f"tokens.{head}") for head in HEADS])
    table = table_view.table(figures, language)
    return (
        f"{''.join(lines)}{_bars(found, language)}{_pieces(found.pieces, language)}"
        f'<h3>{escape(t(language, "tokens.study_joined"))}</h3><div class="sample">{escape(found.joined)}</div>'
        f"<details><summary>{escape(t(language, 'tokens.as_table'))}</summary>{table}</details>"
    )


def _bars(found: SummaryStudy, language: str) -> str:
    """Tokens of all pieces before and after, on one scale."""
    whole = max(found.tokens_before, 1)
    ends = list(accumulate((piece.tokens_after for piece in found.pieces), initial=0))
    words = t(language, "tokens.study_bars", before=f"{found.tokens_before:,}", after=f"{found.tokens_after:,}")
    before = "".join(_bit(piece.tokens_before, whole, "side-0") for piece in found.pieces)
    after = "".join(_bit(b - a, whole, "side-1") for a, b in pairwise(ends))
    return (
        f'<div role="img" aria-label="{escape(words)}"><div class="bar ruler">{before}</div>'
        f'<div class="bar ruler">{after}</div></div>'
    )


def _bit(tokens: int, whole: int, css: str) -> str:
    return f'<i class="{css}" style="width:{100 * tokens / whole:.2f}%"></i>'


def _pieces(pieces: Sequence[PieceSummary], language: str) -> str:
    """Original and summary side by side; words that were kept are set off."""
    if not pieces:
        return ""
    return f'<div class="studied">{"".join(_piece(one, n, language) for n, one in enumerate(pieces, start=1))}</div>'


def _piece(one: PieceSummary, number: int, language: str) -> str:
    values = {"n": number, "before": one.tokens_before, "after": one.tokens_after, "recall": f"{one.recall:.0%}"}
    title = escape(t(language, "tokens.study_line", **values))
    original = escape(one.original.strip())
    for word in sorted({escape(word) for word in one.kept}, key=len, reverse=True):
        original = original.replace(word, f"\0{word}\1")
    original = original.replace("\0", "<ins>").replace("\1", "</ins>")
    return (
        f'<section class="diff"><h3 class="muted num">{title}</h3><p class="original">{original}</p>'
        f'<p class="summary">{escape(one.summary) or "—"}</p></section>'
    )


def build(context: TokensContext, page: TokensPage) -> None:
    """The fold."""
    handlers = StudyHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.study_fold"), open=False, elem_id="tokens-study-fold") as fold,
    ):
        gr.Markdown(t_client("tokens.study_what"), elem_classes="muted")
        with gr.Row():
            tokens = gr.Number(128, precision=0, minimum=32, label=t_client("tokens.study_tokens"),
                               elem_id="tokens-study-size")  # fmt: skip
            length = gr.Number(32, precision=0, minimum=8, maximum=400, label=t_client("tokens.study_length"),
                               elem_id="tokens-study-length")  # fmt: skip
        writer = gr.Radio([(t_client("tokens.study_here"), HERE)], value=HERE, visible=False,
                          label=t_client("tokens.study_writer"), elem_id="tokens-study-writer")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.study_go"), variant="primary", size="sm", elem_id="tokens-study")
            stop = build_stop("tokens-study-stop")
        shown = table_view.build_shown("tokens-studied")
        running = go.click(handlers.study, [*page.inputs, tokens, length, writer], shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
    fold.expand(handlers.writers, page.key, writer, **EVENT)
