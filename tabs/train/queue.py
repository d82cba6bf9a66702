"""The line of trainings that wait: who is next, and changing places among one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.train.queue.jobs import Job
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class QueueHandlers:
    """Shows the line around the chosen training, as long as it waits."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, chosen: str, shown: tuple) -> tuple:
        """(card, line, up, down, what is shown); nothing if unchanged. Hidden where there is nothing to wait for."""
        waiting = self.services.jobs.queue(visitor.owner)
        state = (chosen, visitor.language, tuple(job and (job.id, job.name) for job in waiting))
        if state == shown:
            return (gr.skip(),) * 5
        own = [job.id for job in waiting if job]
        at = own.index(chosen) if chosen in own else None
        return (
            gr.Column(visible=at is not None and len(waiting) > 1),
            line(waiting, chosen, visitor.language),
            gr.Button(visible=len(own) > 1, interactive=bool(at)),
            gr.Button(visible=len(own) > 1, interactive=at is not None and at < len(own) - 1),
            state,
        )

    @handler
    def up(self, visitor: Visitor, chosen: str) -> None:
        """Before the own training that waits in front of it."""
        self.services.jobs.move(visitor.owner, chosen, "up")

    @handler
    def down(self, visitor: Visitor, chosen: str) -> None:
        """Behind the own training that waits after it."""
        self.services.jobs.move(visitor.owner, chosen, "down")


def line(waiting: Sequence[Job | None], chosen: str, language: str) -> str:
    """The names of the visitor's own trainings in their places; others have none."""
    others = f'<span class="muted">{escape(t(language, "train.queue_other"))}</span>'
    places = "".join(
        f"<li{' class=now' if job and job.id == chosen else ''}>{escape(job.name) if job else others}</li>"
        for job in waiting
    )
    return f'<ol class="queue">{places}</ol>'


def build(services: Services, shared: Shared, chosen: gr.State) -> None:
    """The line and two buttons, for the training that is `chosen`."""
    handlers = QueueHandlers(services)
    with gr.Column(visible=False, elem_classes="bare", elem_id="train-queue") as card:
        places = gr.HTML(padding=False)
        with gr.Row(elem_classes="actions"):
            up = gr.Button(t_client("train.queue_up"), size="sm", elem_id="queue-up")
            down = gr.Button(t_client("train.queue_down"), size="sm", elem_id="queue-down")
    shown = gr.State(())
    unqueued = {"queue": False, **EVENT}
    inputs = [shared.key, chosen]
    outputs = [card, places, up, down, shown]
    refreshing = {"fn": handlers.refresh, "inputs": [*inputs, shown], "outputs": outputs, **unqueued}
    gr.on([shared.changed["queue"].click, chosen.change], **refreshing, trigger_mode="always_last")
    up.click(handlers.up, inputs, None, **unqueued).then(**refreshing)
    down.click(handlers.down, inputs, None, **unqueued).then(**refreshing)
