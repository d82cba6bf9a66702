"""Memory: what does it remember of our talks, since when, and from whom?"""

from dataclasses import dataclass

import gradio as gr

from core.chat.context import remembered_as
from core.memory.diary import Diary
from core.memory.documents import ENDINGS, Documents
from core.memory.notes import Notes
from core.memory.turns import Turns
from tabs.memory import view
from tabs.memory.notes import NONE, NoteHandlers
from tabs.memory.sources import SourceHandlers
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

DRAWN = 9


@dataclass(frozen=True)
class MemoryHandlers:
    """Draws what is remembered with one persona."""

    services: Services

    @handler
    def follow(self, visitor: Visitor, conversation: str) -> gr.Dropdown:
        """The picker, standing on whom the conversation on the page is held with."""
        talk = self.services.conversations.get(visitor.owner, conversation) if conversation else None
        personas = self.services.personas.entries(visitor.owner, visitor.language)
        choices = [(persona.name, persona.id) for persona in personas]
        for adapter in self.services.adapters.list_all(visitor.owner):
            if adapter.prompt_config:
                name = t(visitor.language, "memory.adapter_own", name=adapter.prompt_config.persona)
                choices.append((name, f"adapter:{adapter.name}"))
        known = [value for _, value in choices]
        wanted = remembered_as(talk) if talk else ""
        return gr.Dropdown(choices=choices, value=wanted if wanted in known else known[0])

    @handler
    def refresh(
        self, visitor: Visitor, persona: str | None, words: str | None, forgotten: bool, chosen: str, shown: tuple
    ) -> tuple:
        """(list of notes, what stands in its place, figures, taking, rounds, diary, its button, documents, shown),
        or nothing when all is as it was shown."""
        store, status = self.services.memory.store(visitor.owner), self.services.models.status
        written = [path.stat().st_mtime_ns for path in store.path.parent.glob(f"{store.path.name}*")]
        words = words or ""  # a box that nobody has typed into yet
        state = (persona, words, forgotten, chosen, max(written, default=0), status.parameters, visitor.language)
        if state == shown or not persona:
            return (gr.skip(),) * DRAWN
        notes, diary, documents = Notes(store, persona), Diary(store, persona), Documents(store, persona)
        entries, held = diary.entries()[::-1], documents.list_all()
        counts = (("turns", Turns(store).count(persona)), ("notes_count", len(notes.live())), ("days", len(entries)),
                  ("documents_count", len(held)))  # fmt: skip
        lines = [(view.entry_line(entry, visitor.language), f"{entry.level} {entry.start}") for entry in entries]
        files = [(view.document_line(document, visitor.language), str(document.id)) for document in held]
        return (
            *self._list(visitor, notes, words, forgotten, chosen),
            view.figures(counts, visitor.language),
            view.taking(self.services.memory.options(visitor.owner, persona), status, visitor.language),
            view.rounds(notes.rounds(), visitor.language),
            gr.Radio(choices=lines, value=None, visible=bool(lines)),
            gr.Column(visible=bool(lines)),
            gr.Radio(choices=files, value=None, visible=bool(files)),
            state,
        )

    def _list(
        self, visitor: Visitor, notes: Notes, words: str, forgotten: bool, chosen: str
    ) -> tuple[gr.Radio, gr.HTML]:
        """(the notes that match, or all; what is said where there are none)."""
        live, gone = notes.live(), notes.forgotten()
        pool = gone if forgotten else sorted(live, key=lambda note: not note.pinned)
        if words.strip():
            found = {note.id for note, _ in notes.found(words)}
            pool = [note for note in pool if note.id in found or words.strip().casefold() in note.text.casefold()]
        by_id = {note.id: note for note in (*live, *gone)}
        lines = [(view.note_line(note, by_id, visitor.language), str(note.id)) for note in pool]
        value = chosen if chosen in [value for _, value in lines] else None
        empty = "" if lines else view.nothing(visitor.language, words)
        return gr.Radio(choices=lines, value=value, visible=bool(lines)), gr.HTML(empty, visible=not lines)


def build(services: Services, shared: Shared) -> None:
    """Left whose memory and how; in the middle the notes, when they were taken, and the diary."""
    handlers, noting, sources = MemoryHandlers(services), NoteHandlers(services), SourceHandlers(services)
    small = {"size": "sm", "min_width": 90}
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=5, min_width=260):
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.who"), elem_classes="title")
                who = gr.Dropdown(
                    choices=[], label=t_client("memory.who"), show_label=False, container=False, elem_id="memory-who"
                )
                figures = gr.HTML(padding=False, elem_id="memory-figures")
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.how"), elem_classes="title")
                remembers = gr.Checkbox(True, label=t_client("memory.remembers"), elem_id="memory-on",
                                        container=False)  # fmt: skip
                ways = [(t_client(f"memory.taking_{way}"), way) for way in ("auto", "on", "off")]
                taking = gr.Radio(ways, value="auto", label=t_client("memory.taking"), elem_id="memory-taking")
                meaning = gr.HTML(padding=False, elem_id="memory-meaning")
                with gr.Accordion(t_client("memory.more"), open=False, elem_id="memory-more"):
                    samples = gr.Slider(1, 5, 1, step=1, label=t_client("memory.samples"),
                                        info=t_client("memory.samples_info"), elem_id="memory-samples")  # fmt: skip
                    at_once = gr.Checkbox(False, label=t_client("memory.at_once"), info=t_client("memory.at_once_info"),
                                          elem_id="memory-at-once")  # fmt: skip
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.documents"), elem_classes="title")
                gr.Markdown(t_client("memory.documents_hint"), elem_classes="muted")
                drop = gr.File(file_count="multiple", file_types=list(ENDINGS), label=t_client("memory.documents"),
                               show_label=False, height=140,
                               elem_id="memory-drop")  # fmt: skip
                files = gr.Radio(choices=[], label=t_client("memory.documents"),
                                 show_label=False, container=False, visible=False, elem_id="memory-files",
                                 elem_classes="lines")  # fmt: skip
                remove = gr.Button(t_client("memory.document_delete"), variant="stop", size="sm", visible=False,
                                   elem_id="memory-file-delete")  # fmt: skip
            with gr.Column(elem_classes="card"):
                every = gr.Button(t_client("memory.all"), variant="stop", size="sm", elem_id="memory-all")
                with gr.Column(visible=False, elem_classes="bare") as sure:
                    gr.Markdown(t_client("memory.all_sure"), elem_classes="muted")
                    with gr.Row(elem_classes="actions"):
                        yes = gr.Button(t_client("memory.all_yes"), variant="stop", elem_id="memory-all-yes", **small)
                        no = gr.Button(t_client("memory.all_no"), **small)
        with gr.Column(scale=13, min_width=320, elem_classes="middle"):
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.notes"), elem_classes="title")
                with gr.Row(elem_classes="add-line"):
                    fresh = gr.Textbox(
                        placeholder=t_client("memory.add_placeholder"),
                        label=t_client("memory.add_placeholder"),
                        show_label=False,
                        container=False,
                        scale=8,
                        elem_id="memory-fresh",
                    )
                    add = gr.Button(
                        t_client("memory.add"), variant="primary", scale=1, min_width=90, elem_id="memory-add"
                    )
                with gr.Row(elem_classes="find-line"):
                    words = gr.Textbox(placeholder=t_client("memory.search"), label=t_client("memory.search"),
                                       show_label=False, container=False,
                                       scale=6, elem_id="memory-search")  # fmt: skip
                    forgotten = gr.Checkbox(False, label=t_client("memory.forgotten"), container=False, scale=3,
                                            min_width=170, elem_id="memory-forgotten")  # fmt: skip
                empty = gr.HTML(padding=False, elem_id="memory-empty")
                notes = gr.Radio(choices=[], label=t_client("memory.notes"),
                                 show_label=False, container=False, visible=False, elem_id="memory-notes",
                                 elem_classes="lines")  # fmt: skip
                with gr.Column(visible=False, elem_classes="bare", elem_id="memory-form") as form:
                    text = gr.Textbox(label=t_client("memory.edit"), lines=1, max_lines=4, elem_id="memory-text")
                    weight = gr.Slider(1, 5, 3, step=1, label=t_client("memory.importance"), elem_id="memory-weight")
                    with gr.Row(elem_classes="actions"):
                        save = gr.Button(t_client("memory.save"), variant="primary", elem_id="memory-save", **small)
                        pin = gr.Button(t_client("memory.pin"), elem_id="memory-pin", **small)
                        forget = gr.Button(t_client("memory.forget"), elem_id="memory-forget", **small)
                        restore = gr.Button(t_client("memory.restore"), variant="primary", elem_id="memory-restore",
                                            visible=False, **small)  # fmt: skip
                        delete = gr.Button(t_client("memory.delete"), variant="stop", elem_id="memory-delete",
                                           visible=False, **small)  # fmt: skip
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.diary"), elem_classes="title")
                days = gr.Radio(choices=[], label=t_client("memory.diary"),
                                show_label=False, container=False, visible=False, elem_id="memory-diary",
                                elem_classes="lines")  # fmt: skip
                gr.Markdown(t_client("memory.no_diary"), elem_classes="muted")
                with gr.Column(visible=False, elem_classes="bare") as days_more:
                    day_delete = gr.Button(
                        t_client("memory.diary_delete"), variant="stop", elem_id="memory-day-delete", **small
                    )
            with gr.Column(elem_classes="card"):
                gr.Markdown(t_heading("memory.rounds"), elem_classes="title")
                rounds = gr.HTML(padding=False, elem_id="memory-rounds")
    chosen, shown = gr.State(NONE), gr.State(())

    inputs = [shared.key, who]
    outputs = [notes, empty, figures, meaning, rounds, days, days_more, files, shown]
    refreshing = {"fn": handlers.refresh, "inputs": [*inputs, words, forgotten, chosen, shown], "outputs": outputs,
                  "queue": False, **EVENT}  # fmt: skip
    editor = [form, text, weight, save, pin, forget, restore, delete]
    chosen_ones = [remembers, taking, samples, at_once]
    shared.changed["memory"].click(**refreshing, trigger_mode="always_last")
    shared.opened("memory")(handlers.follow, [shared.key, shared.conversation], who, **EVENT)
    who.change(sources.choices, inputs, chosen_ones, **EVENT).then(lambda: NONE, None, chosen, **EVENT)
    who.change(**refreshing)
    gr.on([words.change, forgotten.change], **refreshing)
    notes.input(lambda value: value or NONE, notes, chosen, **EVENT)
    forgotten.change(lambda: NONE, None, chosen, **EVENT)
    chosen.change(noting.pick, [*inputs, chosen], editor, **EVENT)
    gr.on([add.click, fresh.submit], noting.add, [*inputs, fresh], [fresh, words], **EVENT).then(**refreshing)
    note = [*inputs, chosen]
    save.click(noting.save, [*note, text, weight], None, **EVENT).then(**refreshing)
    pin.click(noting.pin, note, None, **EVENT).then(noting.pick, note, editor, **EVENT).then(**refreshing)
    for button, done in ((forget, noting.forget), (restore, noting.restore), (delete, noting.delete)):
        button.click(done, note, chosen, **EVENT).then(**refreshing)
    for choice in (remembers.input, taking.input, samples.release, at_once.input):
        choice(sources.choose, [*inputs, *chosen_ones], meaning, **EVENT).then(
            sources.choices, inputs, chosen_ones, **EVENT
        )
    drop.upload(sources.add_documents, [*inputs, drop], None, **EVENT).then(lambda: None, None, drop, **EVENT).then(
        **refreshing
    )
    files.change(lambda value: gr.Button(visible=bool(value)), files, remove, queue=False, **EVENT)
    remove.click(sources.delete_document, [*inputs, files], None, **EVENT).then(**refreshing)
    day_delete.click(sources.delete_entry, [*inputs, days], None, **EVENT).then(**refreshing)
    every.click(lambda: gr.Column(visible=True), None, sure, queue=False, **EVENT)
    no.click(lambda: gr.Column(visible=False), None, sure, queue=False, **EVENT)
    yes.click(sources.forget_all, inputs, sure, **EVENT).then(lambda: NONE, None, chosen, **EVENT).then(**refreshing)
