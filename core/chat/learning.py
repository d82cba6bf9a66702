"""Talks as a log to learn from: a file that is opened as any other log, and what corrections and thumbs say of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from core.chat.conversation import NOWHERE, Conversation, Node
from core.chat.viewpoint import speaker_of
from core.data.edits import Edit, as_context, correction, left_out
from core.errors import InputError
from core.logs.formats.ai_chats.omokage import BY_MODEL
from core.logs.log import Log
from core.messages import Message

WhoseWords = Literal["approved", "replies", "mine"]
"""The persona's that were corrected or liked, all of the persona's but the disliked ones, or one's own."""
WHOSE_WORDS: Final[tuple[WhoseWords, ...]] = ("approved", "replies", "mine")
Names = Callable[[Conversation], tuple[str, str]]
"""(the persona's name, the user's) in a talk."""


@dataclass(frozen=True)
class ChatLine:
    """A message of a talk as it stands in the file."""

    talk: Conversation
    node: Node
    sender: str
    text: str
    """As it was said first."""
    corrected: str = ""
    """What a person made of it."""
    time: float = 0.0

    @property
    def by_model(self) -> bool:
        """Whether a model wrote it, not a person and not the persona's card."""
        return self.node.role == "assistant" and self.node.metadata is not None

    @property
    def approved(self) -> bool:
        """Whether a person corrected it or liked it."""
        return bool(self.node.original) or self.node.thumb == "up"

    @property
    def greeting(self) -> bool:
        """Whether the persona's card says it before anybody spoke."""
        return self.node.role == "assistant" and self.node.parent == NOWHERE and not self.by_model

    @property
    def disliked(self) -> bool:
        """Whether a person disliked it, and did not correct it."""
        return self.node.thumb == "down" and not self.node.original

    def to_json(self) -> dict[str, str]:
        """A line of the file."""
        written = {"written_by": BY_MODEL} if self.by_model else {}
        time = {"time": datetime.fromtimestamp(self.time).isoformat(timespec="seconds")} if self.time else {}
        return {"omokage_chat": self.talk.id, "title": self.talk.title, "sender": self.sender, "text": self.text,
                **time, **written}  # fmt: skip


@dataclass(frozen=True)
class ChatLines:
    """All messages of some talks, and whose words of them are to be learned."""

    lines: tuple[ChatLine, ...]
    persona: str
    """The name of who is learned."""
    whose: WhoseWords

    def file(self) -> bytes:
        """The log as `core.logs` reads it."""
        return "".join(json.dumps(line.to_json(), ensure_ascii=False) + "\n" for line in self.lines).encode()

    def edits(self, log: Log) -> tuple[Edit, ...]:
        """What corrections and thumbs say of the log that was read from `file`."""
        corrected: list[Edit] = []
        disliked: list[Message] = []
        unapproved: list[Message] = []
        for message in log.messages:
            line = self.lines[message.line - 1]
            if line.corrected:
                corrected.append(correction(message, line.corrected))
            elif line.disliked and line.by_model:
                disliked.append(message)
            elif line.greeting or (self.whose == "approved" and line.by_model and not line.approved):
                unapproved.append(message)
        more = [as_context(unapproved)] if unapproved else []
        more += [left_out(disliked, range(len(disliked)))] if disliked else []
        return (*more, *corrected)

    def count(self, which: Callable[[ChatLine], bool]) -> int:
        """How many turns are so; one may have several messages."""
        return len({(line.talk.id, line.node.id) for line in self.lines if which(line)})


def chat_lines(talks: Sequence[Conversation], names: Names, whose: WhoseWords) -> ChatLines:
    """The messages of `talks`; who is learned is the persona of the first, or the user.

    Raises InputError where nobody spoke with the persona, or nothing was approved that is to be learned.
    """
    lines = tuple(line for talk in talks for line in _lines(talk, *names(talk)))
    persona, user = names(talks[0])
    learned = ChatLines(lines, _apart(persona, user) if whose == "mine" else persona, whose)
    if not any(line.node.role == "user" for line in lines):
        raise InputError(
            "Nothing was said in this chat yet. Talk a little first, or choose another chat.",
            "この会話ではまだ何も話していません。少し話してからにするか、ほかの会話を選んでください。",
        )
    if whose == "approved" and not learned.count(lambda line: line.by_model and line.approved):
        raise InputError(
            "No reply was corrected or liked in this chat. Correct or like some, or choose other words to learn.",
            "この会話には、直した返事も「いいね」の返事もありません。いくつか付けるか、学ぶ言葉を選び直してください。",
        )
    return learned


def _lines(talk: Conversation, persona: str, user: str) -> Iterator[ChatLine]:
    began = next((node.time for node in talk.path if node.time), 0.0)
    for node in talk.path:
        own = node.role == "assistant"
        sender = speaker_of(talk, node) or node.name or (persona if own else _apart(persona, user))
        first = node.original if len(node.original) == len(node.messages) else node.messages
        for was, now in zip(first, node.messages, strict=True):
            yield ChatLine(talk, node, sender, was, now if now != was else "",
                           node.time or (began if node is talk.path[0] else 0.0))  # fmt: skip


def _apart(persona: str, user: str) -> str:
    """The user's name, told apart from a persona of the same name."""
    return user if user != persona else f"{user} (2)"
