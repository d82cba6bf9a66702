"""The replies that a run gave while it learned: the same questions, look after look."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.errors import NotAllowedError
from core.train.events import Sample
from core.train.queue.progress import Progress
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class SampleHandlers:
    """Shows the replies of one look; the newest, as long as nobody went back to an earlier one."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, chosen: str, at: float, shown: tuple) -> tuple:
        """(card, slider over the looks, replies, what is shown); nothing if unchanged."""
        progress = self._progress(visitor.owner, chosen)
        steps = looks(progress)
        state = (chosen, len(progress.samples), len(steps))
        if state == shown:
            return (gr.skip(),) * 4
        known = shown[2] if shown and shown[0] == chosen else 0
        at = len(steps) if int(at) >= known else int(at)
        slider = gr.Slider(minimum=1, maximum=max(len(steps), 2), value=max(at, 1), visible=len(steps) > 1)
        drawn = replies(progress, at, visitor.language)
        return gr.Column(visible=bool(steps)), slider, drawn, state

    @handler
    def look(self, visitor: Visitor, chosen: str, at: float) -> str:
        """The replies of the look with this number, from 1 on."""
        return replies(self._progress(visitor.owner, chosen), int(at), visitor.language)

    def _progress(self, owner: str, chosen: str) -> Progress:
        """Of the run on the page; an empty one where none is chosen, or it was deleted a moment ago."""
        try:
            return self.services.jobs.progress(owner, chosen)
        except NotAllowedError:
            return Progress("queued")


def looks(progress: Progress) -> list[int]:
    """The steps at which the run was listened to."""
    return sorted({sample.step for sample in progress.samples})


def replies(progress: Progress, at: int, language: str) -> str:
    """What was said at look `at`, beside what was said before the first step and what was really said."""
    steps = looks(progress)
    if not steps:
        return ""
    step = steps[max(0, min(at, len(steps)) - 1)]
    first = {sample.number: sample for sample in progress.samples if sample.step == steps[0]}
    now = [sample for sample in progress.samples if sample.step == step]
    title = t(language, "train.samples_at", step=f"{step:,}", steps=f"{progress.steps:,}")
    talks = "".join(_talk(first.get(sample.number), sample, step > steps[0], language) for sample in now)
    return f'<p class="muted num">{escape(title)}</p><div class="looks">{talks}</div>'


def _talk(first: Sample | None, now: Sample, learned: bool, language: str) -> str:
    said = [("before", "context", first.said)] if first else []
    said += [("now", "learned", now.said)] if learned else []
    said += [("real", "real", now.real)]
    lines = "".join(
        f'<small class="muted">{escape(t(language, f"train.said_{name}"))}</small>'
        f'<div class="said {css}">{escape(text) or "…"}</div>'
        for name, css, text in said
    )
    return f'<section class="row-view"><div class="said user">{escape(now.asked)}</div>{lines}</section>'


def build(services: Services, shared: Shared, chosen: gr.State) -> None:
    """The card beside the curve; it appears with the first reply."""
    handlers = SampleHandlers(services)
    with gr.Column(elem_classes="card", visible=False, elem_id="train-samples") as card:
        gr.Markdown(t_heading("train.samples_title"), elem_classes="title")
        at = gr.Slider(1, 2, 1, step=1, label=t_client("train.samples_slider"), visible=False, elem_id="train-look")
        drawn = gr.HTML(padding=False, elem_id="train-replies")
    shown = gr.State(())
    unqueued = {"queue": False, **EVENT}
    gr.on(
        [shared.changed["samples"].click, chosen.change], handlers.refresh, [shared.key, chosen, at, shown],
        [card, at, drawn, shown], trigger_mode="always_last", **unqueued,
    )  # fmt: skip
    at.input(handlers.look, [shared.key, chosen, at], drawn, trigger_mode="always_last", **unqueued)
