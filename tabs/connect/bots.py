"""Bots on the page: connected with what LINE's console gives, listed with the address that it wants, ended."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import urlsplit

import gradio as gr

from core.bots.store import Bot
from core.errors import NotAllowedError
from core.serve.model_names import find_model, served_models
from tabs.ui import html_parts
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading, texts
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

ORIGIN = "(...given) => [...given.slice(0, -1), location.origin]"
"""The last input is the address that the page was opened under."""


@dataclass(frozen=True)
class BotForm(Form):
    """What a new bot is to be."""

    model: str | None
    secret: str
    token: str
    memory: bool
    push: bool


@dataclass(frozen=True)
class BotHandlers:
    """Connects bots and ends them."""

    services: Services

    @handler
    def fill(self, visitor: Visitor) -> tuple[gr.Dropdown, gr.Radio, str, gr.Button]:
        """(who may speak, the bots, what stands below them, the button that ends one)."""
        choices = self._choices(visitor)
        return gr.Dropdown(choices=choices, value=choices[0][1]), *self._listed(visitor)

    @handler
    def choices(self, visitor: Visitor) -> gr.Dropdown:
        """Who may speak, as things are now."""
        return gr.Dropdown(choices=self._choices(visitor))

    @handler
    def make(self, visitor: Visitor, form: BotForm, origin: str) -> tuple:
        """(the emptied secret and token, the bots with the new one chosen, its address, the button)."""
        if visitor.owner.startswith("guest-"):
            raise NotAllowedError(*texts()["connect.key_guest"])
        model = find_model(self.services.chat, visitor.owner, form.model or "", visitor.language)
        bot = self.services.bots.create(
            visitor.owner, model.name, form.secret, form.token, language=visitor.language, memory=form.memory,
            push=form.push,
        )  # fmt: skip
        return "", "", *self._listed(visitor, bot, origin)

    @handler
    def pick(self, visitor: Visitor, chosen: str | None, origin: str) -> tuple[str, gr.Button]:
        """(the address of the chosen bot, the button that ends it)."""
        bot = self._bot(visitor, chosen)
        return self._below(visitor, bot, origin), gr.Button(visible=bot is not None)

    @handler
    def end(self, visitor: Visitor, chosen: str | None) -> tuple[gr.Radio, str, gr.Button]:
        """End the chosen bot: (the bots, what stands below, the button)."""
        if bot := self._bot(visitor, chosen):
            self.services.bots.remove(visitor.owner, bot.id)
            inform(visitor.language, "connect.bot_ended", model=bot.model)
        return self._listed(visitor)

    def _bot(self, visitor: Visitor, chosen: str | None) -> Bot | None:
        return next((bot for bot in self.services.bots.list_all(visitor.owner) if bot.id == chosen), None)

    def _choices(self, visitor: Visitor) -> list[tuple[str, str]]:
        models = served_models(self.services.chat, visitor.owner, visitor.language)
        return [(one.title if not one.adapter else one.name, one.name) for one in models]

    def _listed(self, visitor: Visitor, chosen: Bot | None = None, origin: str = "") -> tuple[gr.Radio, str, gr.Button]:
        bots = self.services.bots.list_all(visitor.owner)
        names = {name: title for title, name in self._choices(visitor)}
        lines = [(bot_line(bot, names.get(bot.model, bot.model), visitor.language), bot.id) for bot in bots]
        radio = gr.Radio(choices=lines, value=chosen.id if chosen else None, visible=bool(bots))
        return radio, self._below(visitor, chosen, origin), gr.Button(visible=chosen is not None)

    def _below(self, visitor: Visitor, bot: Bot | None, origin: str) -> str:
        language = visitor.language
        if bot is None:
            if self.services.bots.list_all(visitor.owner):
                return f'<p class="muted">{escape(t(language, "connect.bot_how"))}</p>'
            return html_parts.empty(t(language, "connect.bot_none"), t(language, "connect.bot_none_hint"))
        base = self.services.share.address or origin
        address = f"{base.rstrip('/')}/line/{bot.id}"
        title = escape(t(language, "connect.bot_webhook"))
        warning = "" if is_reached(base) else f'<p class="warn">{escape(t(language, "connect.bot_local"))}</p>'
        return f'<p>{title}</p><pre class="command" tabindex="0">{escape(address)}</pre>{warning}'


def bot_line(bot: Bot, name: str, language: str) -> str:
    """Whom a bot speaks as, and on a second line what it keeps."""
    memory = t(language, "connect.bot_remembers" if bot.memory else "connect.bot_forgets")
    day = datetime.fromtimestamp(bot.created).strftime("%Y-%m-%d")
    return t(language, "connect.bot_line", model=name, memory=memory, day=day)


def is_reached(origin: str) -> bool:
    """Whether LINE can send to that address: it wants HTTPS and a name, and no name of this machine alone."""
    parts = urlsplit(origin)
    name = parts.hostname or "localhost"
    try:
        ipaddress.ip_address(name)
        return False
    except ValueError:
        return parts.scheme == "https" and "." in name and not name.endswith((".local", ".internal", ".localhost"))


def build(services: Services, shared: Shared) -> None:
    """The card of bots."""
    handlers = BotHandlers(services)
    secret_box = {"type": "password", "max_lines": 1, "min_width": 200}
    with gr.Column(elem_classes="card", elem_id="connect-bots"):
        gr.Markdown(t_heading("connect.bots"), elem_classes="title")
        gr.Markdown(t_client("connect.bots_what"), elem_classes="muted")
        model = gr.Dropdown(choices=[], label=t_client("connect.bot_model"), elem_id="connect-bot-model")
        secret = gr.Textbox(label=t_client("connect.bot_secret"), placeholder=t_client("connect.bot_secret_hint"),
                            elem_id="connect-bot-secret", **secret_box)  # fmt: skip
        token = gr.Textbox(label=t_client("connect.bot_token"), placeholder=t_client("connect.bot_token_hint"),
                           elem_id="connect-bot-token", **secret_box)  # fmt: skip
        with gr.Accordion(t_client("connect.bot_more"), open=False, elem_id="connect-bot-more"):
            memory = gr.Checkbox(True, label=t_client("connect.bot_memory"), container=False)
            push = gr.Checkbox(False, label=t_client("connect.bot_push"), container=False)
        with gr.Row(elem_classes="actions"):
            make = gr.Button(t_client("connect.bot_make"), variant="primary", elem_id="connect-bot-make")
        bots = gr.Radio(choices=[], label=t_client("connect.bots"), show_label=False, container=False, visible=False,
                        elem_id="connect-bot-lines", elem_classes="lines")  # fmt: skip
        below = gr.HTML(padding=False, elem_id="connect-bot-below")
        with gr.Row(elem_classes="actions"):
            end = gr.Button(t_client("connect.bot_end"), variant="stop", size="sm", visible=False,
                            elem_id="connect-bot-end")  # fmt: skip
    listed = [bots, below, end]
    shared.opened("connect")(handlers.fill, shared.key, [model, *listed], **EVENT)
    model.focus(handlers.choices, shared.key, model, **EVENT)
    make.click(handlers.make, [shared.key, model, secret, token, memory, push, below], [secret, token, *listed],
               js=ORIGIN, **EVENT)  # fmt: skip
    bots.input(handlers.pick, [shared.key, bots, below], [below, end], js=ORIGIN, **EVENT)
    end.click(handlers.end, [shared.key, bots], listed, **EVENT)
