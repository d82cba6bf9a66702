"""Beside the notes: how a persona remembers, its documents, its diary, and forgetting everything."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import gradio as gr

from core.errors import InputError
from core.memory.diary import Diary
from core.memory.documents import Documents
from core.memory.options import MemoryOptions
from tabs.memory import view
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class SourceHandlers:
    """Changes what is remembered, a persona at a time. Every answer is followed by a refresh."""

    services: Services

    @handler
    def choices(self, visitor: Visitor, persona: str) -> tuple:
        """(remembers, taking of notes, how often to ask, at once): what was chosen for this persona."""
        chosen = self.services.memory.options(visitor.owner, persona)
        return chosen.remembers, chosen.notes, chosen.samples, chosen.single_pass

    @handler
    def choose(self, visitor: Visitor, persona: str, remembers: bool, notes: str, samples: float, at_once: bool) -> str:
        """Keep the choice: what it means now, in a sentence."""
        if notes not in ("auto", "on", "off"):
            raise InputError(f"“{notes}” is no way to take notes.", f"「{notes}」というメモの取り方はありません。")
        chosen = MemoryOptions(bool(remembers), notes, min(max(int(samples), 1), 5), bool(at_once))
        if chosen.single_pass and not self.services.memory.options(visitor.owner, persona).single_pass:
            chosen = replace(chosen, samples=max(chosen.samples, 3))  # one answer alone would be no vote
        self.services.memory.set_options(visitor.owner, persona, chosen)
        return view.taking(chosen, self.services.models.status, visitor.language)

    @handler
    def add_documents(self, visitor: Visitor, persona: str, files: list[str] | None) -> None:
        """Read the dropped files, one after the other; the first that cannot be read raises, those before it stay."""
        documents = Documents(self.services.memory.store(visitor.owner), persona)
        for cached in files or ():
            path = self.services.take_upload(visitor, cached)
            try:
                added = documents.add(path, Path(cached).name, self.services.memory.clock().timestamp())
            finally:
                path.unlink(missing_ok=True)
            inform(visitor.language, "memory.document_added", name=added.name)

    @handler
    def delete_document(self, visitor: Visitor, persona: str, chosen: str | None) -> None:
        """Quote a document no more."""
        if not chosen or not chosen.isdecimal():
            raise InputError("Choose a document in the list first.", "先に、一覧から資料を選んでください。")
        Documents(self.services.memory.store(visitor.owner), persona).delete(int(chosen))
        inform(visitor.language, "memory.deleted")

    @handler
    def delete_entry(self, visitor: Visitor, persona: str, chosen: str | None) -> None:
        """Take a line out of the diary."""
        level, _, start = (chosen or "").partition(" ")
        if level not in ("day", "week"):
            raise InputError("Choose a line of the diary first.", "先に、日記の行を選んでください。")
        Diary(self.services.memory.store(visitor.owner), persona).delete(level, date.fromisoformat(start))
        inform(visitor.language, "memory.deleted")

    @handler
    def forget_all(self, visitor: Visitor, persona: str) -> gr.Column:
        """Remove everything with this persona for good: the question goes away."""
        self.services.memory.forget_persona(visitor.owner, persona)
        inform(visitor.language, "memory.all_done")
        return gr.Column(visible=False)
