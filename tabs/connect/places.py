"""Where the app can be reached: the share link, and a Space. Each card says how things are, and how to end it."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_heading
from tabs.ui.visitor import Visitor

COMMAND = "python app.py --share --auth me:a-long-password"


@dataclass(frozen=True)
class PlaceHandlers:
    """Says how things are."""

    services: Services

    @handler
    def look(self, visitor: Visitor) -> tuple[str, str]:
        """(the share link, the Space)."""
        return self._share(visitor.language), self._space(visitor.language)

    def _share(self, language: str) -> str:
        address = self.services.reached.share_address
        if not address:
            hint = escape(t(language, "connect.share_closed_hint"))
            return f'{_state(language, "share_closed")}<p class="muted">{hint}</p>{_command(COMMAND)}'
        people = len(self.services.settings.auth)
        who = t(language, "connect.share_people", n=people) if people else t(language, "connect.share_nobody")
        program = t(language, "connect.share_program", address=f"{address.rstrip('/')}/v1")
        link = f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(address)}</a>'
        notes = (who, program, t(language, "connect.share_ends"))
        said = "".join(f'<p class="muted">{escape(text)}</p>' for text in notes)
        return f"{_state(language, 'share_open', now=True)}<p>{link}</p>{said}"

    def _space(self, language: str) -> str:
        settings = self.services.settings
        if not settings.on_space:
            hint = escape(t(language, "connect.space_not_hint"))
            return f'{_state(language, "space_not")}<p class="muted">{hint}</p>'
        kept = t(language, "connect.space_lost" if settings.ephemeral else "connect.space_kept")
        css = "warn" if settings.ephemeral else "muted"
        return (f'{_state(language, "space_here", now=True)}<p class="{css}">{escape(kept)}</p>'
                f'<p class="muted">{escape(t(language, "connect.space_end"))}</p>')  # fmt: skip


def _state(language: str, key: str, *, now: bool = False) -> str:
    """How it is, with a mark that is filled where something is open."""
    return f'<p class="reach{" now" if now else ""}"><span aria-hidden="true">{"●" if now else "○"}</span> ' + (
        f"<b>{escape(t(language, f'connect.{key}'))}</b></p>"
    )


def _command(text: str) -> str:
    return f'<pre class="command" tabindex="0">{escape(text)}</pre>'


def build(services: Services, shared: Shared) -> None:
    """The two cards."""
    handlers = PlaceHandlers(services)
    with gr.Column(elem_classes="card", elem_id="connect-share"):
        gr.Markdown(t_heading("connect.share"), elem_classes="title")
        share = gr.HTML(padding=False, elem_id="connect-share-state")
    with gr.Column(elem_classes="card", elem_id="connect-space"):
        gr.Markdown(t_heading("connect.space"), elem_classes="title")
        space = gr.HTML(padding=False, elem_id="connect-space-state")
    shared.arrived.then(handlers.look, shared.key, [share, space], **EVENT)
