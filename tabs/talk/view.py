"""What the page shows of a conversation: bubbles, thumbs, and which version of a reply is seen."""

import re

import gradio as gr

from core.chat.conversation import Conversation
from core.errors import InputError
from tabs.ui import html_parts
from tabs.ui.text import t

# The Chatbot renders tags and entities even in plain text. An invisible joiner behind their first character
# shows them as they were written, in the bubble, in the edit box and in what is copied.
JOINER = "\u2060"
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")
TYPING = "…"
THUMBS = {"up": "Like", "down": "Dislike", "": None}
NOTHING_CHOSEN = -1

OUTPUTS = ("chat", "box", "stop", "seen", "versions", "older", "newer", "chosen")
"""What most handlers of the tab set, in this order."""


def shown(**given: object) -> tuple:
    """The values of OUTPUTS; those that are not given stay as they are."""
    return tuple(given.pop(name, gr.skip()) for name in OUTPUTS)


def view(conversation: Conversation, growing: list[str] | None = None, *, replaces: bool = False) -> list[dict]:
    """The transcript as the Chatbot shows it, with a growing reply behind it, or in place of its last node."""
    path = conversation.path[:-1] if replaces else conversation.path
    said = [(node.role, text) for node in path for text in node.messages]
    said += [("assistant", text) for text in growing or ()]
    return [{"role": role, "content": MARKUP.sub(lambda m: m[0] + JOINER, text)} for role, text in said]


def drawn(conversation: Conversation) -> gr.Chatbot:
    """The whole transcript, with the thumbs that were given."""
    persona = (node for node in conversation.path if node.role == "assistant")
    thumbs = [THUMBS[node.thumb] for node in persona for _ in node.messages]  # the Chatbot counts only these
    return gr.Chatbot(value=view(conversation), feedback_value=thumbs)


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
