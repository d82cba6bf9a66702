"""Rows: pieces of conversation that fit the token budget and end with words of the persona.

A row is a list of turns; all of the persona's turns in it are learned, the others are context. The
persona may open a row.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby, takewhile
from typing import Protocol

from core.data.ledger import Book, Fate
from core.data.sessions import Session
from core.logs.decode import edges
from core.messages import Message, Turn, to_chat_messages

JsonRow = dict[str, int | str | list[dict[str, str]] | None]


class Meter(Protocol):
    """Counts tokens as the prompt of training will: `core.prompt.meter` makes one."""

    @property
    def fixed(self) -> int:
        """Tokens of a row before its first turn."""
        ...

    def turn(self, turn: Turn) -> int:
        """Tokens that `turn` adds, at most."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of conversation for training."""

    session: int
    start: datetime | None
    turns: tuple[Turn, ...]
    positions: tuple[tuple[int, ...], ...] = ()
    """For each turn, where its messages stand in the log; empty for rows read back from disk."""
    tokens: tuple[int, ...] = ()
    """Tokens that each turn adds; empty for rows read back from disk."""

    @property
    def learned(self) -> int:
        """Messages of the persona."""
        return sum(len(turn.messages) for turn in self.turns if turn.role == "assistant")

    def split(self, k: int) -> tuple["Row", "Row"]:
        """Two rows: the first `k` turns, and the rest."""
        return tuple(
            Row(self.session, self.start, self.turns[part], self.positions[part], self.tokens[part])
            for part in (slice(k), slice(k, None))
        )

    def to_json(self) -> JsonRow:
        """The row as it is saved: one entry a message, so that a burst stays a burst."""
        start = self.start.isoformat() if self.start else None
        return {"session": self.session, "start": start, "messages": to_chat_messages(self.turns)}


@dataclass(frozen=True, slots=True)
class _Placed:
    """A turn, where its messages stand in the log, and its tokens."""

    turn: Turn
    positions: tuple[int, ...]
    tokens: int


def clean(text: str) -> str:
    """Words as they are learned: composed characters, nothing invisible or white at the ends.

    NFC and not NFKC, which would destroy ｗ, ！ and half-width style.
    """
    return edges(unicodedata.normalize("NFC", text)).strip()


def rows_of(
    session: Session, messages: Sequence[Message], persona: str, book: Book, *, meter: Meter, room: int, named: bool
) -> list[Row]:
    """The rows of one session, each of at most `room` tokens; what is left out is written in `book`.

    Only messages that `book` has no fate for are used. The caller enters the fate of what the rows
    hold, once it knows which are held out. `named` keeps the others' names, for groups.
    """
    usable = [i for i in session.positions if book.open(i)]
    if not any(messages[i].sender == persona for i in usable):
        book.enter(usable, Fate.NO_PERSONA)
        return []
    turns = list(_turns(usable, messages, persona, meter, named))
    return [
        Row(
            session.number,
            messages[piece[0].positions[0]].time,
            tuple(placed.turn for placed in piece),
            tuple(placed.positions for placed in piece),
            tuple(placed.tokens for placed in piece),
        )
        for piece in _pieces(turns, room, book)
    ]


def _turns(
    usable: Sequence[int], messages: Sequence[Message], persona: str, meter: Meter, named: bool
) -> Iterator[_Placed]:
    for sender, run in groupby(usable, key=lambda i: messages[i].sender):
        positions = tuple(run)
        words = tuple(clean(messages[i].text) for i in positions)
        turn = Turn("assistant", words) if sender == persona else Turn("user", words, sender if named else None)
        yield _Placed(turn, positions, meter.turn(turn))


def _pieces(turns: Sequence[_Placed], room: int, book: Book) -> Iterator[list[_Placed]]:
    """Turns in pieces that fit `room` and end with the persona, each beginning where the last ended.

    A turn that fits nowhere ends a piece: no row hides a hole.
    """
    piece: list[_Placed] = []
    heard: list[_Placed] = []  # turns of others that no turn of the persona has followed yet
    used = 0
    for placed in turns:
        heard.append(placed)
        if placed.turn.role == "user":
            continue
        size = sum(turn.tokens for turn in heard)
        if piece and (used + size > room or placed.tokens > room):
            yield piece
            piece, used = [], 0
        if placed.tokens > room:
            _enter(book, [placed], Fate.TOO_LONG)
            _enter(book, heard[:-1], Fate.UNANSWERED)
        else:
            fits = _last_that_fit(heard, room - used)
            _enter(book, heard[: len(heard) - len(fits)], Fate.TOO_LONG)
            piece += fits
            used += sum(turn.tokens for turn in fits)
        heard = []
    _enter(book, heard, Fate.UNANSWERED)
    if piece:
        yield piece


def _last_that_fit(turns: Sequence[_Placed], room: int) -> list[_Placed]:
    """The longest end of `turns` within `room` tokens."""
    totals = accumulate(placed.tokens for placed in reversed(turns))
    count = sum(1 for _ in takewhile(lambda total: total <= room, totals))
    return list(turns[len(turns) - count :])


def _enter(book: Book, turns: Sequence[_Placed], fate: Fate) -> None:
    for placed in turns:
        book.enter(placed.positions, fate)
