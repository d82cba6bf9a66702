"""What the page shows of a conversation: its rows, from which message on, and the values that handlers set."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import gradio as gr

from core.chat.conversation import Conversation, Node
from core.messages import Role

NOTHING_CHOSEN = -1

MOST_SHOWN = 200  # messages that a page draws; of a long talk the last ones
STEP = 100  # the first one drawn is a multiple of this, so that it seldom changes while one talks

OUTPUTS: Final = ("chat", "growing", "box", "stop", "seen", "chosen", "earlier", "notice", "head", "mark")
"""What most handlers of the tab set, in this order."""


def shown(**given: object) -> tuple:
    """The values of OUTPUTS; those that are not given stay as they are."""
    return tuple(given.pop(name, gr.skip()) for name in OUTPUTS)


@dataclass
class ShownParts:
    """From which message on each visitor sees a conversation."""

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
    """A message on the page."""

    message: int
    """Its number in the conversation."""
    node: Node
    at: int
    """Which of its node's messages it is."""
    opens: bool
    """Whether it is the first that is drawn of what one side says in a row."""

    @property
    def text(self) -> str:
        return self.node.messages[self.at]

    @property
    def closes(self) -> bool:
        """Whether it is the last of its node."""
        return self.at == len(self.node.messages) - 1


def rows_of(path: Sequence[Node], first: int = 0) -> list[ChatRow]:
    """The rows from message number `first` on."""
    rows: list[ChatRow] = []
    number, before = 0, None
    for node in path:
        for at in range(len(node.messages)):
            if number >= first:
                rows.append(ChatRow(number, node, at, opens=before is None or _speaker(before) != _speaker(node)))
                before = node
            number += 1
    return rows


def _speaker(node: Node) -> tuple[Role, str]:
    return node.role, node.name


def side(node: Node) -> Role:
    """On which side of the page words stand: others of a group on the persona's."""
    return "assistant" if node.name else node.role


def acted_on(conversation: Conversation, chosen: int) -> int:
    """The message that the bar is about: the chosen one, else the last; NOTHING_CHOSEN where nothing was said."""
    count = sum(len(node.messages) for node in conversation.path)
    return chosen if 0 <= chosen < count else count - 1
