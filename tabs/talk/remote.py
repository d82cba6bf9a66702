"""A model elsewhere: the fold of the model card that connects a visitor to a server of OpenAI's kind."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from core.errors import InputError
from core.models.remote import WINDOWS
from core.models.remote_costs import Price
from core.models.remote_presets import presets
from core.models.remote_server import Server
from tabs.ui.handler import EVENT, PRIVATE, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

Standing = tuple[str, gr.Button, gr.Column, float, float, float]
"""(which remote model answers, as HTML; the way back; the prices' place; price of reading, of writing; limit)."""


@dataclass(frozen=True)
class RemoteHandlers:
    """What is chosen here is one visitor's; the key is sent back to no page."""

    services: Services

    @handler
    def show(self, visitor: Visitor) -> Standing:
        """How it stands."""
        return self._standing(visitor)

    @handler
    def look(self, visitor: Visitor, url: str, secret: str) -> gr.Dropdown:
        """The models that a server offers; where it does not tell, one is typed."""
        names = self.services.chat.remotes.names(Server(url, secret))
        if not names:
            inform(visitor.language, "remote.no_list")
        return gr.Dropdown(choices=names, value=names[0] if names else None, interactive=True)

    @handler
    def use(self, visitor: Visitor, url: str, secret: str, name: str | None, window: float | None) -> Standing:
        """Try the model, and talk with it from now on."""
        self.services.chat.remotes.choose(visitor.owner, Server(url, secret), name or "", int(window or 0) or None)
        return self._standing(visitor)

    @handler
    def leave(self, visitor: Visitor) -> Standing:
        """Back to the model of this machine."""
        self.services.chat.remotes.leave(visitor.owner)
        return self._standing(visitor)

    @handler
    def price(self, visitor: Visitor, read: float | None, written: float | None, limit: float | None) -> Standing:
        """Keep what the model in use costs, and the month's limit."""
        model = self.services.chat.remotes.of(visitor.owner)
        if model is None:
            raise InputError("Connect to a model first.", "先にモデルにつないでください。")
        self.services.chat.costs.set_price(visitor.owner, model, Price(read or 0.0, written or 0.0), limit or 0.0)
        inform(visitor.language, "remote.price_kept")
        return self._standing(visitor)

    def _standing(self, visitor: Visitor) -> Standing:
        model = self.services.chat.remotes.of(visitor.owner)
        if model is None:
            return "", gr.Button(visible=False), gr.Column(visible=False), 0.0, 0.0, 0.0
        language, kept = visitor.language, self.services.chat.costs.of(visitor.owner)
        lines = [t(language, "remote.in_use", name=model.name, url=model.server.url, n=f"{model.context:,}")]
        if model.window and model.window != model.context:
            lines.append(t(language, "remote.own_window", n=f"{model.window:,}"))
        if not model.dialect.prefill:
            lines.append(t(language, "remote.no_prefill"))
        month, price = kept.this_month, self.services.chat.costs.price(visitor.owner, model)
        lines.append(
            t(language, "remote.month", n=f"{month.replies:,}", read=f"{month.prompt_tokens:,}",
              written=f"{month.reply_tokens:,}", cost=f"{month.cost:,.4g}")
        )  # fmt: skip
        said = "".join(f'<p class="muted num">{escape(line)}</p>' for line in lines)
        return said, gr.Button(visible=True), gr.Column(visible=True), price.prompt, price.reply, kept.limit


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
            kinds = [(one.name, one.url) for one in presets()]
            kind = gr.Dropdown(choices=kinds, value=None, label=t_client("remote.kind"), elem_id="remote-kind")
            url = gr.Textbox(placeholder="http://127.0.0.1:8000/v1", max_lines=1, **address)
            kind.input(None, kind, url, js="(url) => url", **PRIVATE)
        secret = gr.Textbox(
            label=t_client("remote.key"), info=t_client("remote.key_info"), type="password", max_lines=1,
            elem_id="remote-key",
        )  # fmt: skip
        look = gr.Button(t_client("remote.look"), size="sm", elem_id="remote-look")
        name = gr.Dropdown(choices=[], allow_custom_value=True, label=t_client("remote.model"), elem_id="remote-model")
        window = gr.Number(
            value=None, precision=0, maximum=WINDOWS[1], label=t_client("remote.window"),
            info=t_client("remote.window_info"), elem_id="remote-window",
        )  # fmt: skip
        use = gr.Button(t_client("remote.use"), size="sm", variant="primary", elem_id="remote-use")
        with gr.Column(visible=False) as money:
            amounts = [
                gr.Number(
                    value=0, minimum=0, label=t_client(f"remote.{key}"), elem_id=f"remote-{key.replace('_', '-')}"
                )
                for key in ("price_read", "price_written", "limit")
            ]
            keep = gr.Button(t_client("remote.keep_price"), size="sm", elem_id="remote-keep-price")
    server, standing = [shared.key, url, secret], [state, leave, money, *amounts]
    look.click(handlers.look, server, name, **PRIVATE)
    use.click(handlers.use, [*server, name, window], standing, **PRIVATE)
    leave.click(handlers.leave, shared.key, standing, **PRIVATE)
    keep.click(handlers.price, [shared.key, *amounts], standing, **PRIVATE)
    shared.arrived.then(handlers.show, shared.key, standing, **EVENT)
    return state
