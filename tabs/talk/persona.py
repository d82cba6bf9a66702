"""The persona card: who one talks with, and the form to make or edit one."""

from dataclasses import dataclass, replace

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from core.chat.conversation import Conversation
from core.personas import Persona, format_examples, parse_examples
from core.personas.lorebook_text import edited, format_book
from tabs.talk import book, persona_card, sampling
from tabs.talk.sampling import SamplingForm
from tabs.ui.form import Form
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading, texts
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

KINDS = ("free", "historical", "fictional", "departed", "oneself")
BETWEEN = "\n---\n"  # of greetings


@dataclass(frozen=True)
class PersonaForm(Form):
    """What a person writes about a persona."""

    name: str
    summary: str
    description: str
    greeting: str
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
            examples=format_examples(persona.examples), greetings=BETWEEN.join(persona.greetings),
            book=format_book(persona.book), depth_prompt=persona.depth_prompt.text, post_history=persona.post_history,
        )  # fmt: skip

    def applied(self, before: Persona) -> Persona:
        """`before` as the form describes it."""
        same = self.examples == format_examples(before.examples)  # a message of several lines is not one in the form
        return replace(
            before, name=self.name, summary=self.summary, description=self.description, greeting=self.greeting,
            examples=before.examples if same else parse_examples(self.examples),
            greetings=tuple(filter(None, map(str.strip, self.greetings.split(BETWEEN.strip())))),
            book=edited(before.book, self.book), post_history=self.post_history.strip(),
            depth_prompt=replace(before.depth_prompt, text=self.depth_prompt.strip()),
        )  # fmt: skip


def choice(services: Services, visitor: Visitor, talk: Conversation) -> gr.Dropdown:
    """The picker, standing on the persona that `talk` is held with."""
    personas = services.personas.entries(visitor.owner, visitor.language)
    choices = [(p.name, p.id) for p in personas]
    if not talk.persona:
        trained = services.chat.persona(visitor.owner, "", talk.adapter, visitor.language)
        choices.insert(0, (t(visitor.language, "persona.trained", name=trained.name), ""))
    return gr.Dropdown(choices=choices, value=talk.persona)


@dataclass(frozen=True)
class PersonaHandlers:
    """Shows, stores and removes personas of an owner."""

    services: Services

    @handler
    def show(self, visitor: Visitor, conversation: str) -> tuple:
        """Fill card and form from the conversation's persona: (picker, face, *PersonaForm, *SamplingForm, delete)."""
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk is None:
            return (gr.skip(),) * (3 + len(PersonaForm.field_names()) + len(SamplingForm.field_names()))
        persona = self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)
        own = bool(persona.id) and not persona.built_in
        face = persona_card.face(self.services, visitor, persona)
        filled = (*PersonaForm.showing(persona).values(), *SamplingForm.showing(persona.sampling).values())
        return choice(self.services, visitor, talk), face, *filled, gr.Button(visible=own)

    @handler
    def save(self, visitor: Visitor, conversation: str, form: PersonaForm, sampling: SamplingForm) -> str:
        """Store the form: a built-in persona becomes one's own copy. Returns the id of a talk with it.

        The talk goes on when it was with this very persona; otherwise a new one begins.
        """
        talk = self.services.conversations.get(visitor.owner, conversation)
        before = self.services.chat.persona(
            visitor.owner, talk.persona if talk else "", talk.adapter if talk else "", visitor.language
        )
        changed = replace(form.applied(before), sampling=sampling.sampling())
        persona = self.services.personas.save(visitor.owner, changed)
        inform(visitor.language, "persona.saved", name=persona.name)
        if talk and before.id == persona.id:
            return talk.id
        adapter = talk.adapter if talk else ""
        return self.services.chat.open_conversation(
            visitor.owner, visitor.language, persona=persona.id, adapter=adapter
        ).id

    @handler
    def make(self, visitor: Visitor, kind: str) -> str:
        """A new persona of a kind, to be filled in. Returns the id of a talk with it."""
        text = "persona.new_description" if kind not in KINDS[1:] else f"persona.text_{kind}"
        fresh = Persona(t(visitor.language, "persona.new_name"), texts()[text].in_language(visitor.language),
                        user=t(visitor.language, "persona.you"))  # fmt: skip
        persona = self.services.personas.save(visitor.owner, fresh)
        return self.services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id).id

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


def build(services: Services, shared: Shared) -> tuple[gr.Dropdown, list[Dependency]]:
    """The card; returns the picker, and the events after which the persona of the same talk says something else."""
    handlers = PersonaHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(t_heading("persona.title"), elem_classes="title")
        who = gr.Dropdown(
            choices=[], label=t_client("persona.title"), show_label=False, container=False, elem_id="persona"
        )
        face = gr.HTML(padding=False, elem_id="persona-face")
        with gr.Accordion(t_client("persona.edit"), open=False, elem_id="persona-edit"):
            components: dict[str, Component] = {
                "name": gr.Textbox(label=t_client("persona.name"), max_length=60),
                "summary": gr.Textbox(label=t_client("persona.summary"), max_length=120),
                "description": gr.Textbox(label=t_client("persona.description"), lines=5, max_lines=14),
                "greeting": gr.Textbox(label=t_client("persona.greeting"), info=t_client("persona.greeting_info"),
                                       lines=2),
                "examples": gr.Textbox(label=t_client("persona.examples"), info=t_client("persona.examples_info"),
                                       lines=5, max_lines=14),
            }  # fmt: skip
            with gr.Accordion(t_client("persona.more"), open=False, elem_id="persona-book"):
                components |= _more()
            drawing = SamplingForm.inputs(sampling.build())
            with gr.Row():
                save = gr.Button(t_client("persona.save"), variant="primary", size="sm", elem_id="persona-save")
                delete = gr.Button(t_client("persona.delete"), variant="stop", size="sm", visible=False)
        book_parts = book.build()
        card_parts = persona_card.build()
        with gr.Accordion(t_client("persona.make"), open=False, elem_id="persona-new"):
            kind = gr.Radio(
                choices=[(t_client(f"persona.kind_{kind}"), kind) for kind in KINDS], value="free",
                label=t_client("persona.kind"), elem_id="persona-kind",
            )  # fmt: skip
            gr.Markdown(t_client("persona.from_log"), elem_classes="muted")
            make = gr.Button(t_client("persona.make"), size="sm", elem_id="persona-make")

    where, form = [shared.key, shared.conversation], PersonaForm.inputs(components)
    card = [who, face, *form, *drawing, delete]
    shared.conversation.change(handlers.show, where, card, **EVENT)
    changes = [
        save.click(handlers.save, [*where, *form, *drawing], shared.conversation, **EVENT),
        persona_card.wire(services, shared, card_parts),
        *book.wire(services, shared, book_parts),
    ]
    shown = [changed.then(handlers.show, where, card, **EVENT) for changed in changes]
    make.click(handlers.make, [shared.key, kind], shared.conversation, **EVENT)
    delete.click(handlers.delete, where, shared.conversation, **EVENT)
    return who, shown


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
