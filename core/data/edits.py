"""Edits by hand: a message of the log that is learned in other words, or not at all.

An edit names its messages by where they stand in the file and what they say there, so that it finds them again after
the log was read anew or a newer export was added to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.data.rows import Row
from core.errors import InputError
from core.messages import Message

LONGEST_TEXT = 10_000  # letters of a corrected message
EditedWords = Mapping[int, str | None]
"""By position in the log: the words in the place of those of the file, None for a message that is left out, AS_CONTEXT
for one that is not learned."""
AS_CONTEXT = ""


@dataclass(frozen=True)
class MessagePlace:
    """A message of a file."""

    line: int
    part: int
    sender: str | None
    text: str
    """As the file has it."""


@dataclass(frozen=True)
class Edit:
    """One step by hand, which is undone as one."""

    places: tuple[MessagePlace, ...]
    text: str | None
    """What is learned in the place of each; None: it is left out. AS_CONTEXT: it may stand before what is learned."""


def correction(message: Message, text: str) -> Edit:
    """`message` is learned as `text`. Raises InputError for no words, or too many."""
    words = text.strip()
    if not words:
        raise InputError(
            "There are no words. Write what the message should say, or leave it out.",
            "言葉がありません。直した文を書くか、この発言を除いてください。",
        )
    if len(words) > LONGEST_TEXT:
        raise InputError(
            f"The text has {len(words):,} letters; {LONGEST_TEXT:,} are allowed in one message.",
            f"{len(words):,} 文字あります。1 つの発言は {LONGEST_TEXT:,} 文字までです。",
        )
    return Edit((place_of(message),), words)


def left_out(messages: Sequence[Message], positions: Iterable[int]) -> Edit:
    """The messages at `positions` are not learned, and are no context either."""
    return Edit(tuple(place_of(messages[position]) for position in positions), None)


def as_context(messages: Iterable[Message]) -> Edit:
    """These messages are not learned, but may be context."""
    return Edit(tuple(place_of(message) for message in messages), AS_CONTEXT)


def place_of(message: Message) -> MessagePlace:
    """How an edit names a message."""
    return MessagePlace(message.line, message.part, message.sender, message.text)


def edited_words(edits: Sequence[Edit], messages: Iterable[Message]) -> dict[int, str | None]:
    """Where the edits stand in a log; of two for one message the later counts, and one without its message does not."""
    wanted = {place: edit.text for edit in edits for place in edit.places}
    if not wanted:
        return {}
    lines = {place.line for place in wanted}
    found = {}
    for position, message in enumerate(messages):
        if message.line in lines and (place := place_of(message)) in wanted:
            found[position] = wanted[place]
    return found


def unplaced(edits: Sequence[Edit], edited: EditedWords) -> int:
    """Messages of edits that the log, as it was read, does not hold."""
    return len({place for edit in edits for place in edit.places}) - len(edited)


def of_this_row_alone(row: Row, rows: Iterable[Row]) -> tuple[int, ...]:
    """The messages to leave out so that `row` goes: those it learns, and the context that is in no other of `rows`."""
    learned = {i for k, positions in enumerate(row.positions) if row.is_trained(k) for i in positions}
    elsewhere = {i for other in rows if other is not row for positions in other.positions for i in positions}
    held = [i for positions in row.positions for i in positions]
    return tuple(i for i in dict.fromkeys(held) if i in learned or i not in elsewhere)
