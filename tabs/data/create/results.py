"""The kept dialogues as nine data sets: their figures, how varied they are, and on to training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

import gradio as gr
from gradio.events import Dependency

from core.data.io.store import prompt_config_for
from core.errors import AppError
from core.prompt import token_counter
from core.prompt.encoder import encoder_for
from core.synth.diversity import Diversity, diversity
from core.synth.records import DialogueRecord
from core.synth.review import kept_records, reviewed
from core.synth.rows import NINE, PREAMBLES, DialogueVariant, PersonaPreamble, dialogue_variants
from core.synth.store import StoredPlan
from core.workspace import Split
from tabs.ui import charts, html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

FIGURES = ("dialogues", "samples", "tokens", "mean", "range", "user_mean", "persona_mean")
CHARTS = ("samples", "mean", "user_mean", "persona_mean")
NOTES_ROWS = {"all": 2662, "first": 296}
"""Rows that the variants of the user's own run had, by their windows."""
CountReport = Callable[[int], None]


@dataclass(frozen=True)
class ResultHandlers:
    """Counts and saves."""

    services: Services

    @handler
    def compare(self, visitor: Visitor, plan: str, tone: float, coherence: float, system: bool) -> Iterator[tuple]:
        """(how it goes, table and charts and diversity)."""
        stored, language = self.services.dialogues.get(visitor.owner, plan), visitor.language
        dialogues = reviewed(stored.plan, stored.folder)
        kept = kept_records(dialogues, int(tone), int(coherence))

        def work(report: CountReport) -> str:
            made = list(self._variants(stored, kept, system, report))
            return table(made, language) + pictures(made, language) + varied(
                diversity([one.record for one in dialogues]), diversity(kept), language
            )  # fmt: skip

        for step in self._steps(visitor, work, "create.counting", system):
            yield ("", step.value) if isinstance(step, Result) else (step, gr.skip())

    @handler
    def save(self, visitor: Visitor, plan: str, tone: float, coherence: float, system: bool) -> Iterator[tuple]:
        """(how it goes, the list to train from, the part with the list)."""
        stored = self.services.dialogues.get(visitor.owner, plan)
        kept = kept_records(reviewed(stored.plan, stored.folder), int(tone), int(coherence))

        def work(report: CountReport) -> list[str]:
            return [self._kept(visitor, stored, one) for one in self._variants(stored, kept, system, report)]

        for step in self._steps(visitor, work, "create.saving", system):
            if not isinstance(step, Result):
                yield step, gr.skip(), gr.skip()
                continue
            names = step.value
            said = f'<p class="good" role="status">{escape(t(visitor.language, "create.made", n=len(names)))}</p>'
            yield said, gr.Dropdown(choices=names, value=names[0]), gr.Column(visible=True)

    @handler
    def learn(self, visitor: Visitor, chosen: str | None) -> tuple[str, gr.Tabs]:
        """(the data set to train on, the way there)."""
        return self.services.datasets.get(visitor.owner, chosen or "").folder.name, gr.Tabs(selected="train")

    def _steps(self, visitor: Visitor, work: Callable, words: str, system: bool) -> Iterator:
        """Sentences on how it goes, then the Result. Raises what the work does, after saying it."""
        all_of_them = len(NINE) * (len(PREAMBLES) + system)
        try:
            for step in with_progress(work):
                if isinstance(step, Result):
                    yield step
                else:
                    yield html_parts.working(t(visitor.language, words, n=step, of=all_of_them))
        except AppError as error:
            yield in_words(error, visitor.language)
            raise

    def _variants(
        self, stored: StoredPlan, kept: Sequence[DialogueRecord], system: bool, report: CountReport
    ) -> Iterator[DialogueVariant]:
        plan, loaded = stored.plan, self.services.models.current()
        config = prompt_config_for(None, context_window=loaded.context, persona=plan.persona.name, description="")
        preambles: tuple[PersonaPreamble, ...] = (*PREAMBLES, "system") if system else PREAMBLES
        made = dialogue_variants(
            kept, counter=token_counter(config, loaded.tokenizer), budget=loaded.context,
            count=encoder_for(loaded.tokenizer).size, who=plan.who, description=plan.persona.description,
            language=plan.language, preambles=preambles, name=stored.name,
        )  # fmt: skip
        report(0)
        for number, variant in enumerate(made, start=1):
            yield variant
            report(number)

    def _kept(self, visitor: Visitor, stored: StoredPlan, variant: DialogueVariant) -> str:
        """The variant as a saved data set; its name."""
        prepared = variant.prepared
        rows: dict[Split, Sequence] = {
            "train": prepared.train, "validation": prepared.validation, "test": prepared.test,
        }  # fmt: skip
        info = variant.info(variant.name, stored.plan.persona.description, self.services.models.current().name)
        named = replace(info, name=f"{stored.name[:40]}-{variant.name}")
        return self.services.datasets.import_rows(visitor.owner, named, rows).folder.name


def title(one: DialogueVariant, language: str) -> str:
    """A variant in words."""
    way = t(language, f"create.way_{one.windows}-{one.utterances}")
    return f"{way}・{t(language, f'create.preamble_{one.preamble_kind}')}"


def table(made: Sequence[DialogueVariant], language: str) -> str:
    """A line for each variant, and beside it the rows that the user's own run had."""
    names = ("way", *(f"figure_{name}" for name in FIGURES), "figure_notes")
    heads = "".join(f'<th scope="col">{escape(t(language, f"create.{name}"))}</th>' for name in names)
    lines = "".join(
        f'<tr><th scope="row">{escape(title(one, language))}</th>'
        + "".join(f"<td>{_figure(one, name)}</td>" for name in FIGURES)
        + f'<td class="muted">{"—" if one.preamble_kind == "system" else f"{NOTES_ROWS[one.windows]:,}"}</td></tr>'
        for one in made
    )
    notes = f'<p class="muted">{escape(t(language, "create.notes"))}</p>'
    drawn = f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="variants num nine" tabindex="0">{drawn}</div>{notes}'


def _figure(one: DialogueVariant, name: str) -> str:
    figures = one.statistics
    if name == "range":
        return f"{figures.shortest:,}–{figures.longest:,}"
    value = getattr(figures, name)
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def pictures(made: Sequence[DialogueVariant], language: str) -> str:
    """A small picture for each figure: a column for each variant, in the order of the table."""
    panels = []
    for name in CHARTS:
        values = [getattr(one.statistics, name) for one in made]
        heading = t(language, f"create.figure_{name}")
        range_ = t(language, "create.range", low=f"{min(values):,.0f}", high=f"{max(values):,.0f}")
        picture = charts.columns(values, {}, f"{heading}: {range_}")
        panels.append(
            f'<section><h3>{escape(heading)}<span class="muted num">{escape(range_)}</span></h3>{picture}</section>'
        )
    return f'<div class="profile figures">{"".join(panels)}</div>'


def varied(before: Diversity, after: Diversity, language: str) -> str:
    """How varied all dialogues are, and those that are kept."""
    lines = [
        (escape(t(language, f"create.{name}")), f"{_short(getattr(before, name))} → {_short(getattr(after, name))}", "")
        for name in ("distinct_2", "self_bleu", "compression", "near_duplicates")
    ]
    return f"<h3>{escape(t(language, 'create.diversity'))}</h3>{html_parts.ledger(lines)}"


def _short(value: float) -> str:
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"


@dataclass(frozen=True)
class ResultParts:
    """The card's components."""

    card: gr.Column
    going: gr.HTML
    made: gr.HTML
    choosing: gr.Column


def build(
    services: Services, shared: Shared, plan: gr.State, thresholds: Sequence[gr.Slider],
    refresh_saved: Callable[[Dependency], object],
) -> ResultParts:  # fmt: skip
    """The card, hidden until there is a dialogue; `refresh_saved` is given the event after which there are new sets."""
    handlers = ResultHandlers(services)
    with gr.Column(elem_classes="card", visible=False, elem_id="create-results-card") as card:
        gr.Markdown(t_heading("create.results"), elem_classes="title")
        gr.Markdown(t_client("create.results_what"), elem_classes="muted")
        system = gr.Checkbox(label=t_client("create.with_system"), elem_id="create-system")
        with gr.Row(elem_classes="actions"):
            save = gr.Button(t_client("create.make_sets"), variant="primary", elem_id="create-sets")
            compare = gr.Button(t_client("create.figures"), elem_id="create-figures")
        going = gr.HTML(padding=False, elem_id="create-going")
        with gr.Column(visible=False, elem_classes="bare") as choosing:
            which = gr.Dropdown(choices=[], label=t_client("create.which"), elem_id="create-which")
            learn = gr.Button(t_client("create.learn"), variant="primary", elem_id="create-learn")
        made = gr.HTML(padding=False, elem_id="create-variants")
    inputs = [shared.key, plan, *thresholds, system]
    compare.click(handlers.compare, inputs, [going, made], **EVENT)
    refresh_saved(save.click(handlers.save, inputs, [going, which, choosing], **EVENT))
    learn.click(handlers.learn, [shared.key, which], [shared.dataset, shared.tabs], **EVENT)
    return ResultParts(card, going, made, choosing)
