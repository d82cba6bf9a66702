"""The strip on top of every tab: persona, model and adapter, what is running, device, costs. A click goes there."""

from contextlib import suppress
from dataclasses import dataclass

import gradio as gr

from core.costs import MachineCosts
from core.models.loading import ModelStatus
from core.stored import DamagedError
from core.train.queue.progress import Progress
from tabs.ui.handler import EVENT, handler
from tabs.ui.heartbeat import Live
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


def model_text(status: ModelStatus, language: str) -> str:
    """The model's state in a few words."""
    if status.in_use:
        return t(language, "strip.model_ready", name=status.in_use)
    percent = f"{status.fraction:.0%}" if status.fraction is not None else "…"
    return t(language, f"strip.model_{status.state}", name=status.name, percent=percent)


def running_text(progress: Progress, language: str) -> str:
    """What is being learned, in a few words."""
    if progress.state == "queued":
        return t(language, "strip.queued")
    left = duration(progress.seconds_left, language)
    return t(language, "strip.running", percent=f"{progress.fraction:.0%}", left=left)


def duration(seconds: float | None, language: str) -> str:
    """ "3 分" / "3 min"; "…" while nothing is known."""
    if seconds is None:
        return "…"
    if seconds < 90:
        return t(language, "strip.seconds", n=round(seconds))
    if seconds < 5400:
        return t(language, "strip.minutes", n=round(seconds / 60))
    return t(language, "strip.hours", n=round(seconds / 3600, 1))


@dataclass(frozen=True)
class StatusBarHandlers:
    """Reads the state of things; never changes it."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, conversation: str, shown: list) -> tuple:
        """The five chips, or nothing when they are as shown."""
        status, costs = self.services.models.status, self.services.costs
        talk = None
        with suppress(DamagedError):  # the Chat tab says so; what runs is shown all the same
            talk = self.services.conversations.get(visitor.owner, conversation) if conversation else None
        persona = ""
        if talk:
            persona = self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language).name
        adapter = f" ＋ {talk.adapter}" if talk and talk.adapter else ""
        progress = _under_way(self.services, visitor.owner)
        running = running_text(progress, visitor.language) if progress else ""
        state = [
            t(visitor.language, "strip.persona", name=persona or "—"),
            model_text(status, visitor.language) + adapter,
            running,
            device_text(status),
            cost_text(costs, visitor.language),
        ]
        if state == shown:
            return (gr.skip(),) * 6
        return (
            gr.Button(state[0]),
            gr.Button(state[1], elem_classes=["chip", "now"] if status.state in ("downloading", "loading") else "chip"),
            gr.Button(state[2], visible=bool(running)),
            gr.Button(state[3], visible=bool(state[3])),
            gr.Button(
                state[4],
                visible=bool(state[4]),
                elem_classes=["chip", "now"] if self.services.costs.is_over() else "chip",
            ),
            state,
        )


def live(services: Services, owner: str, language: str, run: str) -> Live:
    """Percent and time left of the training under way: on its chip, and before the page's title."""
    progress = _under_way(services, owner)
    if progress is None:
        return Live({}, {})
    percent = f"{progress.fraction:.0%}" if progress.state != "queued" else ""
    return Live({}, {"#strip-running": running_text(progress, language)}, percent)


def _under_way(services: Services, owner: str) -> Progress | None:
    """Of what runs, else of the first that waits."""
    standing = [services.jobs.progress(owner, job.id) for job in services.jobs.list_all(owner)]
    under_way = [p for p in standing if p.state in ("running", "stopping")]
    under_way += [p for p in standing if p.state == "queued"]
    return under_way[0] if under_way else None


def device_text(status: ModelStatus) -> str:
    """The device that holds the model, with its memory where the device tells it."""
    if not status.device.startswith("cuda"):
        return status.device.upper()
    import torch

    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}・{(total - free) / 2**30:.1f} / {total / 2**30:.0f} GB"


def cost_text(costs: MachineCosts, language: str) -> str:
    """What the machine has cost since it started, and would in a month; "" where no price is known."""
    if not costs.price:
        return ""
    sums = {"sum": costs.amount(costs.so_far()), "month": costs.amount(costs.a_month)}
    if costs.is_over():
        return t(language, "strip.cost_over", most=costs.amount(costs.warn_at), **sums)
    return t(language, "strip.cost", **sums)


def build(services: Services) -> list[gr.Button]:
    """The row of chips; `connect` makes them live once the shared components exist."""
    with gr.Row(elem_id="strip"):
        gr.HTML("<h1>面影<small>omokage</small></h1>", elem_id="brand", elem_classes="brand", padding=False)
        chips = [gr.Button("…", elem_classes="chip", size="sm") for _ in range(2)]
        chips += [gr.Button("…", elem_classes=["chip", "now"], size="sm", visible=False, elem_id="strip-running")]
        chips += [gr.Button("", elem_classes="chip", size="sm", visible=False)]
        chips += [gr.Button("", elem_classes="chip", size="sm", visible=False, elem_id="strip-cost")]
    gr.HTML("", padding=False, elem_id="ending", visible=bool(services.idle.seconds))
    return chips


def connect(services: Services, shared: Shared, chips: list[gr.Button]) -> None:
    """Keep the chips up to date, and let them lead to their tabs."""
    handlers = StatusBarHandlers(services)
    shown = gr.State([])
    inputs, outputs = [shared.key, shared.conversation, shown], [*chips, shown]
    for event in (shared.changed["status"].click, shared.conversation.change):
        event(
            handlers.refresh,
            inputs,
            outputs,
            queue=False,
            trigger_mode="always_last",
            **EVENT,
        )
    for chip, tab in zip(chips, ("talk", "talk", "train", "talk", "connect"), strict=True):
        chip.click(lambda tab=tab: gr.Tabs(selected=tab), None, shared.tabs, queue=False, api_visibility="private")
