"""API keys on the page: made and shown once, listed, revoked."""

from dataclasses import dataclass
from datetime import datetime
from html import escape

import gradio as gr

from core.errors import InputError, NotAllowedError
from core.serve.keys import MOST_PER_MINUTE, ApiKey
from core.serve.model_names import served_models
from tabs.ui import html_parts
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading, texts
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

ALL = "*"  # no persona's id
ORIGIN = "(...given) => [...given.slice(0, -1), location.origin]"
"""The last input is the address that the page was opened under."""


@dataclass(frozen=True)
class KeyForm(Form):
    """What a new key is to be."""

    name: str
    model: str | None
    per_minute: float | None
    days: float | None
    memory: bool


@dataclass(frozen=True)
class KeyHandlers:
    """Makes keys and ends them."""

    services: Services

    @handler
    def fill(self, visitor: Visitor) -> tuple[gr.Dropdown, gr.Radio, str, gr.Button]:
        """(whom a key may be for, the keys, what stands below them, the button that revokes)."""
        return self._choices(visitor), *self._listed(visitor)

    @handler
    def choices(self, visitor: Visitor) -> gr.Dropdown:
        """Whom a key may be for, as things are now."""
        return self._choices(visitor)

    @handler
    def make(self, visitor: Visitor, form: KeyForm, origin: str) -> tuple:
        """(the part that shows the new key, the key, how to try it, the name's field, the list as in `fill`)."""
        if visitor.owner.startswith("guest-"):
            raise NotAllowedError(*texts()["connect.key_guest"])
        key, text = self.services.api_keys.create(
            visitor.owner, form.name, model="" if form.model in (ALL, None) else form.model, memory=form.memory,
            per_minute=_whole(form.per_minute), days=_whole(form.days),
        )  # fmt: skip
        address = f"{origin.rstrip('/')}/v1"
        shown = _example(address, key.model or "socrates", visitor.language)
        return gr.Column(visible=True), text, shown, "", *self._listed(visitor)

    @handler
    def revoke(self, visitor: Visitor, chosen: str | None) -> tuple[gr.Radio, str, gr.Button]:
        """End the chosen key: (the keys, what stands below them, the button)."""
        for key in self.services.api_keys.list_all(visitor.owner):
            if key.id == chosen:
                self.services.api_keys.revoke(visitor.owner, key.id)
                inform(visitor.language, "connect.key_revoked", name=key.name)
        return self._listed(visitor)

    def _choices(self, visitor: Visitor) -> gr.Dropdown:
        models = served_models(self.services.chat, visitor.owner, visitor.language)
        named = [(one.title if not one.adapter else one.name, one.name) for one in models]
        return gr.Dropdown(choices=[(t(visitor.language, "connect.key_all"), ALL), *named])

    def _listed(self, visitor: Visitor) -> tuple[gr.Radio, str, gr.Button]:
        keys = self.services.api_keys.list_all(visitor.owner)
        lines = [(key_line(key, visitor.language), key.id) for key in keys]
        title, hint, how = (t(visitor.language, f"connect.{name}") for name in ("key_none", "key_none_hint", "key_how"))
        below = f'<p class="muted">{escape(how)}</p>' if keys else html_parts.empty(title, hint)
        return gr.Radio(choices=lines, value=None, visible=bool(keys)), below, gr.Button(visible=False)


def key_line(key: ApiKey, language: str) -> str:
    """A key's name, and on a second line what it may do, and when it was used."""
    parts = [t(language, "connect.key_line_model", model=key.model)] if key.model else []
    parts.append(t(language, "connect.key_line_rate", n=key.per_minute))
    parts += [t(language, "connect.key_line_memory")] if key.memory else []
    if key.ends:
        parts.append(t(language, f"connect.key_line_{'ended' if key.ended else 'ends'}", day=_day(key.ends)))
    used = "used" if key.last_used else "unused"
    parts.append(t(language, f"connect.key_line_{used}", day=_day(key.last_used)))
    return f"{key.name}\n{('・' if language == 'ja' else ' · ').join(parts)}"


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")


def _whole(number: float | None) -> int:
    """Raises InputError for half a reply."""
    if number is None or number != int(number):
        raise InputError(f"{number} is not a whole number.", f"{number} は整数ではありません。")
    return int(number)


def _example(address: str, model: str, language: str) -> str:
    """The address, and a command that asks `model` there; the key itself is not in it a second time."""
    say = "こんにちは" if language == "ja" else "Hello"
    command = (
        f"curl {address}/chat/completions \\\n"
        '  -H "Authorization: Bearer $OMOKAGE_KEY" -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "{say}"}}]}}\''
    )
    title, where = (escape(t(language, f"connect.{name}")) for name in ("key_try", "key_address"))
    return (f'<p>{where}: <code>{escape(address)}</code></p><p class="muted">{title}</p>'
            f'<pre class="command" tabindex="0">export OMOKAGE_KEY=omk-…\n{escape(command)}</pre>')  # fmt: skip


def build(services: Services, shared: Shared) -> None:
    """The card of keys."""
    handlers = KeyHandlers(services)
    with gr.Column(elem_classes="card", elem_id="connect-keys"):
        gr.Markdown(t_heading("connect.keys"), elem_classes="title")
        gr.Markdown(t_client("connect.keys_what"), elem_classes="muted")
        with gr.Row():
            name = gr.Textbox(label=t_client("connect.key_name"), placeholder=t_client("connect.key_name_hint"),
                              max_lines=1, scale=3, min_width=200, elem_id="connect-key-name")  # fmt: skip
            model = gr.Dropdown(choices=[(t_client("connect.key_all"), ALL)], value=ALL, scale=3, min_width=200,
                                label=t_client("connect.key_model"), elem_id="connect-key-model")  # fmt: skip
        with gr.Accordion(t_client("connect.key_more"), open=False, elem_id="connect-key-more"):
            with gr.Row():
                per_minute = gr.Number(30, label=t_client("connect.key_per_minute"), minimum=1,
                                       maximum=MOST_PER_MINUTE, precision=0, min_width=150)  # fmt: skip
                days = gr.Number(0, label=t_client("connect.key_days"), minimum=0, maximum=3650, precision=0,
                                 min_width=150, elem_id="connect-key-days")  # fmt: skip
            memory = gr.Checkbox(False, label=t_client("connect.key_memory"), container=False,
                                 elem_id="connect-key-memory")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            make = gr.Button(t_client("connect.key_make"), variant="primary", elem_id="connect-key-make")
        with gr.Column(visible=False, elem_classes="bare", elem_id="connect-key-new") as new:
            text = gr.Textbox(label=t_client("connect.key_once"), interactive=False, buttons=["copy"], max_lines=1,
                              elem_id="connect-key-text")  # fmt: skip
            example = gr.HTML(padding=False, elem_id="connect-key-example")
            with gr.Row(elem_classes="actions"):
                done = gr.Button(t_client("connect.key_done"), size="sm", elem_id="connect-key-done")
    with gr.Column(elem_classes="card", elem_id="connect-key-list"):
        gr.Markdown(t_heading("connect.key_list"), elem_classes="title")
        keys = gr.Radio(choices=[], label=t_client("connect.key_list"), show_label=False, container=False,
                        visible=False, elem_id="connect-key-lines", elem_classes="lines")  # fmt: skip
        empty = gr.HTML(padding=False, elem_id="connect-key-empty")
        with gr.Row(elem_classes="actions"):
            revoke = gr.Button(t_client("connect.key_revoke"), variant="stop", size="sm", visible=False,
                               elem_id="connect-key-revoke")  # fmt: skip
    listed = [keys, empty, revoke]
    form = [name, model, per_minute, days, memory]
    shared.opened("connect")(handlers.fill, shared.key, [model, *listed], **EVENT)
    model.focus(handlers.choices, shared.key, model, **EVENT)
    gr.on([make.click, name.submit], handlers.make, [shared.key, *form, example], [new, text, example, name, *listed],
          js=ORIGIN, **EVENT)  # fmt: skip
    done.click(lambda: (gr.Column(visible=False), ""), None, [new, text], queue=False, **EVENT)
    keys.change(lambda chosen: gr.Button(visible=bool(chosen)), keys, revoke, queue=False, **EVENT)
    revoke.click(handlers.revoke, [shared.key, keys], listed, **EVENT)
