"""Oneself: the name by which one is called, and a few lines that every persona is told."""

from dataclasses import dataclass

import gradio as gr

from core.personas.user_profile import LONGEST_ABOUT, LONGEST_USER_NAME, UserProfile
from tabs.talk.handlers import stored
from tabs.talk.replies import seen_of
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t_client
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class YouHandlers:
    """Shows and keeps the visitor's own profile."""

    services: Services

    @handler
    def show(self, visitor: Visitor) -> tuple[str, str]:
        """(name, about)."""
        profile = self.services.chat.profiles.get(visitor.owner)
        return profile.name, profile.about

    @handler
    def keep(self, visitor: Visitor, conversation: str, name: str, about: str) -> str | dict:
        """Keep what was written; what the model sees then."""
        profiles, written = self.services.chat.profiles, UserProfile(name or "", about or "")
        before = profiles.get(visitor.owner)
        if profiles.save(visitor.owner, written) == before or not conversation:
            return gr.skip()
        return seen_of(self.services, visitor, stored(self.services, visitor, conversation))


def build() -> tuple[gr.Textbox, gr.Textbox]:
    """The fold below the gallery; returns (name, about)."""
    with gr.Accordion(t_client("persona.you_title"), open=False, elem_id="you"):
        name = gr.Textbox(
            label=t_client("persona.you_name"), max_length=LONGEST_USER_NAME, max_lines=1, elem_id="you-name"
        )
        about = gr.Textbox(
            label=t_client("persona.you_about"), info=t_client("persona.you_about_info"), lines=3, max_lines=8,
            max_length=LONGEST_ABOUT, placeholder=t_client("persona.you_example"), elem_id="you-about",
        )  # fmt: skip
    return name, about


def wire(services: Services, shared: Shared, parts: tuple[gr.Textbox, gr.Textbox], seen: gr.HTML) -> None:
    """The events: what was written is kept when its field is left."""
    handlers, (name, about) = YouHandlers(services), parts
    shared.arrived.then(handlers.show, shared.key, [name, about], **EVENT)
    gr.on([name.blur, about.blur, name.submit], handlers.keep, [shared.key, shared.conversation, name, about], seen,
          **EVENT)  # fmt: skip
