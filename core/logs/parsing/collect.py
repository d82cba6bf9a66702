"""Gathers what a line-based reader finds, and counts each line of the file exactly once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.logs.log import LineCount
from core.logs.parsing.decode import Records
from core.messages import Kind, Message

Join = Callable[[Message, Sequence[str]], Message]


def join_lines(message: Message, more: Sequence[str]) -> Message:
    """`message` with further lines, as they stood in the file."""
    return replace(message, text="\n".join((message.text, *more)))


class Collector:
    """Messages in file order. Lines that follow a message are part of it until a mark ends it;
    lines that follow nothing are kept as one UNKNOWN message a block.
    """

    def __init__(self, join: Join = join_lines) -> None:
        self.messages: list[Message] = []
        self._join = join
        self._tail: list[str] = []
        self._tail_start = 0
        self._talking = False
        self._read = self._marks = self._blank = self._unread = 0

    def add(self, message: Message, lines: int = 1) -> None:
        """A message that begins here and takes `lines` lines so far."""
        if self._tail:
            self._settle()
        self.messages.append(message)
        self._read += lines
        self._talking = True

    def mark(self, lines: int = 1) -> None:
        """A banner or date: it ends the message before it."""
        self._settle()
        self._marks += lines
        self._talking = False

    def line(self, text: str, number: int) -> None:
        """A line that begins nothing. In a mixed file it may hold line breaks."""
        if not self._tail:
            self._tail_start = number
        self._tail.extend(text.split("\n"))

    def stop(self) -> None:
        """What follows is part of no message."""
        self._settle()
        self._talking = False

    def finish(self, records: Records) -> LineCount:
        """Close the last message; the counts for the whole file."""
        self._settle()
        return LineCount(records.total, self._read, self._marks, self._blank, self._unread)

    def _settle(self) -> None:
        tail, self._tail = self._tail, []
        while tail and not tail[-1].strip():
            tail.pop()
            self._blank += 1
        if not tail:
            return
        if self._talking:
            self.messages[-1] = self._join(self.messages[-1], tail)
            self._read += len(tail)
            return
        first = next(i for i, line in enumerate(tail) if line.strip())
        blank = sum(not line.strip() for line in tail)
        self._blank += blank
        self._unread += len(tail) - blank
        text = "\n".join(tail[first:])
        self.messages.append(Message(None, text, self._tail_start + first, Kind.UNKNOWN))
