"""One visitor's things on several devices: a key goes by a one-time code, and takes no other's place unasked.

The keys that a browser held before stay in it, so that there is a way back.
"""

from dataclasses import dataclass, field
from html import escape

import gradio as gr

from core.errors import NotAllowedError
from core.handover import HandoverCodes
from core.owners import KEY
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

# The browser writes a key down a moment after it got it.
RELOAD = "() => { setTimeout(() => location.reload(), 700); }"
MOST_BEFORE = 10


@dataclass(frozen=True)
class CarryHandlers:
    """Hands keys over."""

    services: Services
    codes: HandoverCodes = field(default_factory=HandoverCodes)

    @handler
    def show(self, visitor: Visitor) -> str:
        """A code for the visitor's key. Raises NotAllowedError for who has signed in: their name is their key."""
        self._check_has_key(visitor)
        return self.codes.issue(visitor.key)

    @handler
    def ask(self, visitor: Visitor, code: str) -> tuple[str, str, gr.Column, str]:
        """(the key behind `code`, what it would mean to take it, the question, an emptied field)."""
        self._check_has_key(visitor)
        key = self.codes.redeem(code or "", visitor.address)
        return key, self._left_behind(visitor), gr.Column(visible=True), ""

    @handler
    def accept(self, visitor: Visitor, pending: str, before: list[str] | None) -> tuple[str, list[str], str]:
        """(the new key, the keys held before, nothing pending any more)."""
        if not KEY.fullmatch(pending or ""):
            raise NotAllowedError("There is no code to accept. Type one first.", "先にコードを入れてください。")
        kept = [key for key in _keys(before) if key not in (visitor.key, pending)]
        return pending, [visitor.key, *kept][:MOST_BEFORE], ""

    @handler
    def decline(self, visitor: Visitor) -> tuple[str, gr.Column]:
        """Everything stays as it is: (nothing pending, no question)."""
        return "", gr.Column(visible=False)

    @handler
    def back(self, visitor: Visitor, before: list[str] | None) -> tuple[str, list[str]]:
        """The key that was held before, and the others with this one behind them."""
        held = _keys(before)
        if not held:
            raise NotAllowedError("This browser held no other key.", "このブラウザーに、前の鍵はありません。")
        return held[0], [*held[1:], visitor.key]

    @handler
    def way_back(self, visitor: Visitor, before: list[str] | None) -> gr.Button:
        """The button that leads back, where there is something to go back to."""
        return gr.Button(visible=bool(_keys(before)))

    def _check_has_key(self, visitor: Visitor) -> None:
        if not visitor.owner.startswith("key-"):
            raise NotAllowedError(
                "You have signed in: your things are there on every device where you sign in. No code is needed.",
                "ログイン中です。ほかの端末でも同じ名前でログインすれば続けられるので、コードは要りません。",
            )

    def _left_behind(self, visitor: Visitor) -> str:
        """The question, with what this browser has of its own."""
        services, owner = self.services, visitor.owner
        talks = [talk for talk in services.conversations.list_all(owner, most=1000) if len(talk.path) > 1]
        counts = {
            "talks": len(talks), "jobs": len(services.jobs.list_all(owner)),
            "personas": len(services.workspace.names(owner, "personas")),
            "sets": len(services.workspace.names(owner, "datasets")),
            "adapters": len(services.workspace.names(owner, "adapters")),
        }  # fmt: skip
        own = t(visitor.language, "foot.carry_left" if any(counts.values()) else "foot.carry_nothing_left", **counts)
        asked = t(visitor.language, "foot.carry_ask")
        return f'<p class="warn">{escape(own)}</p><p>{escape(asked)}</p>'


def _keys(before: object) -> list[str]:
    held = before if isinstance(before, list) else []
    return [key for key in held if isinstance(key, str) and KEY.fullmatch(key)]


def build(services: Services, shared: Shared) -> None:
    """The fold at the foot of the page."""
    handlers = CarryHandlers(services)
    before = gr.BrowserState([], storage_key="omokage-keys-before", secret="omokage")
    pending = gr.State("")
    with gr.Accordion(t_client("foot.carry"), open=False, elem_id="carry"):
        gr.Markdown(t_client("foot.carry_how"), elem_classes="muted")
        plain = {"show_label": False, "container": False, "scale": 4, "max_lines": 1}
        with gr.Row():
            code = gr.Textbox(
                label=t_client("foot.carry_code"), interactive=False, buttons=["copy"], elem_id="carry-code", **plain
            )
            show = gr.Button(t_client("foot.carry_show"), size="sm", scale=1, elem_id="carry-show")
        with gr.Row():
            typed = gr.Textbox(
                label=t_client("foot.carry_typed"), placeholder="ABCD-EFGH", elem_id="carry-typed", **plain
            )
            take = gr.Button(t_client("foot.carry_take"), size="sm", scale=1, elem_id="carry-take")
        with gr.Column(visible=False, elem_classes="bare", elem_id="carry-question") as question:
            left = gr.HTML(padding=False, elem_id="carry-left")
            with gr.Row():
                yes = gr.Button(t_client("foot.carry_yes"), size="sm", variant="primary", elem_id="carry-yes")
                no = gr.Button(t_client("foot.carry_no"), size="sm", elem_id="carry-no")
        back = gr.Button(t_client("foot.carry_back"), size="sm", visible=False, elem_id="carry-back")
    key = shared.key
    show.click(handlers.show, key, code, **EVENT)
    gr.on([take.click, typed.submit], handlers.ask, [key, typed], [pending, left, question, typed], **EVENT)
    no.click(handlers.decline, key, [pending, question], **EVENT)
    accepted = yes.click(handlers.accept, [key, pending, before], [key, before, pending], **EVENT)
    accepted.success(None, None, None, js=RELOAD, **EVENT)
    returned = back.click(handlers.back, [key, before], [key, before], **EVENT)
    returned.success(None, None, None, js=RELOAD, **EVENT)
    shared.arrived.then(handlers.way_back, [key, before], back, **EVENT)
