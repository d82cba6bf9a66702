"""Training a tokenizer on the text or log at hand: watched as its vocabulary grows, kept, compared with others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.files import safe_name
from core.text import format_parameters
from core.tokens.figure_table import FigureTable, TableCell
from core.tokens.sources import OWN
from core.tokens.trained import TrainedTokenizerInfo
from core.tokens.training import (
    KINDS,
    Fertility,
    ReplacementCost,
    TokenizerKind,
    TrainingStage,
    fertility,
    replacement_cost,
    split_text,
    train_stages,
)
from tabs.tokens import kinds_view, table_view
from tabs.tokens.compare import choices_for
from tabs.tokens.tokens_context import TokensContext, TokensHandlers, TokensPage, build_stop, told
from tabs.ui import charts
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

SIZES = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
HEADS = ("stage_size", "stage_density", "stage_unknown", "stage_speed", "stage_seconds")


@dataclass(frozen=True)
class TokenizerForm(Form):
    """What is trained."""

    kind: TokenizerKind
    size: int
    byte_fallback: bool
    name: str


@dataclass(frozen=True)
class FoundTokenizer:
    """What a training came to."""

    info: TrainedTokenizerInfo
    stages: tuple[TrainingStage, ...]
    loaded: Fertility | None
    """Of the loaded model's tokenizer on the same lines; None where Python code does its work."""
    cost: ReplacementCost
    model: str


@dataclass(frozen=True)
class _Growing:
    """A training under way: what was trained so far, and the size that comes next."""

    stages: tuple[TrainingStage, ...]
    size: int


class TokenizerTrainingHandlers(TokensHandlers):
    """Trains, keeps and removes tokenizers."""

    @handler
    def train(self, visitor: Visitor, source: str, text: str, form: TokenizerForm) -> Iterator[str]:
        """How the vocabulary grows, then what came out."""
        loaded, language = self.context.loaded(), visitor.language
        lines = [message.text for message in self.context.messages(visitor, source, text)]
        name = safe_name(form.name or t(language, "tokens.train_name_value"), "tokenizer")

        def work(report: Callable[[_Growing], None]) -> FoundTokenizer:
            made, stages = split_text(lines), list[TrainingStage]()

            def growing(size: int) -> None:
                report(_Growing(tuple(stages), size))

            growing(0)
            for stage in train_stages(
                made, form.kind, int(form.size), byte_fallback=form.byte_fallback, report=growing
            ):
                stages.append(stage)
            last = stages[-1]
            bytes_too = form.byte_fallback and form.kind != "wordpiece"
            info = TrainedTokenizerInfo(name, form.kind, last.pieces, bytes_too, made.characters,
                                        last.fertility.characters_per_token, last.fertility.unknown)  # fmt: skip
            kept = self.services.trained_tokenizers.save(visitor.owner, info, last.tokenizer)
            theirs = getattr(loaded.tokenizer, "backend_tokenizer", None)
            beside = fertility(made, theirs) if theirs is not None else None
            cost = replacement_cost(last.tokenizer, loaded, made)
            return FoundTokenizer(kept, tuple(stages), beside, cost, loaded.name)

        def sentence(step: _Growing) -> str:
            return t(language, "tokens.train_growing", n=f"{step.size:,}")

        yield from told(
            work, sentence, lambda found: drawn(found, language), first=t(language, "tokens.train_begin"),
            language=language, under=lambda step: grown(step.stages, language),
        )  # fmt: skip

    @handler
    def choices(self, visitor: Visitor, wanted: list[str] | None) -> tuple[gr.Dropdown, gr.Dropdown, gr.Row]:
        """(the list of tokenizers to compare, with a new one chosen; the owner's own; the row that removes one)."""
        own = [info.name for info in self.services.trained_tokenizers.list_all(visitor.owner)]
        there = {f"{OWN}{name}" for name in own}
        kept = [one for one in wanted or () if not one.startswith(OWN) or one in there]
        newest = f"{OWN}{own[0]}" if own else ""
        # Nothing is chosen before the list is first seen; then `unfold` does, with the new one.
        chosen = [*kept, newest] if kept and newest and newest not in kept else kept
        mine = gr.Dropdown(choices=own, value=own[0] if own else None)
        return choices_for(self.context, visitor, wanted, chosen), mine, gr.Row(visible=bool(own))

    @handler
    def remove(self, visitor: Visitor, name: str | None) -> None:
        """Remove one of the owner's tokenizers for good."""
        if name:
            self.services.trained_tokenizers.delete(visitor.owner, name)
            self.context.sources.forget(visitor.owner, name)

    @handler
    def explain(self, visitor: Visitor, kind: TokenizerKind) -> tuple[str, gr.Checkbox]:
        """(a paragraph and a picture of the kind, whether bytes can be had with it)."""
        return kinds_view.explained(kind, visitor.language), gr.Checkbox(visible=kind != "wordpiece")


def grown(stages: Sequence[TrainingStage], language: str) -> str:
    """The pieces that each size brought, as HTML."""
    return "".join(
        f'<div class="aligned"><span class="of">{escape(t(language, "tokens.pieces", n=f"{stage.pieces:,}"))}</span>'
        f'<span class="num">{stage.fertility.characters_per_token:.2f}</span>'
        f'<div class="tokens without-ids">{"".join(map(_pill, stage.newest, range(len(stage.newest))))}</div></div>'
        for stage in stages
    )


def _pill(piece: str, number: int) -> str:
    shown = piece.replace("▁", "␣").replace("\n", "⏎")
    return f'<span class="t{number % 5}">{escape(shown)}</span>'


def drawn(found: FoundTokenizer, language: str) -> str:
    """What came out, as HTML."""
    last, info = found.stages[-1], found.info
    values = {"name": info.name, "n": f"{last.pieces:,}", "density": f"{info.characters_per_token:.2f}"}
    said = [t(language, "tokens.train_done", **values)]
    if found.loaded:
        beside = f"{found.loaded.characters_per_token:.2f}"
        said.append(t(language, "tokens.train_beside", model=found.model, density=beside))
    sentence = escape("".join(said) if language == "ja" else " ".join(said))
    fewer = ""
    if last.pieces < last.size:
        fewer = f'<p class="muted">{escape(t(language, "tokens.train_fewer", n=f"{last.size:,}"))}</p>'
    return (
        f'<p class="said-first">{sentence}</p>{fewer}{_curve(found.stages, language)}{_table(found, language)}'
        f"<h3>{escape(t(language, 'tokens.train_pieces'))}</h3>{grown(found.stages, language)}{_cost(found, language)}"
    )


def _curve(stages: Sequence[TrainingStage], language: str) -> str:
    values = [stage.fertility.characters_per_token for stage in stages]
    title = t(language, "tokens.train_curve")
    words = f"{title}: " + ", ".join(f"{s.pieces:,} → {s.fertility.characters_per_token:.2f}" for s in stages)
    ticks = {k: f"{stage.pieces:,}" for k, stage in enumerate(stages)}
    return (
        f'<div class="profile"><section><h3>{escape(title)}</h3>{charts.columns(values, ticks, words)}</section></div>'
    )


def _table(found: FoundTokenizer, language: str) -> str:
    rows: list[tuple[TableCell, ...]] = [
        (f"{stage.pieces:,}", one.characters_per_token, one.unknown, one.characters_per_second / 1e6, stage.seconds)
        for stage in found.stages for one in [stage.fertility]
    ]  # fmt: skip
    if one := found.loaded:
        rows.append((found.model, one.characters_per_token, one.unknown, one.characters_per_second / 1e6, ""))
    heads = tuple(t(language, f"tokens.{head}") for head in HEADS)
    return table_view.table(FigureTable(found.info.name, heads, tuple(rows)), language)


def _cost(found: FoundTokenizer, language: str) -> str:
    cost = found.cost
    values = {
        "model": found.model, "known": f"{cost.known:,}", "new": f"{cost.new:,}",
        "parameters": format_parameters(cost.parameters), "share": f"{cost.share:.1%}", "gained": f"{cost.gained:.2f}",
    }  # fmt: skip
    title, words = t(language, "tokens.replace_title"), t(language, "tokens.replace_words", **values)
    return f'<section class="replacing"><h3>{escape(title)}</h3><p>{escape(words)}</p></section>'


def build(context: TokensContext, page: TokensPage, wanted: gr.Dropdown) -> None:
    """The fold; `wanted` is the list of tokenizers to compare."""
    handlers = TokenizerTrainingHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.train_fold"), open=False, elem_id="tokens-train-fold") as fold,
    ):
        gr.Markdown(t_client("tokens.train_what"), elem_classes="muted")
        kind = gr.Radio([(t_client(f"tokens.kind_{one}"), one) for one in KINDS], value="bpe",
                        label=t_client("tokens.train_kind"), elem_id="tokens-kind")  # fmt: skip
        explained = gr.HTML(padding=False, elem_id="tokens-kind-picture")
        with gr.Row():
            size = gr.Dropdown([(f"{n:,}", n) for n in SIZES], value=4_000, label=t_client("tokens.train_size"),
                               elem_id="tokens-size")  # fmt: skip
            name = gr.Textbox(label=t_client("tokens.train_name"), placeholder=t_client("tokens.train_name_value"),
                              max_length=40, elem_id="tokens-train-name")  # fmt: skip
        fallback = gr.Checkbox(True, label=t_client("tokens.train_bytes"), container=False)
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.train_go"), variant="primary", size="sm", elem_id="tokens-train")
            stop = build_stop("tokens-train-stop")
        shown = table_view.build_shown("tokens-trained")
        form = TokenizerForm.inputs({"kind": kind, "size": size, "byte_fallback": fallback, "name": name})
        running = go.click(handlers.train, [*page.inputs, *form], shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
        with gr.Row(visible=False, elem_classes="actions") as removing:
            own = gr.Dropdown(choices=[], label=t_client("tokens.train_own"), elem_id="tokens-own")
            remove = gr.Button(t_client("tokens.train_remove"), variant="stop", size="sm", elem_id="tokens-own-remove")
    lists = ([page.key, wanted], [wanted, own, removing])
    gr.on([fold.expand, kind.change], handlers.explain, [page.key, kind], [explained, fallback], **EVENT)
    running.success(handlers.choices, *lists, **EVENT)
    fold.expand(handlers.choices, *lists, **EVENT)
    remove.click(handlers.remove, [page.key, own], None, **EVENT).success(handlers.choices, *lists, **EVENT)
