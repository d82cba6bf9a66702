"""The shapes that everything passes on: what was said in a log, and what is said in a chat.

A `Message` is one line of an export, with its place in the file. A `Turn` is a run of one side's
messages; people write several in a row (A A A B B A B), and a persona may too. A list of turns is
what the prompt is made from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby
from typing import Any, Literal

Role = Literal["user", "assistant"]  # "assistant" is the persona, as in every chat template


class Kind(str, Enum):
    """What a message is. Only TEXT carries words that can be learned."""

    TEXT = "text"
    MEDIA = "media"
    STICKER = "sticker"
    CALL = "call"
    UNSENT = "unsent"
    SYSTEM = "system"
    PRESUMED = "presumed"
    """Nobody seems to have typed it: a rule took it for the app's own sentence, which a person can take back."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a log.

    `sender` is None for what nobody said (system lines, lines not understood). `line` is where it
    begins in the file, from 1. `time` is the clock on the wall, without a zone. `part` is the
    conversation it belongs to where a file holds several: nothing is ever joined across parts.
    `reply_to` is the position in the log of the message that this one answers, where the file says so.
    """

    sender: str | None
    text: str
    line: int
    kind: Kind = Kind.TEXT
    time: datetime | None = None
    part: int = 0
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the other spoke: one or more messages, never none.

    `name` is set for people of a group, who share the role "user". `trained` is False for words of the
    persona that a training row holds as context only: the one place that says so.
    """

    role: Role
    messages: tuple[str, ...]
    name: str | None = None
    trained: bool = True

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("a turn holds at least one message")


def to_chat_messages(turns: Iterable[Turn]) -> list[dict[str, str | int]]:
    """Turns as OpenAI-style messages, one entry a message, so that a burst stays a burst.

    The persona's words that are context only have a weight of 0, as in OpenAI's format.

    >>> to_chat_messages([Turn("user", ("hi", "you there?"))])
    [{'role': 'user', 'content': 'hi'}, {'role': 'user', 'content': 'you there?'}]
    """
    return [
        {"role": turn.role, "content": text}
        | ({"name": turn.name} if turn.name else {})
        | ({} if turn.trained else {"weight": 0})
        for turn in turns
        for text in turn.messages
    ]


def from_chat_messages(messages: Iterable[Mapping[str, Any]]) -> list[Turn]:
    """The inverse of `to_chat_messages`: neighbours of one role, name and weight become one turn.

    Raises ValueError, KeyError or TypeError for what is not such messages.
    """
    return [
        Turn(role, tuple(_content(message) for message in run), name, trained)
        for (role, name, trained), run in groupby(messages, key=_turn_of)
    ]


def _turn_of(message: Mapping[str, Any]) -> tuple[Role, str | None, bool]:
    role = message["role"]
    if role not in ("user", "assistant"):
        raise ValueError(f"a conversation has no role {role!r:.40}")
    return role, message.get("name"), role != "assistant" or message.get("weight") != 0


def _content(message: Mapping[str, Any]) -> str:
    if not isinstance(message["content"], str):
        raise TypeError(f"content has to be text, not {message['content']!r:.40}")
    return message["content"]
