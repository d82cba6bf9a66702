"""The model card: which model and adapter one talks with, and loading another."""

from dataclasses import dataclass, replace

import gradio as gr

from core.models.embedded import NAME as EMBEDDED
from core.models.loading import ModelStatus
from tabs.frame import parts
from tabs.frame.errors import shows_errors
from tabs.frame.services import Services
from tabs.frame.shared import Shared
from tabs.frame.strip import model_text
from tabs.frame.text import label, say
from tabs.frame.visitor import language_of

EVERY = 0.7  # seconds between looks at the model's state


def describe(status: ModelStatus, language: str) -> str:
    """The state as HTML: figures of a model that is ready, a bar while it comes, a sentence when it failed."""
    if status.state == "failed" and status.error:
        still = figures(replace(status, name=status.in_use), language) if status.in_use else ""
        return f'<p class="warn">{parts.escape(status.error.text(language))}</p>{still}'
    if status.state != "ready":
        width = f"{100 * (status.fraction or 0):.0f}%"
        return (
            f'<div class="bar" role="progressbar" aria-valuenow="{100 * (status.fraction or 0):.0f}">'
            f'<i class="part-new" style="width:{width}"></i></div>'
            f'<p class="muted">{parts.escape(model_text(status, language))}</p>'
        )
    return figures(status, language)


def figures(status: ModelStatus, language: str) -> str:
    """Name, size, context and device of the model that is loaded."""
    size = f"{status.parameters / 1e9:.1f} B" if status.parameters >= 1e9 else f"{status.parameters / 1e6:.1f} M"
    facts = say(language, "model.figures", size=size, context=f"{status.context:,}", device=status.device)
    note = say(language, "model.mini") if status.name == EMBEDDED else ""
    return f'<p class="muted num"><b>{parts.escape(status.name)}</b><br>{facts}</p><p class="muted">{note}</p>'


@dataclass(frozen=True)
class ModelHandlers:
    """Loading; the model is one for the whole server."""

    services: Services

    @shows_errors
    def load(self, key: str, name: str, request: gr.Request, token: gr.OAuthToken | None = None) -> None:
        """Begin to load; the card shows how it goes."""
        self.services.visitor(key, request, token)
        self.services.models.start(name)

    @shows_errors
    def cancel(self, key: str, request: gr.Request, token: gr.OAuthToken | None = None) -> None:
        """Take a load back."""
        self.services.visitor(key, request, token)
        self.services.models.cancel()

    @shows_errors
    def refresh(self, shown: str, request: gr.Request) -> tuple:
        """(state as HTML, cancel button, load button, what was shown), or nothing when unchanged."""
        status = self.services.models.status
        state = f"{status}"
        if state == shown:
            return (gr.skip(),) * 4
        coming = status.state in ("loading", "downloading")
        card = describe(status, language_of(request))
        return card, gr.Button(visible=coming), gr.Button(interactive=not coming), state


def build(services: Services, shared: Shared) -> tuple[gr.Dropdown, gr.HTML]:
    """The card; returns the picker of adapters, and the picture of the model's state, which changes with it."""
    handlers = ModelHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(label("model.title"), elem_classes="title")
        state = gr.HTML(padding=False, elem_id="model-state")
        adapter = gr.Dropdown(choices=[("—", "")], value="", label=label("model.adapter"), elem_id="adapter")
        with gr.Accordion(label("model.other"), open=False, visible=not services.models.locked):
            name = gr.Textbox(label=label("model.name"), placeholder="Qwen/Qwen3-0.6B", elem_id="model-name",
                              info=label("model.name_info"))  # fmt: skip
            with gr.Row():
                load = gr.Button(label("model.load"), size="sm", variant="primary", elem_id="model-load")
                cancel = gr.Button(label("model.cancel"), size="sm", visible=False, elem_id="model-cancel")
    shown = gr.State("")
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    load.click(handlers.load, [shared.key, name], None, queue=False, **quiet)
    cancel.click(handlers.cancel, shared.key, None, queue=False, **quiet)
    gr.Timer(EVERY).tick(handlers.refresh, shown, [state, cancel, load, shown], queue=False, **quiet)
    return adapter, state
