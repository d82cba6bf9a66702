"""The moment a page opens: whose it is, where it stood, and how to carry all that elsewhere.

scripts/places.js writes the address: #data, or #talk/ and the id of the talk. An id opens its talk for its owner alone.
"""

from contextlib import suppress
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.errors import AppError
from core.owners import KEY, new_key
from core.stored import DamagedError
from tabs.ui import carry, own_files
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.visitor import Visitor

ADDRESS = "(key) => [key, location.hash]"


def browser_key(held: object) -> str:
    """The key that the browser holds, or a new one on its first visit."""
    return held if isinstance(held, str) and KEY.fullmatch(held) else new_key()


@dataclass(frozen=True)
class PageLoad:
    """Handlers of a page that opens."""

    services: Services

    @handler
    def arrive(self, visitor: Visitor, address: str | None) -> str:
        """The conversation of the address; else the one that was last talked in, or a new one."""
        self.services.workspace.seen(visitor.owner)
        if wanted := self._talk_at(visitor, address):
            return wanted
        talks = self.services.conversations.list_all(visitor.owner, most=1)
        return (talks[0] if talks else self.services.chat.open_conversation(visitor.owner, visitor.language)).id

    @handler
    def go(self, visitor: Visitor, address: str | None) -> str | dict:
        """The conversation of an address that the browser went back to; nothing happens where there is none."""
        return self._talk_at(visitor, address) or gr.skip()

    @handler
    def tell(self, visitor: Visitor, conversation: str) -> str:
        """Which conversation the page shows, and with whom, for the address and the title."""
        with suppress(DamagedError):  # the Chat tab says so
            if talk := self.services.conversations.get(visitor.owner, conversation):
                who = self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language).name
                return f'<i data-talk="{escape(talk.id)}" title="{escape(who)}"></i>'
        return ""

    def _talk_at(self, visitor: Visitor, address: str | None) -> str:
        """The id in #talk/<id>, where that is a talk of the visitor's; else ""."""
        tab, _, wanted = (address or "").removeprefix("#").partition("/")
        with suppress(DamagedError, AppError):
            if tab == "talk" and wanted and self.services.conversations.get(visitor.owner, wanted):
                return wanted
        return ""

    def build(self, shared: Shared, place: gr.HTML) -> None:
        """The foot of the page: what carries it to another device, and sign-in where Spaces offers it."""
        with gr.Row(elem_id="foot"):
            if self.services.settings.oauth:
                gr.LoginButton(size="sm")
            own_files.build(self.services, shared)
            carry.build(self.services, shared)
        shared.conversation.change(self.tell, [shared.key, shared.conversation], place, queue=False, **EVENT)
        back = gr.Button(elem_id="place-go", elem_classes="unseen")
        back.click(self.go, [shared.key, place], shared.conversation, js=ADDRESS, **EVENT)


def build_place() -> gr.HTML:
    """Where the page is, unseen: scripts/places.js reads it. Its value as an input is the address."""
    return gr.HTML(elem_id="place", elem_classes="unseen", padding=False)
