"""Messages of a large log kept by column: the objects are made when they are asked for.

A million Message objects take longer to make than the text takes to read, and 120 MB; who writes how
much, which is all that a page needs at first, is counted without them.
"""

import gc
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import overload

from core.messages import Kind, Message

EPOCH = datetime(1, 1, 1)
NO_TIME = -1


class Columns(Sequence[Message]):
    """Messages in the order of the file. Readers append to the columns; others see messages.

    `minutes` count from EPOCH. `kinds` holds the kinds that are not TEXT, by position.
    """

    def __init__(self) -> None:
        self.senders: list[str | None] = []
        self.texts: list[str] = []
        self.lines = array("q")
        self.minutes = array("q")
        self.kinds: dict[int, Kind] = {}
        self._made: tuple[Message, ...] | None = None
        self._gone_through = False

    def add(self, sender: str | None, text: str, line: int, kind: Kind, minute: int) -> None:
        """One message more."""
        if kind is not Kind.TEXT:
            self.kinds[len(self.texts)] = kind
        self.senders.append(sender)
        self.texts.append(text)
        self.lines.append(line)
        self.minutes.append(minute)

    def extend_last(self, more: Sequence[str], classify: Callable[[str, str], tuple[Kind, str]]) -> None:
        """Further lines of the message added last; a mark that goes on in words was no mark."""
        last = len(self.texts) - 1
        sender, text = self.senders[last], "\n".join((self.texts[last], *more))
        kind = self.kinds.pop(last, Kind.TEXT)
        if sender is not None:
            kind, text = classify(text, sender)
        if kind is not Kind.TEXT:
            self.kinds[last] = kind
        self.texts[last] = text

    def counts(self) -> Counter[tuple[str | None, Kind]]:
        """How many messages of each sender and kind there are."""
        counts = Counter({(sender, Kind.TEXT): n for sender, n in Counter(self.senders).items()})
        for place, kind in self.kinds.items():
            counts[self.senders[place], Kind.TEXT] -= 1
            counts[self.senders[place], kind] += 1
        return +counts

    def of_kind(self, kind: Kind) -> list[Message]:
        """The messages of one kind other than TEXT."""
        return [self._make(place) for place, one in self.kinds.items() if one is kind]

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Message]:
        """Once through makes each in passing; who goes through again gets them kept."""
        if self._made is None and self._gone_through:
            self._make_all()
        self._gone_through = True
        return iter(self._made) if self._made is not None else self._making()

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, place: int | slice) -> Message | tuple[Message, ...]:
        """Asked for by position, all are made once: who does that will ask for many."""
        return (self._made or self._make_all())[place]

    def __eq__(self, other: object) -> bool:
        """As sequences are. It cannot be hashed, like a list: its messages may still grow."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def _make_all(self) -> tuple[Message, ...]:
        """Keep every message. Without the cycle collector, as messages hold no cycles: it takes most of the time."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            self._made = made = tuple(self._making())
            return made
        finally:
            if enabled:
                gc.enable()

    def _making(self) -> Iterator[Message]:
        last, time, kinds = NO_TIME, None, self.kinds
        for place, (sender, text, line, minute) in enumerate(
            zip(self.senders, self.texts, self.lines, self.minutes, strict=True)
        ):
            if minute != last:
                last, time = minute, (EPOCH + timedelta(minutes=minute) if minute != NO_TIME else None)
            yield Message(sender, text, line, kinds.get(place, Kind.TEXT), time)

    def _make(self, place: int) -> Message:
        minute = self.minutes[place]
        time = EPOCH + timedelta(minutes=minute) if minute != NO_TIME else None
        kind = self.kinds.get(place, Kind.TEXT)
        return Message(self.senders[place], self.texts[place], self.lines[place], kind, time)
