"""The persona card: who one talks with, and the form to make or edit one."""

from dataclasses import dataclass, replace

import gradio as gr

from core.chat.conversations import Conversation
from core.personas import Persona, format_examples, parse_examples
from tabs.frame.errors import shows_errors
from tabs.frame.services import Services
from tabs.frame.shared import Shared
from tabs.frame.text import label, say
from tabs.frame.visitor import Visitor
from tabs.talk import sampling

FORM = ("name", "summary", "description", "greeting", "examples")


def choice(services: Services, visitor: Visitor, talk: Conversation) -> gr.Dropdown:
    """The picker, standing on the persona that `talk` is held with."""
    personas = services.personas.list(visitor.owner, visitor.language)
    choices = [(p.name, p.id) for p in personas]
    if not talk.persona:
        trained = services.talk.persona(visitor.owner, "", talk.adapter, visitor.language)
        choices.insert(0, (say(visitor.language, "persona.trained", name=trained.name), ""))
    return gr.Dropdown(choices=choices, value=talk.persona)


@dataclass(frozen=True)
class PersonaHandlers:
    """Shows, stores and removes personas of an owner."""

    services: Services

    @shows_errors
    def show(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> tuple:
        """Fill card and form from the conversation's persona: (picker, summary, *form, *sampling, delete button)."""
        visitor = self.services.visitor(key, request, token)
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk is None:
            return (gr.skip(),) * (3 + len(FORM) + len(sampling.NAMES) + 1)
        persona = self.services.talk.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)
        form = [format_examples(persona.examples) if name == "examples" else getattr(persona, name) for name in FORM]
        own = bool(persona.id) and not persona.built_in
        return (choice(self.services, visitor, talk), persona.summary or persona.description[:80], *form,
                *sampling.shown(persona.sampling), gr.Button(visible=own))  # fmt: skip

    @shows_errors
    def save(
        self, key: str, conversation: str, name: str, summary: str, description: str, greeting: str, examples: str,
        preset: str, temperature: float, top_p: float, top_k: float, min_p: float, typical_p: float,
        repetition_penalty: float, no_repeat_ngram: float, max_new_tokens: float, seed: float | None,
        request: gr.Request, token: gr.OAuthToken | None = None,
    ) -> str:  # fmt: skip
        """Store the form: a built-in persona becomes one's own copy. Returns the id of a talk with it.

        The talk goes on when it was with this very persona; otherwise a new one begins.
        """
        visitor = self.services.visitor(key, request, token)
        talk = self.services.conversations.get(visitor.owner, conversation)
        before = self.services.talk.persona(
            visitor.owner, talk.persona if talk else "", talk.adapter if talk else "", visitor.language
        )
        drawn = sampling.drawn(temperature, top_p, top_k, min_p, typical_p, repetition_penalty, no_repeat_ngram,
                               max_new_tokens, seed)  # fmt: skip
        form = {"name": name, "summary": summary, "description": description, "greeting": greeting}
        changed = replace(before, **form, examples=parse_examples(examples), sampling=drawn)
        persona = self.services.personas.save(visitor.owner, changed)
        gr.Info(say(visitor.language, "persona.saved", name=persona.name))
        if talk and before.id == persona.id:
            return talk.id
        adapter = talk.adapter if talk else ""
        return self.services.talk.open(visitor.owner, visitor.language, persona=persona.id, adapter=adapter).id

    @shows_errors
    def make(self, key: str, request: gr.Request, token: gr.OAuthToken | None = None) -> str:
        """A new persona to be filled in. Returns the id of a talk with it."""
        visitor = self.services.visitor(key, request, token)
        fresh = Persona(say(visitor.language, "persona.new_name"), say(visitor.language, "persona.new_description"),
                        user=say(visitor.language, "persona.you"))  # fmt: skip
        persona = self.services.personas.save(visitor.owner, fresh)
        return self.services.talk.open(visitor.owner, visitor.language, persona=persona.id).id

    @shows_errors
    def delete(self, key: str, conversation: str, request: gr.Request, token: gr.OAuthToken | None = None) -> str:
        """Remove the persona and its talks; open a new talk with another."""
        visitor = self.services.visitor(key, request, token)
        talk = self.services.conversations.get(visitor.owner, conversation)
        if talk and talk.persona:
            self.services.personas.delete(visitor.owner, talk.persona)
            for other in self.services.conversations.list(visitor.owner, most=10_000):
                if other.persona == talk.persona:
                    self.services.conversations.delete(visitor.owner, other.id)
        return self.services.talk.open(visitor.owner, visitor.language).id


def build(services: Services, shared: Shared) -> gr.Dropdown:
    """The card; returns the picker."""
    handlers = PersonaHandlers(services)
    with gr.Column(elem_classes="card"):
        gr.Markdown(label("persona.title"), elem_classes="title")
        who = gr.Dropdown(choices=[], show_label=False, container=False, elem_id="persona")
        summary = gr.Markdown(elem_classes="muted")
        with gr.Accordion(label("persona.edit"), open=False, elem_id="persona-edit"):
            form = [
                gr.Textbox(label=label("persona.name"), max_length=60),
                gr.Textbox(label=label("persona.summary"), max_length=120),
                gr.Textbox(label=label("persona.description"), lines=5, max_lines=14),
                gr.Textbox(label=label("persona.greeting"), info=label("persona.greeting_info"), lines=2),
                gr.Textbox(label=label("persona.examples"), info=label("persona.examples_info"), lines=5, max_lines=14),
            ]
            drawing = sampling.build()
            with gr.Row():
                save = gr.Button(label("persona.save"), variant="primary", size="sm", elem_id="persona-save")
                delete = gr.Button(label("persona.delete"), variant="stop", size="sm", visible=False)
        make = gr.Button(label("persona.make"), size="sm")

    where = [shared.key, shared.conversation]
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    card = [who, summary, *form, *drawing, delete]
    shared.conversation.change(handlers.show, where, card, **quiet)
    save.click(handlers.save, [*where, *form, *drawing], shared.conversation, **quiet).then(
        handlers.show, where, card, **quiet
    )
    make.click(handlers.make, shared.key, shared.conversation, **quiet)
    delete.click(handlers.delete, where, shared.conversation, **quiet)
    return who
