"""The editor of a persona, over the chat: its form with live token counts, its character book, card and picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from core.errors import ModelError
from core.personas import Persona, format_examples, parse_examples
from core.personas.lorebook_text import edited, format_book
from core.prompt.encoder import encoder_for
from tabs.talk import book, persona_card, sampling, voice_form
from tabs.talk.handlers import persona_of
from tabs.talk.sampling import SamplingForm
from tabs.talk.voice_form import VoiceFold, VoiceForm
from tabs.ui import html_parts
from tabs.ui.form import Form, PagePart
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

BETWEEN = "\n---\n"  # of greetings
MOST_OPENERS = 6
Opens = Callable[..., Dependency]
"""An event, or what follows one."""


@dataclass(frozen=True)
class PersonaForm(Form):
    """What a person writes about a persona."""

    name: str
    summary: str
    description: str
    greeting: str
    openers: str
    """One a line."""
    examples: str
    """As `format_examples` writes them."""
    greetings: str
    """Other greetings, with BETWEEN between them."""
    book: str
    """As `format_book` writes it."""
    depth_prompt: str
    post_history: str

    @classmethod
    def showing(cls, persona: Persona) -> "PersonaForm":
        return cls(
            name=persona.name, summary=persona.summary, description=persona.description, greeting=persona.greeting,
            openers="\n".join(persona.openers), examples=format_examples(persona.examples),
            greetings=BETWEEN.join(persona.greetings), book=format_book(persona.book),
            depth_prompt=persona.depth_prompt.text, post_history=persona.post_history,
        )  # fmt: skip

    def applied(self, before: Persona) -> Persona:
        """`before` as the form describes it."""
        same = self.examples == format_examples(before.examples)  # a message of several lines is not one in the form
        return replace(
            before, name=self.name, summary=self.summary, description=self.description, greeting=self.greeting,
            examples=before.examples if same else parse_examples(self.examples),
            openers=tuple(filter(None, map(str.strip, self.openers.splitlines())))[:MOST_OPENERS],
            greetings=tuple(filter(None, map(str.strip, self.greetings.split(BETWEEN.strip())))),
            book=edited(before.book, self.book), post_history=self.post_history.strip(),
            depth_prompt=replace(before.depth_prompt, text=self.depth_prompt.strip()),
        )  # fmt: skip


@dataclass(frozen=True)
class PersonaHandlers:
    """Shows, stores and removes personas of an owner."""

    services: Services

    @handler
    def fill(self, visitor: Visitor, conversation: str) -> tuple:
        """Open on the talk's persona: (the editor, *PersonaForm, *SamplingForm, *VoiceForm, delete, what it takes,
        the talk)."""
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk is None:
            return (gr.skip(),) * (4 + sum(len(form.field_names()) for form in (PersonaForm, SamplingForm, VoiceForm)))
        persona = self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)
        form = PersonaForm.showing(persona)
        filled = (*form.values(), *SamplingForm.showing(persona.sampling).values(),
                  *VoiceForm.showing(persona.voice).values())  # fmt: skip
        sizes = self._sizes(form.description, form.examples, visitor.language)
        return gr.Column(visible=True), *filled, gr.Button(visible=_is_own(persona)), sizes, talk.id

    @handler
    def fill_book(self, visitor: Visitor, conversation: str) -> tuple:
        """(the book's text, delete, the talk) of the stored persona; what else is being written in the form stays."""
        persona = persona_of(self.services, visitor, conversation)
        return format_book(persona.book), gr.Button(visible=_is_own(persona)), conversation

    @handler
    def follow(
        self,
        visitor: Visitor,
        conversation: str,
        edited: str,
        form: PersonaForm,
        sampling: SamplingForm,
        sound: VoiceForm,
    ) -> gr.Column | dict:
        """The editor once another talk was opened: it closes, unless its persona is talked with or has changes."""
        if not edited or edited == conversation or self.services.conversations.get(visitor.owner, edited) is None:
            return gr.skip()
        before, now = persona_of(self.services, visitor, edited), persona_of(self.services, visitor, conversation)
        if now.id == before.id or (_is_own(now) and not _is_own(before) and now.name == before.name):
            return gr.skip()  # the same, or one's own copy of it
        if replace(form.applied(before), sampling=sampling.sampling(), voice=sound.voice()) == before:
            return gr.Column(visible=False)
        inform(visitor.language, "persona.unsaved", name=before.name)
        return gr.skip()

    @handler
    def count(self, visitor: Visitor, description: str, examples: str) -> str:
        """How many tokens these take in every prompt."""
        return self._sizes(description, examples, visitor.language)

    def _sizes(self, description: str, examples: str, language: str) -> str:
        try:
            loaded = self.services.models.current()
        except ModelError:
            return f'<p class="muted">{t(language, "talk.model_waits")}</p>'
        size = encoder_for(loaded.tokenizer).size
        shown = sum(size(text) for turn in parse_examples(examples or "") for text in turn.messages)
        said, window = size(description or ""), loaded.context
        words = t(language, "persona.sizes", description=f"{said:,}", examples=f"{shown:,}", window=f"{window:,}")
        css = "warn" if said > window // 2 else "muted"
        parts = "".join(
            f'<i class="part-{part}" style="width:{min(100 * n / window, 100):.2f}%"></i>'
            for part, n in (("persona", said), ("examples", shown))
        )
        bar = f'<div class="bar thin" aria-hidden="true">{parts}</div>'
        return f'{bar}<p class="{css} num">{html_parts.escape(words)}</p>'

    @handler
    def save(
        self, visitor: Visitor, conversation: str, form: PersonaForm, sampling: SamplingForm, sound: VoiceForm
    ) -> str:
        """Store the form: a built-in persona becomes one's own copy. Returns the id of a talk with it.

        The talk goes on when it was with this very persona; otherwise a new one begins.
        """
        talk = self.services.conversations.get(visitor.owner, conversation)
        before = persona_of(self.services, visitor, conversation)
        changed = replace(form.applied(before), sampling=sampling.sampling(), voice=sound.voice())
        persona = self.services.personas.save(visitor.owner, changed)
        inform(visitor.language, "persona.saved", name=persona.name)
        if talk and before.id == persona.id:
            return talk.id
        adapter = talk.adapter if talk else ""
        return self.services.chat.open_conversation(
            visitor.owner, visitor.language, persona=persona.id, adapter=adapter
        ).id

    @handler
    def delete(self, visitor: Visitor, conversation: str) -> str:
        """Remove the persona and its talks; open a new talk with another."""
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk and talk.persona:
            self.services.personas.delete(visitor.owner, talk.persona)
            self.services.memory.forget_persona(visitor.owner, talk.persona)
            for other in self.services.conversations.list_all(visitor.owner, most=10_000):
                if other.persona == talk.persona:
                    self.services.chat.delete(visitor.owner, other.id)
        return self.services.chat.open_conversation(visitor.owner, visitor.language).id


class Editor(NamedTuple):
    """The editor's components."""

    frame: gr.Column
    edited: gr.State
    """The talk whose persona is in the form, whatever is talked meanwhile."""
    sizes: gr.HTML
    counted: list[gr.Textbox]
    """Whose tokens are counted as one writes: description and examples."""
    components: dict[str, Component]
    sampling: list[PagePart]
    voice: VoiceFold
    save: gr.Button
    leave: gr.Button
    delete: gr.Button
    book: book.BookParts
    card: persona_card.CardParts


def build() -> Editor:
    """The editor, which is not there before it is opened."""
    with gr.Column(visible=False, elem_id="persona-editor", elem_classes="card") as frame:
        edited = gr.State("")
        with gr.Row(elem_id="persona-editor-top"):
            gr.Markdown(t_heading("persona.edit"), elem_classes="title")
            leave = gr.Button(t_client("persona.leave"), size="sm", elem_id="persona-leave")
            save = gr.Button(t_client("persona.save"), variant="primary", size="sm", elem_id="persona-save")
        with gr.Row():
            components: dict[str, Component] = {
                "name": gr.Textbox(label=t_client("persona.name"), max_length=60, scale=2),
                "summary": gr.Textbox(label=t_client("persona.summary"), max_length=120, scale=5),
            }
        description = gr.Textbox(
            label=t_client("persona.description"), lines=9, max_lines=24, elem_id="persona-description"
        )
        sizes = gr.HTML(padding=False, elem_id="persona-sizes")
        examples = gr.Textbox(
            label=t_client("persona.examples"), info=t_client("persona.examples_info"), lines=6, max_lines=18
        )
        components |= {
            "description": description,
            "examples": examples,
            "greeting": gr.Textbox(label=t_client("persona.greeting"), info=t_client("persona.greeting_info"),
                                   lines=2),
            "openers": gr.Textbox(label=t_client("persona.openers"), info=t_client("persona.openers_info"), lines=2,
                                  max_lines=6, elem_id="persona-openers"),
        }  # fmt: skip
        with gr.Accordion(t_client("persona.more"), open=False, elem_id="persona-book"):
            components |= _more()
        drawing = SamplingForm.inputs(sampling.build())
        sound = voice_form.build()
        book_parts = book.build()
        card_parts = persona_card.build()
        delete = gr.Button(t_client("persona.delete"), variant="stop", size="sm", visible=False)
    return Editor(
        frame,
        edited,
        sizes,
        [description, examples],
        components,
        drawing,
        sound,
        save,
        leave,
        delete,
        book_parts,
        card_parts,
    )


def wire(
    services: Services, shared: Shared, editor: Editor, open_card: gr.UploadButton, opens: Sequence[Opens]
) -> list[Dependency]:  # fmt: skip
    """The events, `opens` those that open the editor; returns those after which the talk's persona says else."""
    handlers = PersonaHandlers(services)
    here, where = [shared.key, shared.conversation], [shared.key, editor.edited]
    form = PersonaForm.inputs(editor.components)
    dials = [*editor.sampling, *VoiceForm.inputs(editor.voice.components)]
    below = [editor.delete, editor.sizes, editor.edited]
    filled = [opened(handlers.fill, here, [editor.frame, *form, *dials, *below], **EVENT) for opened in opens]
    shared.conversation.change(handlers.follow, [*here, editor.edited, *form, *dials], editor.frame, **EVENT)
    editor.voice.wire(services, shared)
    for part in editor.counted:
        part.input(handlers.count, [shared.key, *editor.counted], editor.sizes, trigger_mode="always_last", **EVENT)
    saved = editor.save.click(handlers.save, [*where, *form, *dials], shared.conversation, **EVENT)
    closed = (lambda: gr.Column(visible=False), None, editor.frame)
    saved.success(*closed, **EVENT)
    editor.leave.click(*closed, queue=False, **EVENT)
    changes = [
        persona_card.wire(services, shared, editor.card, open_card, editor.edited),
        *book.wire(services, shared, editor.book, editor.edited, filled),
    ]
    editor.delete.click(handlers.delete, where, shared.conversation, **EVENT).then(*closed, **EVENT)
    book_filled = (handlers.fill_book, here, [editor.components["book"], editor.delete, editor.edited])
    return [saved, *(changed.then(*book_filled, **EVENT) for changed in changes)]


def _is_own(persona: Persona) -> bool:
    return bool(persona.id) and not persona.built_in


def _more() -> dict[str, Component]:
    """What few fill in: other greetings, and the character book."""
    return {
        "greetings": gr.Textbox(label=t_client("persona.greetings"), info=t_client("persona.greetings_info"), lines=2,
                                max_lines=8),
        "book": gr.Textbox(label=t_client("persona.book"), info=t_client("persona.book_info"), lines=4, max_lines=16,
                           placeholder=t_client("persona.book_example"), elem_id="persona-book-text"),
        **{
            name: gr.Textbox(label=t_client(f"persona.{name}"), info=t_client(f"persona.{name}_info"), lines=2,
                             max_lines=8, elem_id=f"persona-{name.replace('_', '-')}")
            for name in ("depth_prompt", "post_history")
        },
    }  # fmt: skip
