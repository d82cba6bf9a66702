"""The shapes that every reader gives back: a Log, what was guessed, and where each line went."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.logs.columns import Columns
from core.messages import Kind, Message
from core.text import Text

DateOrder = Literal["ymd", "dmy", "mdy"]


@dataclass(frozen=True, slots=True)
class Format:
    """An export format: a short id for scripts, and its name for people."""

    id: str
    name: Text


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known before reading. All but the name of the file are a person's answers to a Guess."""

    file_name: str = ""
    names: tuple[str, ...] | None = None
    date_order: DateOrder | None = None
    columns: tuple[str, ...] | None = None
    """Names of the columns of a table that hold sender, text and time; "" for none."""
    presumed: tuple[str, ...] | None = None
    """Which sentences, of those that a rule took for the app's own, are left out as such."""
    zone: str | None = None
    """Where the people were ("Asia/Tokyo"): times that the file gives in UTC are put on the clocks there."""
    conversations: tuple[str, ...] | None = None
    """Which of several conversations to take, by their names in the Guess; all where none is known."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Something the file itself could not settle. Read again with Hints to change it.

    `about` names the field of Hints; `value` is what was taken, `choices` what else it could be
    (for names: every prefix that may be a person, of which any number can be right; for columns: all
    of the table's, of which `value` takes three; for conversations: every one of the file, the longest
    first, of which any number can be taken; for presumed: every sentence that may be the app's own, of
    which any number can be; for zone: none, as any place can be named).
    """

    about: Literal["zone", "names", "date_order", "columns", "conversations", "presumed"]
    value: tuple[str, ...]
    choices: tuple[str, ...]
    certain: bool
    note: Text


@dataclass(frozen=True, slots=True)
class LineCount:
    """Where each line of the file went. `total` is counted from the text, the rest by the reader.

    Of JSON, where lines mean nothing, records are counted instead.
    """

    total: int
    messages: int
    """Lines that are part of a message, continuation lines included."""
    marks: int = 0
    """Banner, date and other lines that hold no message of their own."""
    blank: int = 0
    unread: int = 0
    """Lines not understood. Their text is kept in messages of kind UNKNOWN."""
    doubtful: int = 0
    """Of the lines of messages, those that look like the beginning of a message and could not be read as one."""

    @property
    def missing(self) -> int:
        """Lines that no count holds: 0, or the reader lost some."""
        return self.total - self.messages - self.marks - self.blank - self.unread


@dataclass(frozen=True, slots=True)
class Speaker:
    """Someone who writes in a log: messages with words, and messages of every kind."""

    name: str
    texts: int
    messages: int


@dataclass(frozen=True)
class Log:
    """One export, read. `messages` are in the order of the file, or of time where the file is not."""

    format: Format
    messages: Sequence[Message]
    lines: LineCount
    guesses: tuple[Guess, ...] = ()
    notes: tuple[Text, ...] = ()
    partner: str | None = None
    """The other person of a one-to-one chat, where the file or its name says so."""
    file_name: str = ""
    encoding: str = "utf-8"
    in_utc: bool = False
    """The file gives its times in UTC, whatever the clock on people's walls showed."""
    parts: tuple[str, ...] = ()
    """The names of the conversations, the first for part 1; none where the file holds one only."""

    def speakers(self) -> list[Speaker]:
        """Who writes, the most words first."""
        if isinstance(self.messages, Columns):
            counts = self.messages.counts()
        else:
            counts = Counter((m.sender, m.kind) for m in self.messages)
        every: Counter[str] = Counter()
        for (name, _), n in counts.items():
            if name is not None:
                every[name] += n
        speakers = [Speaker(name, counts[name, Kind.TEXT], n) for name, n in every.items()]
        return sorted(speakers, key=lambda speaker: (-speaker.texts, -speaker.messages))

    def unread(self) -> list[Message]:
        """The blocks of lines that were not understood."""
        if isinstance(self.messages, Columns):
            return self.messages.of_kind(Kind.UNKNOWN)
        return [message for message in self.messages if message.kind is Kind.UNKNOWN]

    def suggested_persona(self) -> str | None:
        """Who the persona most likely is: the other person of the chat, the assistant of an AI chat,
        else whoever writes most. A person can always choose otherwise.
        """
        names = [speaker.name for speaker in self.speakers() if speaker.texts]
        likely = [name for name in (self.partner, "assistant", "gpt") if name in names]
        return next(iter(likely + names), None)
