"""Preference tuning from the page: begin it on what a training left, and see how clearly it prefers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.errors import InputError
from core.train.preference.config import PreferenceConfig, settings_after
from core.train.queue.progress import Progress
from tabs.train.curve import ticks
from tabs.ui.adapters import kept, kept_names
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

ENDING = "-dpo"


@dataclass(frozen=True)
class PreferenceHandlers:
    """Begins a preference run on the adapter of a training."""

    services: Services

    @handler
    def look(self, visitor: Visitor, chosen: str) -> tuple[str, float]:
        """What there is to learn from: (sentence on corrections, advised learning rate)."""
        job = self.services.jobs.get(visitor.owner, chosen)
        names = kept_names(self.services, visitor.owner, job)
        count = sum(len(self.services.preferences.list_all(visitor.owner, adapter=name)) for name in names)
        sentence = escape(t(visitor.language, "after.corrections", n=count))
        return f'<p class="muted">{sentence}</p>', settings_after(job.spec.config).learning_rate

    @handler
    def begin(self, visitor: Visitor, chosen: str, own_replies: float, beta: float, rate: float) -> tuple[str, str]:
        """Put the run in the queue: (its id, what to look at)."""
        if own_replies is None or beta is None or rate is None:
            raise InputError("Fill in every field.", "空いている欄を埋めてください。")
        adapter = kept(self.services, visitor.owner, chosen)
        job = self.services.jobs.get(visitor.owner, chosen)
        spec = replace(
            job.spec,
            dataset=job.folder.dataset,
            prompt_config=adapter.prompt_config or job.spec.prompt_config,
            config=replace(settings_after(job.spec.config), learning_rate=float(rate)),
            adapter_name=named(job.name),
            preference=PreferenceConfig(beta=float(beta), own_replies=int(own_replies)),
        )
        pairs = self.services.preferences.list_all(visitor.owner, adapter=adapter.name)
        run = self.services.jobs.submit(visitor.owner, spec, start=adapter.folder, pairs=pairs[::-1])
        sentence = escape(t(visitor.language, "after.prefer_queued", name=run.name))
        return run.id, f'<p class="good" role="status">{sentence}</p>'


def named(adapter: str) -> str:
    """A name for what comes of `adapter`.

    >>> named("mika"), named("mika-dpo")
    ('mika-dpo', 'mika-dpo')
    """
    return adapter if adapter.endswith(ENDING) else f"{adapter[: 64 - len(ENDING)]}{ENDING}"


def preference_html(progress: Progress, language: str) -> str:
    """How clearly the better replies are preferred: a sentence and the margins over the steps; "" of other runs."""
    if not progress.preference_eval:
        return ""
    held = [event for event in progress.preference_eval if event.validation]
    last = (held or progress.preference_eval)[-1]
    name = "after.preferred" if held else "after.preferred_learned"
    words = t(language, name, share=f"{last.accuracy:.0%}", margin=f"{last.margin:+.2f}")
    css = "good" if last.margin > 0 else "warn"
    return f'<p class="{css} verdict">{escape(words)}</p>{_margins(progress, language)}'


def _margins(progress: Progress, language: str) -> str:
    """The margins as lines: of what is learned from, and dotted of what is held out."""
    learned, held = (
        [(e.step, e.margin) for e in progress.preference_eval if e.validation == out] for out in (False, True)
    )
    if len(learned) + len(held) < 2 or not progress.steps:
        return ""
    values = [margin for _, margin in (*learned, *held)]
    marks = ticks(min(0.0, *values), max(0.0, *values), about=3)
    low, high = marks[0], marks[-1]

    def line(points: Sequence[tuple[float, float]], css: str) -> str:
        path = " ".join(f"{100 * x / progress.steps:.2f},{100 * (high - y) / (high - low):.2f}" for x, y in points)
        return f'<polyline class="{css}" points="{path}" vector-effect="non-scaling-stroke"/>' if points else ""

    rules = "".join(line([(0, mark), (progress.steps, mark)], "rule") for mark in marks)
    labels = "".join(
        f'<span class="y" style="top:{100 * (high - mark) / (high - low):.2f}%">{mark:g}</span>' for mark in marks
    )
    caption = escape(t(language, "after.margins"))
    return (
        f'<figure class="curve margins"><div class="plot" role="img" aria-label="{caption}">'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">'
        f"{rules}{line(learned, 'train')}{line(held, 'validation')}</svg>{labels}</div>"
        f'<figcaption class="muted">{caption}</figcaption></figure>'
    )


def build(services: Services, shared: Shared, chosen: gr.State) -> None:
    """The folded part of a training that ended."""
    handlers = PreferenceHandlers(services)
    with gr.Accordion(t_client("after.prefer"), open=False, elem_id="prefer") as fold:
        gr.Markdown(t_client("after.prefer_hint"), elem_classes="muted")
        found = gr.HTML(padding=False, elem_id="prefer-corrections")
        with gr.Row():
            own = gr.Number(200, precision=0, minimum=0, label=t_client("after.own_replies"), min_width=200,
                            info=t_client("after.own_replies_info"), elem_id="prefer-own")  # fmt: skip
            beta = gr.Slider(0.01, 0.5, 0.1, step=0.01, label=t_client("after.beta"), info=t_client("after.beta_info"),
                             min_width=200, elem_id="prefer-beta")  # fmt: skip
            rate = gr.Number(1e-5, label=t_client("after.rate"), info=t_client("after.rate_info"), min_width=160,
                             elem_id="prefer-rate")  # fmt: skip
        begin = gr.Button(t_client("after.prefer_go"), variant="primary", size="sm", elem_id="prefer-go")
        state = gr.HTML(padding=False, elem_id="prefer-state")
    fold.expand(handlers.look, [shared.key, chosen], [found, rate], **EVENT)
    begin.click(handlers.begin, [shared.key, chosen, own, beta, rate], [chosen, state], **EVENT)
    chosen.change(lambda: "", None, state, queue=False, **EVENT)
