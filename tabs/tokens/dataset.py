"""A data set on its way into the model: a batch as a picture, how long its rows are, and what a window cuts."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

import gradio as gr

from core.data.io.store import prompt_config_for
from core.data.rows import read_rows
from core.models.loading import LoadedModel
from core.prompt.token_text import spell
from core.tokens.batch import BatchRow, DatasetTokens, SeenBatch, dataset_tokens, see_batch
from tabs.tokens import table_view
from tabs.tokens.tokens_context import TokensContext, TokensHandlers, build_stop, told
from tabs.ui import charts, html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

HEADS = ("cut_window", "cut_rows", "cut_turns", "cut_loss")
KINDS = ("loss", "context", "padding")
TALL = 14.0  # units of the picture that a row is high
FIRST = 24  # tokens at the beginning of the longest row that are spelled out
Looked = tuple[SeenBatch, DatasetTokens]


class DatasetHandlers(TokensHandlers):
    """Makes batches of a data set as the trainer does; trains nothing."""

    @handler
    def look(self, visitor: Visitor, dataset: str, size: float, window: float, number: float) -> Iterator[str]:
        """How it goes, then the batch and the figures of the whole set."""
        language, loaded = visitor.language, self.context.loaded()
        if not dataset:
            yield html_parts.empty(t(language, "tokens.no_rows"), t(language, "tokens.no_rows_hint"))
            return
        saved = self.services.datasets.get(visitor.owner, dataset)
        tokens = max(64, min(int(window or loaded.context), loaded.context))

        def work(report: Callable[[int], None]) -> Looked:
            rows = list(read_rows(saved.file("train")))
            config = prompt_config_for(saved.info, context_window=tokens)
            batch = see_batch(rows, config, loaded.tokenizer, window=tokens, size=max(1, int(size or 1)),
                              number=int(number or 1), report=report)  # fmt: skip
            return batch, dataset_tokens(rows, config, loaded.tokenizer, window=tokens, report=report)

        def sentence(done: int) -> str:
            return t(language, "tokens.batch_reading", n=f"{done:,}", all=f"{saved.info.train_rows:,}")

        def draw(found: Looked) -> str:
            batch, whole = found
            return drawn(batch, language, loaded) + figures(whole, tokens, saved.info.budget, language)

        yield from told(work, sentence, draw, first=sentence(0), language=language)


def drawn(batch: SeenBatch, language: str, loaded: LoadedModel) -> str:
    """The batch as a picture: a row each, coloured by what its tokens do."""
    cells = batch.cells
    every = sum(cells.values())
    values = {
        "number": batch.number, "count": f"{batch.count:,}", "rows": len(batch.rows), "width": f"{batch.width:,}",
        **{kind: f"{cells[kind] / every:.0%}" for kind in KINDS},
    }  # fmt: skip
    words = t(language, "tokens.batch_words", **values)
    saved = t(language, "tokens.batch_padding", order=f"{batch.in_order:.0%}", buckets=f"{batch.in_buckets:.0%}")
    legend = "".join(
        f'<span><span class="dot cell-{kind}"></span>{escape(name)}</span>'
        for kind, name in ((kind, t(language, f"tokens.cell_{kind}")) for kind in KINDS)
    )
    return (
        f'<p class="said-first">{escape(words)}</p>{_picture(batch, words)}<p class="muted kinds-legend">{legend}</p>'
        f'<p class="muted">{escape(saved)}</p>{_beginning(batch, language, loaded)}'
    )


def _picture(batch: SeenBatch, words: str) -> str:
    rows = "".join(_row(row, TALL * number) for number, row in enumerate(batch.rows))
    box = f"0 0 {batch.width} {TALL * len(batch.rows):.0f}"
    return (
        f'<svg class="batch" viewBox="{box}" preserveAspectRatio="none" style="height:{len(batch.rows) * 22}px" '
        f'role="img" aria-label="{escape(words)}">{rows}</svg>'
    )


def _row(row: BatchRow, top: float) -> str:
    at, bits = 0, []
    for kind, n in row.runs:
        bits.append(f'<rect class="cell-{kind}" x="{at}" width="{n}" y="{top:.1f}" height="{TALL - 2:.1f}"/>')
        at += n
    return "".join(bits)


def _beginning(batch: SeenBatch, language: str, loaded: LoadedModel) -> str:
    """The same of some tokens of the longest row, as numbers: ids above, labels below."""
    row = batch.rows[0]
    start = next((at for at, label in enumerate(row.labels) if label >= 0), 0)
    first = max(0, min(start - FIRST // 3, row.length - FIRST))
    last = min(first + FIRST, row.length)
    tokens = [one.shown or "·" for one in spell(row.ids[:last], loaded.tokenizer)[first:]]
    lines = (
        ("batch_text", tokens), ("batch_ids", [str(n) for n in row.ids[first:last]]),
        ("batch_labels", [str(n) for n in row.labels[first:last]]),
    )  # fmt: skip
    learned = [row.labels[at] >= 0 for at in range(first, last)]
    cells = "".join(_line(t(language, f"tokens.{name}"), line, learned) for name, line in lines)
    note = escape(t(language, "tokens.batch_labels_words"))
    return f'<div class="figures-table num ids" tabindex="0"><table>{cells}</table></div><p class="muted">{note}</p>'


def _line(name: str, values: Sequence[str], learned: Sequence[bool]) -> str:
    cells = "".join(
        f'<td class="{"good" if one else ""}">{escape(value)}</td>' for value, one in zip(values, learned, strict=True)
    )
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def figures(found: DatasetTokens, window: int, budget: int, language: str) -> str:
    """How long the rows are, and what each window cuts."""
    counts, step = found.histogram()
    share = found.loss_tokens / found.tokens
    longest = max(found.lengths)
    values = {"tokens": f"{found.tokens:,}", "share": f"{share:.0%}", "rows": f"{len(found.lengths):,}",
              "longest": f"{longest:,}", "median": f"{sorted(found.lengths)[len(found.lengths) // 2]:,}"}  # fmt: skip
    words = t(language, "tokens.set_words", **values)
    kinds = ["now" if k * step >= window else "learned" for k in range(len(counts))]
    ticks = {0: "1", len(counts) - 1: f"{(len(counts) - 1) * step:,}"}
    picture = charts.columns(counts, ticks, words, kinds=kinds)
    heads = [t(language, f"tokens.{head}") for head in HEADS]
    now = next(one for one in found.windows if one.window == window)
    cut = t(language, "tokens.set_cut" if now.cut or now.too_long else "tokens.set_whole", window=f"{window:,}",
            cut=f"{now.cut:,}", lost=f"{now.too_long:,}")  # fmt: skip
    longer = t(language, "tokens.set_longer", budget=f"{budget:,}") if budget else ""
    part = t(language, "tokens.set_part", rows=f"{found.rows:,}") if found.rows > len(found.lengths) else ""
    notes = "".join(f'<p class="muted">{escape(note)}</p>' for note in (longer, part) if note)
    title = escape(t(language, "tokens.set_lengths"))
    lengths = f'<section><h3>{title}</h3>{picture}<p class="muted">{escape(words)}</p></section>'
    table = table_view.table(found.table(heads), language)
    return f'<p class="said-first">{escape(cut)}</p><div class="profile">{lengths}</div>{table}{notes}'


def build(context: TokensContext, key: gr.BrowserState, dataset: gr.Dropdown) -> None:
    """The fold, in the card where a data set is chosen."""
    handlers = DatasetHandlers(context)
    with gr.Accordion(t_client("tokens.batch_fold"), open=False, elem_id="tokens-batch-fold"):
        gr.Markdown(t_client("tokens.batch_what"), elem_classes="muted")
        with gr.Row():
            size = gr.Number(8, precision=0, minimum=1, maximum=64, label=t_client("tokens.batch_size"),
                             elem_id="tokens-batch-size")  # fmt: skip
            window = gr.Number(1024, precision=0, minimum=64, label=t_client("tokens.batch_window"),
                               elem_id="tokens-batch-window")  # fmt: skip
            number = gr.Number(1, precision=0, minimum=1, label=t_client("tokens.batch_number"),
                               elem_id="tokens-batch-number")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.batch_go"), variant="primary", size="sm", elem_id="tokens-batch")
            stop = build_stop("tokens-batch-stop")
        shown = table_view.build_shown("tokens-batch-shown")
        running = go.click(handlers.look, [key, dataset, size, window, number], shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
