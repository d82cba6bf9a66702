"""Going over the dialogues by mouse or keyboard: keep, drop, take back, correct."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from core.synth.review import ReviewedDialogue, correct_turn, keep_or_drop, reviewed
from core.synth.store import StoredPlan
from tabs.data.create import review_view
from tabs.data.create.review_view import Threshold
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client, t_heading
from tabs.ui.visitor import Visitor

SCRIPT = (Path(__file__).parent / "review.js").read_text(encoding="utf-8")
VERDICTS = {"keep": True, "drop": False, "clear": None}


@dataclass(frozen=True)
class ReviewHandlers:
    """Each returns (the review, the chosen cell)."""

    services: Services

    @handler
    def act(
        self, visitor: Visitor, plan: str, chosen: str, tone: float, coherence: float, event: gr.EventData
    ) -> tuple[str, str]:
        """What review.js tells: a dialogue was chosen, kept, dropped, or a turn of it corrected."""
        stored = self.services.dialogues.get(visitor.owner, plan)
        sent = event._data if isinstance(event._data, dict) else {}
        act, cell, turn = str(sent.get("act")), str(sent.get("cell") or chosen), _number(sent.get("turn"))
        dialogues = reviewed(stored.plan, stored.folder)
        known = {one.record.cell: one for one in dialogues}
        editing = -1
        if cell in known:
            if act in VERDICTS:
                keep_or_drop(stored.folder, cell, VERDICTS[act])
                cell = cell if act == "clear" else _following(dialogues, cell)
            elif act == "save" and known[cell].record.given_turns <= turn < len(known[cell].record.turns):
                correct_turn(stored.folder, cell, turn, str(sent.get("words") or ""))
            elif act == "edit":
                editing = turn
        return self.drawn(visitor, stored, cell, Threshold(int(tone), int(coherence)), editing), cell

    @handler
    def redraw(self, visitor: Visitor, plan: str, chosen: str, tone: float, coherence: float) -> tuple[str, str]:
        """The same with another threshold."""
        if not plan:
            return "", ""
        stored = self.services.dialogues.get(visitor.owner, plan)
        return self.drawn(visitor, stored, chosen, Threshold(int(tone), int(coherence))), chosen

    def drawn(
        self, visitor: Visitor, stored: StoredPlan, chosen: str, threshold: Threshold, editing: int = -1
    ) -> str:  # fmt: skip
        """The review of a plan."""
        plan = stored.plan
        return review_view.review(
            plan, reviewed(plan, stored.folder), chosen, threshold, visitor.language, editing
        )  # fmt: skip


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else -1


def _following(dialogues: list[ReviewedDialogue], cell: str) -> str:
    """The next dialogue, or the same where it is the last."""
    cells = [one.record.cell for one in dialogues]
    return cells[min(cells.index(cell) + 1, len(cells) - 1)]


@dataclass(frozen=True)
class ReviewParts:
    """The card's components."""

    card: gr.Column
    html: gr.HTML
    chosen: gr.State
    tone: gr.Slider
    coherence: gr.Slider


def build() -> ReviewParts:
    """The card, hidden until there is a dialogue."""
    with gr.Column(elem_classes="card", visible=False, elem_id="create-review-card") as card:
        with gr.Row(elem_classes="review-top"):
            gr.Markdown(t_heading("create.review"), elem_classes="title")
            gr.Markdown(t_client("create.review_keys"), elem_classes=["muted", "review-keys"])
        with gr.Row(elem_classes="bare"):
            tone, coherence = (
                gr.Slider(0, 4, getattr(Threshold(), name), step=1, label=t_client(f"create.threshold_{name}"),
                          elem_id=f"create-{name}")
                for name in ("tone", "coherence")
            )  # fmt: skip
        html = gr.HTML(padding=False, elem_id="create-review", js_on_load=SCRIPT, apply_default_css=False)
    return ReviewParts(card, html, gr.State(""), tone, coherence)


def wire(services: Services, shared: Shared, plan: gr.State, parts: ReviewParts) -> None:
    """The events of the card."""
    handlers = ReviewHandlers(services)
    inputs = [shared.key, plan, parts.chosen, parts.tone, parts.coherence]
    outputs = [parts.html, parts.chosen]
    parts.html.select(handlers.act, inputs, outputs, trigger_mode="multiple", concurrency_limit=1, **EVENT)
    for slider in (parts.tone, parts.coherence):
        slider.input(handlers.redraw, inputs, outputs, trigger_mode="always_last", **EVENT)
