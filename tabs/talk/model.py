"""The model card: which model and adapter one talks with. Another one is chosen in model_choice.py."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import gradio as gr

from core.adapters.attach import UnsureBaseError, accept_base, check_base
from core.catalogue.bundled import NAME as EMBEDDED
from core.errors import AppError
from core.models.loading import ModelStatus
from core.text import format_parameters
from tabs.talk import model_choice, template
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.status_bar import duration, model_text
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

if TYPE_CHECKING:
    from gradio.events import Dependency


def describe(status: ModelStatus, language: str) -> str:
    """The state as HTML: figures of a model that is ready, a bar while it comes, a sentence when it failed."""
    if status.state == "failed" and status.error:
        still = figures(replace(status, name=status.in_use), language) if status.in_use else ""
        return f'<p class="warn">{html_parts.escape(status.error.text.in_language(language))}</p>{still}'
    return figures(status, language) if status.state == "ready" else coming(status, language)


def coming(status: ModelStatus, language: str) -> str:
    """A bar with what is under way, how far it is, and how long it takes yet."""
    percent = f"{100 * (status.fraction or 0):.0f}"
    said = model_text(status, language)
    if status.state == "loading" and status.fraction is not None:
        said = f"{said} {percent}%"
    if status.seconds_left is not None:
        said += t(language, "model.left", left=duration(status.seconds_left, language))
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{percent}">'
        f'<i class="part-new" style="width:{percent}%"></i></div><p class="muted num">{html_parts.escape(said)}</p>'
    )


def figures(status: ModelStatus, language: str) -> str:
    """Name, size, context and device of the model that is loaded, and what is to know about its tokenizer."""
    size = format_parameters(status.parameters)
    facts = t(language, "model.figures", size=size, context=f"{status.context:,}", device=status.device)
    if status.quantization != "none":
        facts += t(language, "model.held_in", n=status.quantization.removesuffix("bit"))
    notes = [("muted", t(language, "model.mini"))] if status.name == EMBEDDED else []
    if status.precision_reason:
        notes.append(("muted", status.precision_reason.in_language(language)))
    if status.offloaded:
        notes.append(("warn", t(language, "model.offloaded", percent=f"{status.offloaded:.0%}")))
    if status.reads_anew:
        notes.append(("muted", t(language, "model.reads_anew")))
    check = status.tokenizer_check
    if check.verdict in ("right", "rebuilt"):
        notes.append(("muted", f"✓ {check.text.in_language(language)}"))
    elif check.verdict in ("wrong", "other vocabulary"):
        notes.append(("warn", f"! {check.text.in_language(language)}"))
    said = "".join(f'<p class="{css}">{html_parts.escape(note)}</p>' for css, note in notes)
    return f'<p class="muted num"><b>{html_parts.escape(status.name)}</b><br>{html_parts.escape(facts)}</p>{said}'


@dataclass(frozen=True)
class ModelHandlers:
    """Shows how the model stands; it is one for the whole server."""

    services: Services

    @handler
    def refresh(self, visitor: Visitor, shown: str) -> tuple:
        """(state as HTML, cancel button, load button, what was shown), or nothing when unchanged."""
        status = self.services.models.status
        state = f"{status}"
        if state == shown:
            return (gr.skip(),) * 4
        coming = status.state in ("loading", "downloading")
        card = describe(status, visitor.language)
        return card, gr.Button(visible=coming), gr.Button(interactive=not coming), state

    @handler
    def fit(self, visitor: Visitor, adapter: str | None) -> tuple[str, gr.Button]:
        """(why it cannot be told whether the adapter is for this model, as HTML; the choice to use it)."""
        try:
            if adapter:
                check_base(self.services.models.current(), self.services.adapters.get(visitor.owner, adapter))
        except UnsureBaseError as error:
            said = html_parts.escape(error.text.in_language(visitor.language))
            return f'<p class="warn">{said}</p>', gr.Button(visible=True)
        except AppError:
            pass  # the reply that is asked for says it
        return "", gr.Button(visible=False)

    @handler
    def accept(self, visitor: Visitor, adapter: str | None) -> tuple[str, gr.Button]:
        """The person says that the adapter is for this model; its shapes have to agree."""
        chosen = self.services.adapters.get(visitor.owner, adapter or "")
        loaded = self.services.models.current()
        self.services.models.run(accept_base, loaded, chosen, whose=visitor.owner).result()
        inform(visitor.language, "model.accepted", name=chosen.name)
        return "", gr.Button(visible=False)


def build(services: Services, shared: Shared) -> "tuple[gr.Dropdown, gr.HTML, list[Dependency]]":
    """The card; returns the picker of adapters, the picture of the model's state, which changes with it, and the
    events after which the model is asked in another template, or its place could be another's."""
    handlers = ModelHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("model.title"), elem_classes="title")
        state = gr.HTML(padding=False, elem_id="model-state")
        adapter = gr.Dropdown(choices=[("—", "")], value="", label=t_client("model.adapter"), elem_id="adapter")
        unsure = gr.HTML(padding=False, elem_id="adapter-unsure")
        accept = gr.Button(t_client("model.accept"), size="sm", visible=False, elem_id="adapter-accept")
        asked = template.build(services, shared)
        load, cancel, measured = model_choice.build(services, shared)
    shown = gr.State("")
    shared.changed["model"].click(
        handlers.refresh, [shared.key, shown], [state, cancel, load, shown], queue=False, trigger_mode="always_last",
        **EVENT,
    )  # fmt: skip
    adapter.change(handlers.fit, [shared.key, adapter], [unsure, accept], **EVENT)
    state.change(handlers.fit, [shared.key, adapter], [unsure, accept], **EVENT)
    accept.click(handlers.accept, [shared.key, adapter], [unsure, accept], **EVENT)
    return adapter, state, [*asked, measured]
