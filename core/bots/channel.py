"""What a messenger is to a bot: the whole of what a second one has to bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

BotEventKind = Literal["text", "other", "joined", "left"]
"""Words; something that is no words; somebody added the bot; somebody blocked or removed it."""


@dataclass(frozen=True)
class BotEvent:
    """Something that happened in a chat with a bot."""

    kind: BotEventKind
    event: str
    """Id of the event: the same when it is delivered again."""
    chat: str
    """Id of the person, or of the group."""
    text: str = ""
    group: bool = False
    to_bot: bool = True
    """In a group: whether the bot is spoken to."""
    reply_token: str = ""


class Channel(Protocol):
    """Sends for one bot. Each raises HubError where the messenger refuses or cannot be reached."""

    def show_typing(self, heard: BotEvent) -> None:
        """Show that a reply is on its way, where the messenger can."""
        ...

    def reply(self, heard: BotEvent, bubbles: Sequence[str]) -> None:
        """Answer what was heard with one message or several."""
        ...

    def push(self, heard: BotEvent, bubble: str) -> None:
        """Say one more thing in the same chat."""
        ...
