"""The share link on the page: opened with a password, shown with a QR code while it is open, and closed."""

from dataclasses import dataclass
from datetime import datetime
from html import escape

import gradio as gr

from core.errors import NotAllowedError
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, PRIVATE, handler
from tabs.ui.services import Services
from tabs.ui.share_link import LONGEST_PASSWORD, new_password
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading, texts
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

COMMAND = "python app.py --share --auth me:a-long-password"
HOURS = (1, 8, 24, 72)


@dataclass(frozen=True)
class ShareForm(Form):
    """Who may come, and until when."""

    password: str
    hours: str | None
    most: float | None


@dataclass(frozen=True)
class ShareHandlers:
    """Shows the link, opens it and closes it."""

    services: Services

    @handler
    def look(self, visitor: Visitor) -> tuple:
        """(how it is, the fields, the password proposed, the button that opens, the button that closes)."""
        return self._shown(visitor)

    @handler
    def begin(self, visitor: Visitor, form: ShareForm) -> tuple:
        """The same, with the link open. Raises NotAllowedError for who is not at this machine."""
        self._check(visitor)
        self.services.share.begin(form.password.strip(), float(form.hours or 8), int(form.most or 0))
        return self._shown(visitor)

    @handler
    def close(self, visitor: Visitor) -> tuple:
        """The same, with the link closed."""
        self._check(visitor)
        self.services.share.end()
        inform(visitor.language, "connect.share_ended")
        return self._shown(visitor)

    def _check(self, visitor: Visitor) -> None:
        if not visitor.at_machine:
            raise NotAllowedError(*texts()["connect.share_not_yours"])

    def _shown(self, visitor: Visitor) -> tuple:
        share = self.services.share
        offered = visitor.at_machine and share.names is not None and not share.address
        return (
            self._state(visitor), gr.Column(visible=offered), gr.Textbox(new_password() if offered else ""),
            gr.Button(visible=offered), gr.Button(visible=visitor.at_machine and share.can_end),
        )  # fmt: skip

    def _state(self, visitor: Visitor) -> str:
        language, share = visitor.language, self.services.share
        if not share.address:
            here = visitor.at_machine and share.names is not None
            hint = escape(t(language, "connect.share_closed_here" if here else "connect.share_closed_hint"))
            command = "" if here else f'<pre class="command" tabindex="0">{escape(COMMAND)}</pre>'
            return f'{state_line(language, "share_closed")}<p class="muted">{hint}</p>{command}'
        link = f'<a href="{escape(share.address)}" target="_blank" rel="noopener">{escape(share.address)}</a>'
        program = t(language, "connect.share_program", address=f"{share.address.rstrip('/')}/v1")
        said = [*self._who(visitor), program]
        notes = "".join(f'<p class="muted">{escape(text)}</p>' for text in said)
        return f"{state_line(language, 'share_open', now=True)}<p>{link}</p>{self._secret(visitor)}{notes}"

    def _who(self, visitor: Visitor) -> list[str]:
        """Who may come, and until when."""
        language, share = visitor.language, self.services.share
        if share.can_end:
            until, door = datetime.fromtimestamp(share.door.ends).strftime("%Y-%m-%d %H:%M"), share.door
            key = "connect.share_until_most" if door.most else "connect.share_until"
            return [t(language, key, until=until, n=door.people, most=door.most), t(language, "connect.share_strict")]
        people = len(self.services.settings.auth)
        who = t(language, "connect.share_people", n=people) if people else t(language, "connect.share_nobody")
        return [who, t(language, "connect.share_ends")]

    def _secret(self, visitor: Visitor) -> str:
        """The password, for the person at this machine alone, and the QR code."""
        language, share = visitor.language, self.services.share
        given = (
            f'<p>{escape(t(language, "connect.share_given"))}: <span class="said-once">{escape(share.password)}</span>'
        )
        words = f"{given}</p>" if share.password and visitor.at_machine else ""
        return words + qr_code(share.address, t(language, "connect.share_qr"))


def qr_code(address: str, title: str) -> str:
    """A picture of `address` for a phone's camera."""
    import segno  # builds its tables of codes as it is imported, 0.1 s of every start

    drawn = segno.make(address, error="m").svg_inline(border=3, omitsize=True, dark="#1a1830", light="#fff")
    return f'<div class="qr" role="img" aria-label="{escape(title)}">{drawn}</div>'


def state_line(language: str, key: str, *, now: bool = False) -> str:
    """How it is, with a mark that is filled where something is open."""
    return f'<p class="reach{" now" if now else ""}"><span aria-hidden="true">{"●" if now else "○"}</span> ' + (
        f"<b>{escape(t(language, f'connect.{key}'))}</b></p>"
    )


def build(services: Services, shared: Shared) -> None:
    """The card."""
    handlers = ShareHandlers(services)
    with gr.Column(elem_classes="card", elem_id="connect-share"):
        gr.Markdown(t_heading("connect.share"), elem_classes="title")
        state = gr.HTML(padding=False, elem_id="connect-share-state")
        with gr.Column(visible=False, elem_id="connect-share-form") as form:
            password = gr.Textbox(label=t_client("connect.share_password"), max_length=LONGEST_PASSWORD, max_lines=1,
                                  elem_id="connect-share-password")  # fmt: skip
            hours = gr.Radio([(t_client(f"connect.share_hours_{n}"), str(n)) for n in HOURS], value="8",
                             label=t_client("connect.share_hours"), elem_id="connect-share-hours")  # fmt: skip
            most = gr.Number(0, precision=0, minimum=0, label=t_client("connect.share_most"),
                             elem_id="connect-share-most")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            begin = gr.Button(t_client("connect.share_begin"), variant="primary", visible=False,
                              elem_id="connect-share-open")  # fmt: skip
            close = gr.Button(t_client("connect.share_close"), variant="stop", visible=False,
                              elem_id="connect-share-close")  # fmt: skip
    shown = [state, form, password, begin, close]
    shared.opened("connect")(handlers.look, shared.key, shown, **EVENT)
    begin.click(handlers.begin, [shared.key, password, hours, most], shown, **PRIVATE)
    close.click(handlers.close, shared.key, shown, **EVENT)
