"""Why did it say that? What a reply was given of the memory, as a fold at it."""

from html import escape

from core.chat.conversation import Conversation
from core.chat.remembered import Remembered, remembered
from tabs.talk.view import acted_on
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor


def why(services: Services, visitor: Visitor, talk: Conversation, chosen: int) -> str:
    """The fold at the message that the bar stands at; "" where that reply remembered nothing."""
    at = acted_on(talk, chosen)
    if at < 0 or (node := talk.node_at(at)[0]).metadata is None:
        return ""
    found = remembered(services.conversations.prompt_of(visitor.owner, talk.id, node.id))
    if not found:
        return ""
    language = visitor.language
    title = escape(t(language, "why.title", n=sum(len(one.lines) for one in found)))
    parts = "".join(_part(one, language) for one in found)
    about = escape(t(language, "why.about"))
    return f'<details class="why"><summary>{title}</summary>{parts}<p class="muted">{about}</p></details>'


def _part(one: Remembered, language: str) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in one.lines)
    return f"<p><b>{escape(t(language, f'prompt.{one.part}'))}</b></p><ul>{lines}</ul>"
