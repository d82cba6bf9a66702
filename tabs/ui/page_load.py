"""The moment a page opens: whose it is, where the talk stood, and how to carry all that elsewhere."""

from dataclasses import dataclass

import gradio as gr

from core.owners import KEY, new_key
from tabs.ui import carry, own_files
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.visitor import Visitor


def browser_key(held: object) -> str:
    """The key that the browser holds, or a new one on its first visit."""
    return held if isinstance(held, str) and KEY.fullmatch(held) else new_key()


@dataclass(frozen=True)
class PageLoad:
    """Handlers of a page that opens."""

    services: Services

    @handler
    def arrive(self, visitor: Visitor) -> str:
        """The conversation that was last talked in, or a new one."""
        self.services.workspace.seen(visitor.owner)
        talks = self.services.conversations.list_all(visitor.owner, most=1)
        return (talks[0] if talks else self.services.chat.open_conversation(visitor.owner, visitor.language)).id

    def build(self, shared: Shared) -> None:
        """The foot of the page: what carries it to another device, and sign-in where Spaces offers it."""
        with gr.Row(elem_id="foot"):
            if self.services.settings.oauth:
                gr.LoginButton(size="sm")
            own_files.build(self.services, shared)
            carry.build(self.services, shared)
