"""The variants of a log: made by one button, laid side by side in a table and a picture, one of them chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

import gradio as gr

from core.data.open_log import Compared, MakingVariants, OpenLog, StepReport, compare_variants
from core.data.variants import VariantGrid
from core.errors import AppError
from tabs.data.data_context import DataContext, DataHandlers, step_text
from tabs.data.page import Page
from tabs.ui import charts
from tabs.ui.handler import EVENT, handler
from tabs.ui.html_parts import working
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

FIGURES = ("dialogues", "samples", "tokens", "mean", "longest", "shortest", "user_mean", "persona_mean")
WAYS = ("exchanges", "preamble", "burst", "cleaned")


class VariantHandlers(DataHandlers):
    """Makes and shows the variants. Choosing one is the opening's business, for it makes the rows anew."""

    @handler
    def compare(self, visitor: Visitor, log: str) -> Iterator[tuple]:
        """(how it goes, table and picture, the list to choose from, the part with the list)."""
        (opened, _), loaded = self.context.with_rows(visitor, log), self.services.models.current()
        language = visitor.language
        skips = (gr.skip(), gr.skip(), gr.skip())
        yield working(step_text(MakingVariants(0, len(VariantGrid())), language)), *skips

        def work(report: StepReport) -> tuple[Compared, ...]:
            return compare_variants(opened, loaded, report)

        try:
            for step in with_progress(work):
                if not isinstance(step, Result):
                    yield working(step_text(step, language)), *skips
                    continue
                now = self.context.logs.get(visitor.owner)
                if now and now.choices.file == opened.choices.file:
                    self.context.logs.remember(visitor.owner, replace(now, compared=step.value))
                yield "", *shown(replace(opened, compared=step.value), language)
        except AppError as error:
            yield in_words(error, language), *skips
            raise

    @handler
    def standing(self, visitor: Visitor, log: str) -> tuple[str, gr.Dropdown, gr.Column]:
        """What was compared before for the log that is open now: (table and picture, list, part with the list)."""
        opened = self.context.logs.get(visitor.owner)
        if opened is None or opened.choices.file != log:
            return "", gr.Dropdown(choices=[], value=None), gr.Column(visible=False)
        return shown(opened, visitor.language)


def shown(opened: OpenLog, language: str) -> tuple[str, gr.Dropdown, gr.Column]:
    """(table and picture, the list with what stands now chosen, the part with the list)."""
    made = opened.compared
    if not made:
        return "", gr.Dropdown(choices=[], value=None), gr.Column(visible=False)
    now = opened.current_variant
    choices = [(title(one, language), one.name) for one in made]
    html = f"{table(made, now, language)}{pictures(made, now, language)}"
    return html, gr.Dropdown(choices=choices, value=now or made[0].name), gr.Column(visible=True)


def title(one: Compared, language: str) -> str:
    """A variant in words."""
    return ("・" if language == "ja" else " · ").join(_ways(one, language))


def _ways(one: Compared, language: str) -> tuple[str, str, str, str]:
    """In what it differs from the others: exchanges, preamble, bursts, cleaned or raw."""
    return (
        t(language, "data.variant_exchanges", n=one.exchanges), t(language, f"data.variant_{one.preamble_kind}"),
        t(language, f"data.variant_{one.recipe.burst}"),
        t(language, "data.variant_clean" if one.recipe.clean else "data.variant_raw"),
    )  # fmt: skip


def table(made: Sequence[Compared], now: str, language: str) -> str:
    """A line for each variant with its figures; the one that stands is marked by a word too."""
    names = [*(f"way_{way}" for way in WAYS), *(f"figure_{figure}" for figure in FIGURES)]
    heads = "".join(f'<th scope="col">{escape(t(language, f"data.{name}"))}</th>' for name in names)
    lines = []
    for one in made:
        figures = (getattr(one.statistics, name) for name in FIGURES)
        cells = "".join(f"<td>{_figure(n)}</td>" for n in figures)
        ways = (escape(way) for way in _ways(one, language)[1:])
        mark = f"<b>{escape(t(language, 'data.variant_now'))}</b>" if one.name == now else ""
        css = ' class="now"' if mark else ""
        words = "".join(f"<td>{way}</td>" for way in ways)
        lines.append(f'<tr{css}><th scope="row">{one.exchanges}{mark}</th>{words}{cells}</tr>')
    return (
        f'<div class="variants num" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def pictures(made: Sequence[Compared], now: str, language: str) -> str:
    """A small picture for each figure: a column for each variant, in the order of the table."""
    kinds = ["now" if one.name == now else "cleaned" if one.recipe.clean else "raw" for one in made]
    counts = [one.exchanges for one in made]
    ticks = {  # in the middle of those with as many exchanges
        counts.index(n) + counts.count(n) // 2: t(language, "data.variant_exchanges", n=n)
        for n in dict.fromkeys(counts)
    }
    panels = []
    for name in FIGURES:
        figures = [getattr(one.statistics, name) for one in made]
        heading = t(language, f"data.figure_{name}")
        range_ = t(language, "data.variants_range", least=_figure(min(figures)), most=_figure(max(figures)))
        picture = charts.columns(figures, ticks, f"{heading}: {range_}", kinds=kinds)
        panels.append(
            f'<section><h3>{escape(heading)}<span class="muted num">{escape(range_)}</span></h3>{picture}</section>'
        )
    legend = "".join(
        f'<span><span class="dot kind-{kind}"></span>{escape(t(language, f"data.variant_{word}"))}</span>'
        for kind, word in (("raw", "raw"), ("cleaned", "clean"), ("now", "now"))
    )
    return f'<div class="profile figures">{"".join(panels)}</div><p class="muted kinds-legend">{legend}</p>'


def _figure(n: float) -> str:
    return f"{n:,.1f}" if isinstance(n, float) else f"{n:,}"


def build(context: DataContext, page: Page, key: gr.BrowserState) -> tuple[gr.Dropdown, gr.Button]:
    """The fold; returns the list and the button that takes what is chosen in it."""
    handlers = VariantHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-variants-card"),
        gr.Accordion(t_client("data.variants_fold"), open=False, elem_id="data-variants-fold"),
    ):
        gr.Markdown(t_client("data.variants_what"), elem_classes="muted")
        compare = gr.Button(t_client("data.compare"), size="sm", elem_id="data-compare")
        going = gr.HTML(padding=False, elem_id="data-comparing")
        with gr.Column(visible=False, elem_classes="bare") as choosing:
            variant = gr.Dropdown(choices=[], label=t_client("data.variant"), elem_id="data-variant")
            take = gr.Button(t_client("data.variant_take"), size="sm", elem_id="data-variant-take")
        made = gr.HTML(padding=False, elem_id="data-variants")
    inputs = [key, page["log"]]
    running = compare.click(handlers.compare, inputs, [going, made, variant, choosing], **EVENT)
    page["made"].change(handlers.standing, inputs, [made, variant, choosing], **EVENT)
    stop_running(page["log"].change, running, lambda: "", [going])
    return variant, take
