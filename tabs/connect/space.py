"""The Space on the page: whether the app runs on one, and how to end it."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from tabs.connect.share import state_line
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_heading
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class SpaceHandlers:
    """Says how things are."""

    services: Services

    @handler
    def look(self, visitor: Visitor) -> str:
        """How it is."""
        language, settings = visitor.language, self.services.settings
        if not settings.on_space:
            hint = escape(t(language, "connect.space_not_hint"))
            return f'{state_line(language, "space_not")}<p class="muted">{hint}</p>'
        kept = t(language, "connect.space_lost" if settings.ephemeral else "connect.space_kept")
        css = "warn" if settings.ephemeral else "muted"
        return (f'{state_line(language, "space_here", now=True)}<p class="{css}">{escape(kept)}</p>'
                f'<p class="muted">{escape(t(language, "connect.space_end"))}</p>')  # fmt: skip


def build(services: Services, shared: Shared) -> None:
    """The card."""
    handlers = SpaceHandlers(services)
    with gr.Column(elem_classes="card", elem_id="connect-space"):
        gr.Markdown(t_heading("connect.space"), elem_classes="title")
        space = gr.HTML(padding=False, elem_id="connect-space-state")
    shared.opened("connect")(handlers.look, shared.key, space, **EVENT)
