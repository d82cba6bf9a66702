"""The character book of a persona: its entries one by one, and lorebook files in and out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from core.errors import InputError
from core.files import safe_name
from core.personas import Persona
from core.personas.lorebook import ENTRY_DEPTH, Lorebook, LorebookEntry, Position
from core.personas.lorebook_edit import EntryText, joined, with_entry, without_entry
from core.personas.lorebook_file import listed, lorebook_v3, read_book, world_info
from tabs.talk.handlers import persona_of
from tabs.ui.download import Download, build_download
from tabs.ui.form import Form, PagePart
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

POSITIONS: tuple[Position, ...] = ("", "before_char", "after_char", "at_depth", "note_top", "note_bottom")
NEW = ""
DEEPEST = 1000  # messages


@dataclass(frozen=True)
class EntryForm(Form):
    """An entry as a person edits it."""

    keys: str
    content: str
    enabled: bool
    constant: bool
    position: Position
    depth: float | None
    order: float | None
    probability: float | None

    @classmethod
    def showing(cls, entry: LorebookEntry) -> "EntryForm":
        return cls(
            keys=", ".join(entry.keys), content=entry.content, enabled=entry.enabled, constant=entry.constant,
            position=entry.position, depth=entry.depth, order=entry.order, probability=entry.probability,
        )  # fmt: skip

    def text(self) -> EntryText:
        """What it says. Raises InputError for an entry without words."""
        if not self.content.strip():
            raise InputError("The entry says nothing. Write what comes to mind, or delete it.",
                             "内容が空です。思い出すことを書くか、項目を消してください。")  # fmt: skip
        return EntryText(
            listed(self.keys.replace("、", ",").replace("，", ",")), self.content.strip(), self.enabled, self.constant,
            self.position if self.position in POSITIONS else "",
            min(max(int(self.depth), 0), DEEPEST) if self.depth is not None else ENTRY_DEPTH,
            int(self.order) if self.order is not None else 100,
            min(max(float(self.probability), 0.0), 100.0) if self.probability is not None else 100.0,
        )  # fmt: skip


@dataclass(frozen=True)
class BookHandlers:
    """Shows and changes the book of the persona on the page; a built-in persona becomes one's own copy."""

    services: Services

    @handler
    def show(self, visitor: Visitor, conversation: str, chosen: str) -> tuple:
        """(the list of entries, *EntryForm): of the chosen entry, else of a new one."""
        book = persona_of(self.services, visitor, conversation).book
        place = _place(chosen, book)
        choices = [(t(visitor.language, "persona.book_new"), NEW)]
        choices += [(_line(entry, visitor.language), str(at)) for at, entry in enumerate(book.entries)]
        entry = LorebookEntry((), "") if place is None else book.entries[place]
        return gr.Dropdown(choices=choices, value=NEW if place is None else str(place)), *EntryForm.showing(
            entry
        ).values()

    @handler
    def save(self, visitor: Visitor, conversation: str, chosen: str, form: EntryForm) -> str:
        """Keep the form as the chosen entry, or as a new one; the id of the talk."""
        persona = persona_of(self.services, visitor, conversation)
        book = with_entry(persona.book, _place(chosen, persona.book), form.text())
        return self._keep(visitor, conversation, persona, book)

    @handler
    def delete(self, visitor: Visitor, conversation: str, chosen: str) -> str:
        """Take the chosen entry out; the id of the talk."""
        persona = persona_of(self.services, visitor, conversation)
        place = _place(chosen, persona.book)
        if place is None:
            return conversation
        return self._keep(visitor, conversation, persona, without_entry(persona.book, place))

    @handler
    def open_book(self, visitor: Visitor, conversation: str, cached: str) -> tuple[None, str]:
        """(the empty upload, the id of the talk): the entries of a file join the book."""
        file = self.services.take_upload(visitor, cached)
        try:
            found = read_book(file.read_bytes())
        finally:
            file.unlink()
        persona = persona_of(self.services, visitor, conversation)
        book = joined(persona.book, found)
        inform(visitor.language, "persona.book_opened", n=len(book.entries) - len(persona.book.entries),
               of=len(found.entries))  # fmt: skip
        return None, self._keep(visitor, conversation, persona, book)

    @handler
    def save_world_info(self, visitor: Visitor, conversation: str) -> str:
        """The path of the book as SillyTavern's world info."""
        persona = persona_of(self.services, visitor, conversation)
        return self._saved(visitor, persona, "world-info", world_info(persona.book))

    @handler
    def save_lorebook(self, visitor: Visitor, conversation: str) -> str:
        """The path of the book as a lorebook file of the card specification V3."""
        persona = persona_of(self.services, visitor, conversation)
        return self._saved(visitor, persona, "lorebook", lorebook_v3(persona.book))

    def _saved(self, visitor: Visitor, persona: Persona, what: str, data: bytes) -> str:
        with self.services.workspace.download_folder(visitor.owner) as folder:
            made = folder / f"{safe_name(persona.name, 'persona')}-{what}.json"
            made.write_bytes(data)
            return str(self.services.workspace.hand_out(visitor.owner, made))

    def _keep(self, visitor: Visitor, conversation: str, before: Persona, book: Lorebook) -> str:
        persona = self.services.personas.save(visitor.owner, replace(before, book=book))
        if persona.id == before.id:
            return conversation
        return self.services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id).id


def _place(chosen: str, book: Lorebook) -> int | None:
    """The place in the book of what the page says was chosen; None for a new entry, or one that is gone."""
    place = int(chosen) if (chosen or "").isdecimal() and len(chosen) < 9 else -1
    return place if 0 <= place < len(book.entries) else None


def _line(entry: LorebookEntry, language: str) -> str:
    """An entry in the list: its name or keys, the beginning of its words, and whether it is off."""
    called = entry.name or ", ".join(entry.keys) or t(language, "persona.book_always")
    off = "" if entry.enabled else t(language, "persona.book_off")
    return f"{off}{called[:30]} — {' '.join(entry.content.split())[:40]}"


@dataclass(frozen=True)
class BookParts:
    """The fold's components; `wire` joins them to the page once all of it is there."""

    chosen: gr.Dropdown
    form: list[PagePart]
    save: gr.Button
    delete: gr.Button
    open: gr.UploadButton
    world: gr.Button
    lorebook: gr.Button
    file: Download


def build() -> BookParts:
    """The fold with the list, the form of an entry and the files."""
    with gr.Accordion(t_client("persona.book_fold"), open=False, elem_id="book"):
        chosen = gr.Dropdown(choices=[(t_client("persona.book_new"), NEW)], value=NEW,
                             label=t_client("persona.book_fold"),
                             show_label=False,
                             container=False, elem_id="book-entries")  # fmt: skip
        positions = [(t_client(f"persona.book_position_{position or 'known'}"), position) for position in POSITIONS]
        components: dict[str, Component] = {
            "keys": gr.Textbox(label=t_client("persona.book_keys"), info=t_client("persona.book_keys_info"),
                               elem_id="book-keys"),
            "content": gr.Textbox(label=t_client("persona.book_content"), lines=3, max_lines=12,
                                  elem_id="book-content"),
            "enabled": gr.Checkbox(True, label=t_client("persona.book_enabled"), container=False),
            "constant": gr.Checkbox(False, label=t_client("persona.book_constant"), container=False),
            "position": gr.Dropdown(choices=positions, value="", label=t_client("persona.book_position"),
                                    elem_id="book-position"),
        }  # fmt: skip
        with gr.Row():
            for name, value, most in (("depth", ENTRY_DEPTH, DEEPEST), ("order", 100, None), ("probability", 100, 100)):
                components[name] = gr.Number(value, label=t_client(f"persona.book_{name}"), precision=0, minimum=0,
                                             maximum=most, min_width=70)  # fmt: skip
        with gr.Row():
            save = gr.Button(t_client("persona.book_save"), size="sm", variant="primary", elem_id="book-save",
                             min_width=90)  # fmt: skip
            delete = gr.Button(t_client("persona.book_delete"), size="sm", variant="stop", elem_id="book-delete",
                               min_width=90)  # fmt: skip
        opened = build_upload("persona.book_open", "book-open", types=(".json", ".lorebook"))
        with gr.Row():
            world = gr.Button(t_client("persona.book_world"), size="sm", elem_id="book-world", min_width=90)
            lorebook = gr.Button(t_client("persona.book_v3"), size="sm", elem_id="book-v3", min_width=90)
        file = build_download("book-file")
    return BookParts(chosen, EntryForm.inputs(components), save, delete, opened, world, lorebook, file)


def wire(
    services: Services, shared: Shared, parts: BookParts, edited: gr.State, filled: Sequence[Dependency]
) -> list[Dependency]:
    """The events, `edited` the talk whose persona is edited, `filled` those that opened the editor.

    Returns those after which the persona is another.
    """
    handlers = BookHandlers(services)
    inputs = [shared.key, edited]
    shown = (handlers.show, [*inputs, parts.chosen], [parts.chosen, *parts.form])
    for asked in (parts.chosen.input, *(opened.then for opened in filled)):
        asked(*shown, **EVENT)
    for press, write in ((parts.world, handlers.save_world_info), (parts.lorebook, handlers.save_lorebook)):
        parts.file.after(press.click(write, inputs, parts.file.file, **EVENT))
    changes = [
        parts.save.click(handlers.save, [*inputs, parts.chosen, *parts.form], shared.conversation, **EVENT),
        parts.delete.click(handlers.delete, [*inputs, parts.chosen], shared.conversation, **EVENT),
        parts.open.upload(handlers.open_book, [*inputs, parts.open], [parts.open, shared.conversation], **EVENT),
    ]
    here = [shared.key, shared.conversation, parts.chosen]
    return [change.then(handlers.show, here, [parts.chosen, *parts.form], **EVENT) for change in changes]
