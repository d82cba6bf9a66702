"""A model elsewhere: the fold of the model card that connects a visitor to a server of OpenAI's kind."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.models.remote_server import Server
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class RemoteHandlers:
    """What is chosen here is one visitor's; the key is sent back to no page."""

    services: Services

    @handler
    def show(self, visitor: Visitor) -> tuple[str, gr.Button]:
        """(which remote model answers, as HTML; the way back)."""
        return self._standing(visitor)

    @handler
    def look(self, visitor: Visitor, url: str, secret: str) -> gr.Dropdown:
        """The models that a server offers; where it does not tell, one is typed."""
        names = self.services.chat.remotes.names(Server(url, secret))
        if not names:
            inform(visitor.language, "remote.no_list")
        return gr.Dropdown(choices=names, value=names[0] if names else None, interactive=True)

    @handler
    def use(self, visitor: Visitor, url: str, secret: str, name: str | None) -> tuple[str, gr.Button]:
        """Try the model, and talk with it from now on."""
        self.services.chat.remotes.choose(visitor.owner, Server(url, secret), name or "")
        return self._standing(visitor)

    @handler
    def leave(self, visitor: Visitor) -> tuple[str, gr.Button]:
        """Back to the model of this machine."""
        self.services.chat.remotes.leave(visitor.owner)
        return self._standing(visitor)

    def _standing(self, visitor: Visitor) -> tuple[str, gr.Button]:
        model = self.services.chat.remotes.of(visitor.owner)
        if model is None:
            return "", gr.Button(visible=False)
        told = t(visitor.language, "remote.in_use", name=model.name, url=model.server.url, n=f"{model.context:,}")
        return f'<p class="muted num">{escape(told)}</p>', gr.Button(visible=True)


def build(services: Services, shared: Shared) -> gr.HTML | None:
    """The fold; returns what tells the model in use, which changes with it. None where no server may be used."""
    remotes = services.chat.remotes
    if remotes.public and not remotes.allowed:
        return None
    handlers = RemoteHandlers(services)
    state = gr.HTML(padding=False, elem_id="remote-state")
    leave = gr.Button(t_client("remote.leave"), size="sm", visible=False, elem_id="remote-leave")
    with gr.Accordion(t_client("remote.title"), open=False, elem_id="remote"):
        gr.Markdown(t_client("remote.what"), elem_classes="muted")
        address = {"label": t_client("remote.url"), "elem_id": "remote-url"}
        if remotes.allowed:
            url = gr.Dropdown(choices=list(remotes.allowed), value=remotes.allowed[0], **address)
        else:
            url = gr.Textbox(placeholder="http://127.0.0.1:8000/v1", max_lines=1, **address)
        secret = gr.Textbox(
            label=t_client("remote.key"), info=t_client("remote.key_info"), type="password", max_lines=1,
            elem_id="remote-key",
        )  # fmt: skip
        look = gr.Button(t_client("remote.look"), size="sm", elem_id="remote-look")
        name = gr.Dropdown(choices=[], allow_custom_value=True, label=t_client("remote.model"), elem_id="remote-model")
        use = gr.Button(t_client("remote.use"), size="sm", variant="primary", elem_id="remote-use")
    quiet = {"api_visibility": "private"}
    server, standing = [shared.key, url, secret], [state, leave]
    look.click(handlers.look, server, name, **quiet)
    use.click(handlers.use, [*server, name], standing, **quiet)
    leave.click(handlers.leave, shared.key, standing, **quiet)
    shared.arrived.then(handlers.show, shared.key, standing, show_progress="hidden", **quiet)
    return state
