"""How a conversation becomes values of the page: one painter for all handlers of the chat."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import gradio as gr

from core.chat.conversation import Conversation
from core.personas import Persona
from core.text import language_of
from tabs.talk import welcome
from tabs.talk.bubbles import Scene, growing, transcript
from tabs.talk.chat_head import head
from tabs.talk.faces import face_of
from tabs.talk.group_view import member_faces, turn_bar
from tabs.talk.view import ShownParts, acted_on
from tabs.talk.why import why
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class Painter:
    """Draws what visitors see of their conversations."""

    services: Services
    parts: ShownParts = field(default_factory=ShownParts)

    def drawn(
        self, visitor: Visitor, talk: Conversation, *, chosen: int = -1, editing: int = -1, undo: str = "",
        writing: bool = False,
    ) -> dict[str, object]:  # fmt: skip
        """The part of OUTPUTS that holds the transcript. `undo`: what could be put back, in words."""
        first = self.parts.first(visitor.owner, talk)
        scene = replace(self.scene(visitor, talk), chosen=chosen, editing=editing, writing=writing)
        if not any(node.role == "user" for node in talk.path) and not writing:
            above = welcome.tiles(self.services, visitor)
            scene = replace(scene, above=above, quiet=bool(above) and chosen < 0,
                            below=welcome.openers(self._persona(visitor, talk), visitor.language))  # fmt: skip
        elif not (writing or undo or talk.group) and talk.path[-1].role == "user":
            scene = replace(scene, below=welcome.unanswered(visitor.language))
        if not (writing or scene.quiet or editing >= 0):
            scene = replace(scene, why=why(self.services, visitor, talk, chosen))
        if talk.group and not writing:
            scene = replace(scene, below=scene.below + turn_bar(talk, scene.members, visitor.language))
        if undo:
            scene = replace(scene, below=scene.below + welcome.put_back(undo, visitor.language))
        return {
            "chat": transcript(talk, scene, first),
            "growing": "",
            "chosen": chosen if chosen == acted_on(talk, chosen) else -1,
            "earlier": gr.Button(value=t(visitor.language, "talk.earlier", n=f"{first:,}"), visible=first > 0),
            "mark": mark(talk),
        }

    def growing(self, visitor: Visitor, talk: Conversation, words: Sequence[str], speaker: str = "") -> str:
        """A reply that is on its way, below the transcript; `speaker`: who of a group says it."""
        joins = bool(talk.path) and (talk.path[-1].role, talk.path[-1].name) == ("assistant", speaker)
        return growing(words, self.scene(visitor, talk), speaker=speaker, opens=not joins)

    def head(self, visitor: Visitor, talk: Conversation) -> str:
        """The head of the chat."""
        return head(self.services, visitor, talk)

    def scene(self, visitor: Visitor, talk: Conversation) -> Scene:
        """What the conversation's bubbles are drawn with."""
        persona, remote = self._persona(visitor, talk), self.services.chat.remotes.of(visitor.owner)
        return Scene(
            visitor.language, persona.name, face_of(self.services, visitor.owner, persona),
            voice=json.dumps(asdict(persona.voice) | {"lang": language_of(persona.name, persona.description)}),
            may_go_on=remote is None or bool(remote.dialect.prefill),
            members=member_faces(self.services, visitor, talk.group),
        )  # fmt: skip

    def _persona(self, visitor: Visitor, talk: Conversation) -> Persona:
        return self.services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)


def mark(talk: Conversation) -> str:
    """Another one whenever a conversation was changed: what a page has drawn, and whether that is still so."""
    return f"{talk.id} {talk.changed}"
