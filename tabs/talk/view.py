"""What the page shows of a conversation: bubbles, thumbs, and which version of a reply is seen."""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

import gradio as gr

from core.chat.conversation import Conversation, Node
from core.errors import InputError
from core.messages import Role
from tabs.ui import html_parts
from tabs.ui.text import t

# The Chatbot renders tags and entities even in plain text. An invisible joiner behind their first character
# shows them as they were written, in the bubble, in the edit box and in what is copied.
JOINER = "\u2060"
# The invisible separator ends the line with the name of somebody in a group, which is no part of the words.
NAME_END = "\u2063\n"
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")
TYPING = "…"
THUMBS = {"up": "Like", "down": "Dislike", "": None}
NOTHING_CHOSEN = -1

MOST_SHOWN = 200  # messages that a page draws; of a long talk the last ones
STEP = 100  # the first one drawn is a multiple of this, so that it seldom changes while one talks

OUTPUTS = ("chat", "box", "stop", "seen", "versions", "older", "newer", "chosen", "earlier")
"""What most handlers of the tab set, in this order."""


def shown(**given: object) -> tuple:
    """The values of OUTPUTS; those that are not given stay as they are."""
    return tuple(given.pop(name, gr.skip()) for name in OUTPUTS)


@dataclass
class ShownParts:
    """From which message on each visitor sees a conversation; the Chatbot counts its messages from there."""

    _more: "OrderedDict[tuple[str, str], int]" = field(default_factory=OrderedDict)

    def first(self, owner: str, conversation: Conversation) -> int:
        """The number of the first message that is drawn."""
        count = sum(len(node.messages) for node in conversation.path)
        shown = MOST_SHOWN + self._more.get((owner, conversation.id), 0)
        return max(0, count - shown) // STEP * STEP if count > shown else 0

    def show_more(self, owner: str, conversation: Conversation) -> None:
        """Draw twice as many from now on."""
        place = owner, conversation.id
        self._more[place] = 2 * self._more.get(place, 0) + MOST_SHOWN
        self._more.move_to_end(place)
        while len(self._more) > 1000:
            self._more.popitem(last=False)


def view(
    conversation: Conversation, growing: list[str] | None = None, *, first: int = 0, replaces: bool = False
) -> list[dict]:
    """The transcript as the Chatbot shows it, with a growing reply behind it, or in place of its last node.

    What stands before message number `first` is left out.
    """
    path = conversation.path[:-1] if replaces else conversation.path
    said = [(side(node), named(node, text)) for node in path for text in node.messages]
    said = said[first:] + [("assistant", text) for text in growing or ()]
    return [{"role": role, "content": MARKUP.sub(lambda m: m[0] + JOINER, text)} for role, text in said]


def side(node: Node) -> Role:
    """On which side of the page words stand: others of a group on the persona's."""
    return "assistant" if node.name else node.role


def named(node: Node, text: str) -> str:
    """Words under the name of who says them, where that is somebody of a group."""
    return f"{node.name}{NAME_END}{text}" if node.name else text


def typed(shown: str) -> str:
    """The words of a bubble as they were edited there."""
    return shown.rpartition(NAME_END)[2].replace(JOINER, "")


def drawn(conversation: Conversation, first: int, language: str) -> dict[str, object]:
    """The part of OUTPUTS that holds the transcript from message `first` on, with the thumbs that were given."""
    nodes = [node for node in conversation.path for _ in node.messages][first:]
    thumbs = [THUMBS[node.thumb] for node in nodes if side(node) == "assistant"]  # the Chatbot counts only these
    return {
        "chat": gr.Chatbot(value=view(conversation, first=first), feedback_value=thumbs),
        "earlier": gr.Button(value=t(language, "talk.earlier", n=f"{first:,}"), visible=first > 0),
    }


def index_of(event: gr.EditData | gr.SelectData | gr.LikeData) -> int:
    """Which message of the Chatbot an event is about."""
    return int(event.index[0] if isinstance(event.index, (list, tuple)) else event.index)


def acted_on(conversation: Conversation, chosen: int) -> int:
    """The message that the buttons are about: the chosen one, else the last; NOTHING_CHOSEN where nothing was said."""
    count = sum(len(node.messages) for node in conversation.path)
    return chosen if 0 <= chosen < count else count - 1


def versions(conversation: Conversation, chosen: int, language: str) -> dict[str, object]:
    """The part of OUTPUTS that says which version is seen, and which message was chosen."""
    index = acted_on(conversation, chosen)
    try:
        number, count = conversation.versions(index)
        node, at = conversation.node_at(index)
    except InputError:  # nothing was said yet
        return {"versions": "", "older": gr.Button(visible=False), "newer": gr.Button(visible=False), "chosen": -1}
    pieces = [f'<b class="num">{number} / {count}</b>'] if count > 1 else []
    if chosen == index:
        quoted = html_parts.escape(node.messages[at].split("\n")[0][:24])
        pieces.append(f'<span class="muted">{t(language, "talk.chosen", words=quoted)}</span>')
    if node.original:
        pieces.append(f'<span class="good">{t(language, "talk.corrected")}</span>')
    return {
        "versions": f'<div class="versions" role="status">{" ".join(pieces)}</div>' if pieces else "",
        "older": gr.Button(visible=count > 1),
        "newer": gr.Button(visible=count > 1),
        "chosen": chosen if chosen == index else NOTHING_CHOSEN,
    }
