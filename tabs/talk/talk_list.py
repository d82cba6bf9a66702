"""What one does with the list of talks: open, find, pin, rename, remove and put back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from tabs.talk.handlers import TalkHandlers
from tabs.talk.talks_drawn import SHOWN
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

SCRIPT = Path(__file__).with_name("talk_list.js")
MANY = 1_000


@dataclass(frozen=True)
class ListAct:
    """What a button of the list asks for; a page can send anything, so it is read with suspicion."""

    name: str
    talk: str
    """The id of the talk that it stands at."""
    words: str = ""

    @classmethod
    def of(cls, event: gr.EventData) -> "ListAct":
        sent = event._data if isinstance(event._data, Mapping) else {}
        return cls(*(value if isinstance(value := sent.get(key), str) else "" for key in ("act", "talk", "words")))


@dataclass(frozen=True)
class TalkListHandlers:
    """The list of a visitor's talks. A method that an act names returns the id of a talk to be opened, or ""."""

    services: Services
    talking: TalkHandlers

    @handler
    def find(self, visitor: Visitor, conversation: str, query: str) -> str:
        """The talks that hold these words, or all of them."""
        return self.talking.talk_list.drawn(visitor, conversation, query)

    @handler
    def act(self, visitor: Visitor, conversation: str, query: str, event: gr.EventData) -> tuple:
        """What a button of the list asks for: (the conversation to open, the list)."""
        asked = ListAct.of(event)
        opened = ACTS[asked.name](self, visitor, conversation, asked) if asked.name in ACTS else ""
        if opened:
            return opened, gr.skip()  # what draws that conversation draws the list as well
        most = MANY if asked.name == "more" else SHOWN
        return gr.skip(), self.talking.talk_list.drawn(visitor, conversation, query, most)

    def open_talk(self, visitor: Visitor, conversation: str, asked: ListAct) -> str:
        """Another talk comes to the page."""
        return asked.talk if self.services.conversations.get(visitor.owner, asked.talk) else ""

    def pin(self, visitor: Visitor, conversation: str, asked: ListAct) -> str:
        """Keep it at the top, or not any more."""
        store = self.services.conversations
        if store.get(visitor.owner, asked.talk):
            pinned = any(entry.id == asked.talk for entry in store.pinned(visitor.owner))
            store.pin(visitor.owner, asked.talk, not pinned)
        return ""

    def rename(self, visitor: Visitor, conversation: str, asked: ListAct) -> str:
        """Give it a title; with none, its first words are its title again."""
        with self.talking.replies.lock(visitor, asked.talk):
            self.services.conversations.rename(visitor.owner, asked.talk, asked.words)
        return ""

    def remove(self, visitor: Visitor, conversation: str, asked: ListAct) -> str:
        """Out of sight, to be put back for an hour."""
        another = self.talking.removed(visitor, asked.talk)
        return another if asked.talk == conversation else ""

    def put_back(self, visitor: Visitor, conversation: str, asked: ListAct) -> str:
        """What was removed is there again, and opened."""
        self.talking.talk_list.offered.pop(visitor.owner, None)
        if self.services.chat.put_back(visitor.owner, asked.talk):
            return asked.talk
        inform(visitor.language, "talk.removed_gone")
        return ""


ACTS: dict[str, Callable[[TalkListHandlers, Visitor, str, ListAct], str]] = {
    "open": TalkListHandlers.open_talk, "pin": TalkListHandlers.pin, "rename": TalkListHandlers.rename,
    "remove": TalkListHandlers.remove, "put_back": TalkListHandlers.put_back,
}  # fmt: skip


class TalkListParts(NamedTuple):
    """The components of the list."""

    query: gr.Textbox
    talks: gr.HTML


def build() -> TalkListParts:
    """The field to search in, and the list."""
    query = gr.Textbox(
        placeholder=t_client("talk.search"), label=t_client("talk.search"), show_label=False, container=False,
        lines=1, max_lines=1, elem_id="talk-search",
    )  # fmt: skip
    talks = gr.HTML(
        padding=False, elem_id="talks", js_on_load=SCRIPT.read_text(encoding="utf-8"), apply_default_css=False
    )
    return TalkListParts(query, talks)


def wire(handlers: TalkListHandlers, shared: Shared, parts: TalkListParts) -> None:
    """The events; what opens a conversation fills the list (tabs/talk/tab.py)."""
    inputs = [shared.key, shared.conversation, parts.query]
    parts.query.change(handlers.find, inputs, parts.talks, trigger_mode="always_last", **EVENT)
    parts.talks.select(handlers.act, inputs, [shared.conversation, parts.talks], **EVENT)
