"""The gallery: everybody one can talk with, each with a face, and the ways to a new one."""

from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import gradio as gr
from gradio.events import Dependency

from core.chat.conversation import Conversation
from core.personas import Persona
from core.personas.store import PersonaEntry
from tabs.talk.faces import face_of
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading, texts
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

KINDS = ("free", "historical", "fictional", "departed", "oneself")
CARD_FILES = [".png", ".json", ".charx", ".jpg", ".jpeg", ".yaml", ".yml"]
CHOSEN = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-persona]");
  if (button) trigger("select", { persona: button.dataset.persona });
});
"""


def everybody(services: Services, visitor: Visitor, talk: Conversation) -> str:
    """The gallery as HTML, with the persona that `talk` is held with marked."""
    personas = services.personas.entries(visitor.owner, visitor.language)
    if not talk.persona:
        trained = services.chat.persona(visitor.owner, "", talk.adapter, visitor.language)
        named = t(visitor.language, "persona.trained", name=trained.name)
        personas.insert(0, PersonaEntry("", named, trained.summary, built_in=False))
    here = {talk.persona, *(member.persona for member in talk.group.members if member.persona)}
    drawn = [_one(services, visitor, persona, persona.id in here) for persona in personas]
    label = escape(t(visitor.language, "persona.title"))
    return f'<div class="gallery" role="group" aria-label="{label}">{"".join(drawn)}</div>'


def _one(services: Services, visitor: Visitor, persona: PersonaEntry, chosen: bool) -> str:
    return (
        f'<button type="button" data-persona="{escape(persona.id)}" aria-pressed="{str(chosen).lower()}">'
        f"{face_of(services, visitor.owner, persona).html()}"
        f"<span><b>{escape(persona.name)}</b><small>{escape(persona.summary)}</small></span></button>"
    )


@dataclass(frozen=True)
class GalleryHandlers:
    """Shows who there is, and begins talks with them."""

    services: Services

    @handler
    def show(self, visitor: Visitor, conversation: str) -> str | dict:
        """The gallery, standing on the conversation's persona."""
        talk = self.services.conversations.get(visitor.owner, conversation)
        return everybody(self.services, visitor, talk) if talk else gr.skip()

    @handler
    def begin(self, visitor: Visitor, adapter: str, event: gr.EventData) -> str:
        """A new conversation with whoever was chosen; the old one stays in the list."""
        sent = event._data if isinstance(event._data, dict) else {}
        persona = str(sent.get("persona") or "")
        opened = self.services.chat.open_conversation(
            visitor.owner, visitor.language, persona=persona, adapter=adapter or ""
        )
        return opened.id

    @handler
    def make(self, visitor: Visitor, kind: str) -> str:
        """A new persona of a kind, to be filled in. Returns the id of a talk with it."""
        text = "persona.new_description" if kind not in KINDS[1:] else f"persona.text_{kind}"
        fresh = Persona(t(visitor.language, "persona.new_name"), texts()[text].in_language(visitor.language),
                        user=t(visitor.language, "persona.you"))  # fmt: skip
        persona = self.services.personas.save(visitor.owner, fresh)
        return self.services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id).id


class Gallery(NamedTuple):
    """The card's components."""

    people: gr.HTML
    kind: gr.Radio
    make: gr.Button
    from_log: gr.Button
    open_card: gr.UploadButton


def build() -> Gallery:
    """The card, without its frame."""
    gr.Markdown(t_heading("persona.title"), elem_classes="title")
    people = gr.HTML(padding=False, elem_id="persona", js_on_load=CHOSEN, apply_default_css=False)
    with gr.Accordion(t_client("persona.make"), open=False, elem_id="persona-new"):
        from_log = gr.Button(t_client("persona.make_from_log"), size="sm", elem_id="persona-from-log")
        card = build_upload("persona.card_open", "card-open", types=CARD_FILES)
        kind = gr.Radio(
            choices=[(t_client(f"persona.kind_{kind}"), kind) for kind in KINDS], value="free",
            label=t_client("persona.kind"), elem_id="persona-kind",
        )  # fmt: skip
        make = gr.Button(t_client("persona.make_blank"), size="sm", elem_id="persona-make")
    return Gallery(people, kind, make, from_log, card)


def wire(handlers: GalleryHandlers, shared: Shared, parts: Gallery, adapter: gr.Dropdown) -> Dependency:
    """The events; returns the one after which there is a new persona to be filled in."""
    shared.conversation.change(handlers.show, [shared.key, shared.conversation], parts.people, **EVENT)
    parts.people.select(handlers.begin, [shared.key, adapter], shared.conversation, **EVENT)
    parts.from_log.click(lambda: gr.Tabs(selected="data"), None, shared.tabs, queue=False, api_visibility="private")
    return parts.make.click(handlers.make, [shared.key, parts.kind], shared.conversation, **EVENT)
