"""The notes on the page: a list to search, and a form for the one that is chosen."""

from dataclasses import dataclass

import gradio as gr

from core.errors import InputError
from core.memory.notes import MemoryNote, Notes
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

NONE = "0"  # no note is chosen


@dataclass(frozen=True)
class NoteHandlers:
    """Adds, shows and changes the notes of an owner with a persona. Every answer is followed by a refresh."""

    services: Services

    @handler
    def add(self, visitor: Visitor, persona: str, text: str) -> tuple[str, str]:
        """Remember a sentence: (the emptied box, the emptied search)."""
        self._notes(visitor, persona).add(text, now=self._now())
        return "", ""

    @handler
    def pick(self, visitor: Visitor, persona: str, chosen: str) -> tuple:
        """(form, text, importance, save, pin, forget, restore, delete) for the chosen note; no form for none."""
        if chosen in ("", NONE, None):
            return gr.Column(visible=False), *(gr.skip(),) * 7
        note = self._chosen(visitor, persona, chosen)
        live = note.forgotten is None
        pin = t(visitor.language, "memory.unpin" if note.pinned else "memory.pin")
        return (gr.Column(visible=True), gr.Textbox(note.text, interactive=live), gr.Slider(value=note.importance),
                gr.Button(visible=live), gr.Button(pin, visible=live), gr.Button(visible=live),
                gr.Button(visible=not live), gr.Button(visible=not live))  # fmt: skip

    @handler
    def save(self, visitor: Visitor, persona: str, chosen: str, text: str, importance: float) -> None:
        """Change the chosen note's words and weight."""
        notes, note = self._notes(visitor, persona), self._chosen(visitor, persona, chosen)
        notes.change(note.id, text)
        notes.weigh(note.id, int(importance))
        inform(visitor.language, "memory.saved")

    @handler
    def pin(self, visitor: Visitor, persona: str, chosen: str) -> None:
        """Pin the chosen note, or unpin it."""
        note = self._chosen(visitor, persona, chosen)
        self._notes(visitor, persona).pin(note.id, not note.pinned)

    @handler
    def forget(self, visitor: Visitor, persona: str, chosen: str) -> str:
        """Use the chosen note no more; it can be brought back. Returns that none is chosen."""
        self._notes(visitor, persona).forget(self._chosen(visitor, persona, chosen).id, now=self._now())
        inform(visitor.language, "memory.forgot")
        return NONE

    @handler
    def restore(self, visitor: Visitor, persona: str, chosen: str) -> str:
        """Use a forgotten note again."""
        self._notes(visitor, persona).restore(self._chosen(visitor, persona, chosen).id)
        return NONE

    @handler
    def delete(self, visitor: Visitor, persona: str, chosen: str) -> str:
        """Remove a forgotten note for good."""
        self._notes(visitor, persona).delete(self._chosen(visitor, persona, chosen).id)
        inform(visitor.language, "memory.deleted")
        return NONE

    def _notes(self, visitor: Visitor, persona: str) -> Notes:
        return Notes(self.services.memory.store(visitor.owner), persona)

    def _chosen(self, visitor: Visitor, persona: str, chosen: str) -> MemoryNote:
        if not str(chosen).isdecimal() or chosen == NONE:
            raise InputError("Choose a note in the list first.", "先に、一覧からメモを選んでください。")
        return self._notes(visitor, persona).get(int(chosen))

    def _now(self) -> float:
        return self.services.memory.clock().timestamp()
