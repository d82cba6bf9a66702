"""What the page shows of a conversation: bubbles, thumbs, and which version of a reply is seen."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import gradio as gr
from gradio.components.chatbot import MessageDict

from core.chat.conversation import Conversation, Node, ReplyMetadata
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

OUTPUTS: Final = ("chat", "box", "stop", "seen", "versions", "older", "newer", "chosen", "earlier")
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


@dataclass(frozen=True)
class ChatRow:
    """A row of the Chatbot: a message, or what was thought before it."""

    message: int
    """The number of the message; a thought belongs to the one below it."""
    node: Node
    text: str
    thought: bool = False


def rows_of(path: Sequence[Node], first: int = 0) -> list[ChatRow]:
    """The rows from message number `first` on."""
    rows: list[ChatRow] = []
    number = 0
    for node in path:
        for at, text in enumerate(node.messages):
            if number >= first:
                if at == 0 and node.metadata and node.metadata.thoughts:
                    rows.append(ChatRow(number, node, node.metadata.thoughts, True))
                rows.append(ChatRow(number, node, text))
            number += 1
    return rows


def view(
    conversation: Conversation, growing: list[str] | None = None, *, first: int = 0, replaces: bool = False,
    language: str = "ja",
) -> list[MessageDict]:  # fmt: skip
    """The transcript as the Chatbot shows it, with a growing reply behind it, or in place of its last node.

    What stands before message number `first` is left out; what was thought before a reply is a closed fold above it.
    """
    path = conversation.path[:-1] if replaces else conversation.path
    messages = [_message(row, language) for row in rows_of(path, first)]
    return [*messages, *(MessageDict(role="assistant", content=_plain(text)) for text in growing or ())]


def _message(row: ChatRow, language: str) -> MessageDict:
    content = _plain(row.text if row.thought else named(row.node, row.text))
    message: MessageDict = {"role": side(row.node), "content": content}
    if row.thought and row.node.metadata:
        title = t(language, "talk.thought", n=f"{row.node.metadata.thought_tokens:,}")
        message["metadata"] = {"title": title, "status": "done"}
    return message


def _plain(text: str) -> str:
    return MARKUP.sub(lambda m: m[0] + JOINER, text)


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
    rows = rows_of(conversation.path, first)
    # The Chatbot counts only the persona's rows.
    thumbs = [None if row.thought else THUMBS[row.node.thumb] for row in rows if side(row.node) == "assistant"]
    return {
        "chat": gr.Chatbot(value=[*view(conversation, first=first, language=language)], feedback_value=thumbs),
        "earlier": gr.Button(value=t(language, "talk.earlier", n=f"{first:,}"), visible=first > 0),
    }


def message_of(event: gr.EditData | gr.SelectData | gr.LikeData, conversation: Conversation, first: int) -> int:
    """The number of the message that an event of the Chatbot is about, which draws from message `first` on."""
    row = int(event.index[0] if isinstance(event.index, (list, tuple)) else event.index)
    rows = rows_of(conversation.path, first)
    return rows[row].message if 0 <= row < len(rows) else first + row


def is_thought(event: gr.EditData, conversation: Conversation, first: int) -> bool:
    """Whether an event of the Chatbot is about a fold of thoughts."""
    row = int(event.index[0] if isinstance(event.index, (list, tuple)) else event.index)
    rows = rows_of(conversation.path, first)
    return 0 <= row < len(rows) and rows[row].thought


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
    if node.metadata and node.metadata.prompt_tokens:
        pieces.append(f'<span class="muted num">{html_parts.escape(_used(node.metadata, language))}</span>')
    return {
        "versions": f'<div class="versions" role="status">{" ".join(pieces)}</div>' if pieces else "",
        "older": gr.Button(visible=count > 1),
        "newer": gr.Button(visible=count > 1),
        "chosen": chosen if chosen == index else NOTHING_CHOSEN,
    }


def _used(metadata: ReplyMetadata, language: str) -> str:
    """What a reply of a server took."""
    tokens = t(language, "talk.tokens", read=f"{metadata.prompt_tokens:,}", written=f"{metadata.reply_tokens:,}")
    return tokens + (t(language, "talk.cost", cost=f"{metadata.cost:.4g}") if metadata.cost else "")
