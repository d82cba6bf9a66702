"""The author's note of a talk: what is to be kept in mind in it, before the newest messages."""

from dataclasses import dataclass, replace

import gradio as gr

from core.chat.conversation import LONGEST_NOTE, AuthorsNote
from tabs.talk.handlers import stored
from tabs.talk.replies import Replies, seen_of
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client
from tabs.ui.visitor import Visitor

DEEPEST = 100  # messages


@dataclass(frozen=True)
class AuthorsNoteHandlers:
    """Shows and keeps the note of the conversation on the page."""

    services: Services
    replies: Replies

    @handler
    def show(self, visitor: Visitor, conversation: str, text: str, depth: float | None) -> tuple:
        """(text, depth); nothing where the page has them, as somebody may be writing by the time they arrive."""
        note = stored(self.services, visitor, conversation).note
        shown = (text or "").strip() == note.text and depth == note.depth
        return (gr.skip(), gr.skip()) if shown else (note.text, note.depth)

    @handler
    def keep(self, visitor: Visitor, conversation: str, text: str, depth: float | None) -> str | dict:
        """Keep what was written; what the model sees then."""
        with self.replies.lock(visitor, conversation):
            talk = stored(self.services, visitor, conversation)
            at = min(max(int(depth), 0), DEEPEST) if depth is not None else AuthorsNote().depth
            note = AuthorsNote((text or "").strip()[:LONGEST_NOTE], at)
            if note == talk.note:
                return gr.skip()
            talk = self.services.conversations.save(visitor.owner, replace(talk, note=note))
        return seen_of(self.services, visitor, talk)


def build() -> tuple[gr.Textbox, gr.Number]:
    """The fold below the message box; returns (text, depth)."""
    with gr.Accordion(t_client("talk.note"), open=False, elem_id="talk-note"):
        text = gr.Textbox(
            label=t_client("talk.note"),
            show_label=False, info=t_client("talk.note_info"), lines=2, max_lines=8, max_length=LONGEST_NOTE,
            placeholder=t_client("talk.note_example"), elem_id="talk-note-text",
        )  # fmt: skip
        depth = gr.Number(
            AuthorsNote().depth, label=t_client("talk.note_depth"), precision=0, minimum=0, maximum=DEEPEST,
            elem_id="talk-note-depth",
        )  # fmt: skip
    return text, depth


def wire(handlers: AuthorsNoteHandlers, shared: Shared, parts: tuple[gr.Textbox, gr.Number], seen: gr.HTML) -> None:
    """The events: the note is kept when its field is left."""
    text, depth = parts
    inputs = [shared.key, shared.conversation]
    written = [*inputs, text, depth]
    shared.conversation.change(handlers.show, written, [text, depth], **EVENT)
    gr.on([text.blur, depth.blur, depth.submit], handlers.keep, written, seen, **EVENT)
