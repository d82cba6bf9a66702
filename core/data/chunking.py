"""Cuts sessions into rows of the shape a recipe asks for, each within the token budget.

`RowBuilder.rows` gives the rows of one session, and writes down why a message is in none of them. A row
hides no hole: turns that stand side by side in a row did so in the talk, but for a message that the
persona answers by a link, which is put before the answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from core.data.ledger import Outcome
from core.data.recipe import Recipe
from core.data.rows import Row, RowCounter
from core.data.sessions import Session
from core.messages import Message, Turn

MOST_ANSWERED = 2  # linked messages put before one turn


@dataclass(frozen=True, slots=True)
class TurnSlice:
    """A turn, where its messages stand in the log, its tokens, and whether a row may learn it."""

    turn: Turn
    positions: tuple[int, ...]
    tokens: int
    trained: bool

    @property
    def own(self) -> bool:
        """Whether the persona said it."""
        return self.turn.role == "assistant"


@dataclass
class RowBuilder:
    """What is the same for all sessions of a log."""

    messages: Sequence[Message]
    words: Sequence[str | None]
    """Of each message, as they are learned; None for one that is left out."""
    persona: str
    recipe: Recipe
    counter: RowCounter
    room: int
    """Tokens that the turns of a row may take."""
    groups: frozenset[int] = frozenset()
    """Conversations of more than two people: there the others keep their names."""
    not_learned: Mapping[int, Outcome] = field(default_factory=dict)
    """Messages of the persona that are context at most, and why."""
    rename: Callable[[str], str] = str
    """How a name of a group is written."""
    skipped: dict[int, Outcome] = field(default_factory=dict)
    """Why a message would be in no row. One that is in a row nevertheless has its outcome from there."""

    def rows(self, session: Session) -> list[Row]:
        """The rows of one session, in the order of talking."""
        usable = [i for i in session.positions if self.words[i] is not None]
        if not any(self.messages[i].sender == self.persona for i in usable):
            self.skipped.update(dict.fromkeys(usable, Outcome.NO_PERSONA))
            return []
        turns = list(self._turns(usable))
        each = self.recipe.burst == "each"
        chunks = self.recipe.shape == "conversation" and not each
        pieces = self._chunks(turns) if chunks else self._windows(turns, pair=self.recipe.shape == "pair", each=each)
        return [self._row(session, piece) for piece in pieces]

    def _row(self, session: Session, piece: Sequence[TurnSlice]) -> Row:
        return Row(
            session.number,
            self.messages[piece[0].positions[0]].time,
            tuple(replace(placed.turn, trained=placed.trained or not placed.own) for placed in piece),
            tuple(placed.positions for placed in piece),
            tuple(placed.tokens for placed in piece),
        )

    def _turns(self, usable: Sequence[int]) -> Iterator[TurnSlice]:
        for sender, run in groupby(usable, key=lambda i: self.messages[i].sender):
            positions = tuple(run)
            if sender == self.persona:
                yield self._own(positions, trained=not self.not_learned.keys() >= set(positions))
            else:
                yield self._others(positions)

    def _own(self, positions: tuple[int, ...], *, trained: bool) -> TurnSlice:
        turn = Turn("assistant", self._burst(positions))
        return TurnSlice(turn, positions, self.counter.turn(turn), trained)

    def _others(self, positions: tuple[int, ...]) -> TurnSlice:
        message = self.messages[positions[0]]
        name = self.rename(message.sender) if message.part in self.groups and message.sender is not None else None
        turn = Turn("user", self._burst(positions), name)
        return TurnSlice(turn, positions, self.counter.turn(turn), False)

    def _burst(self, positions: Sequence[int]) -> tuple[str, ...]:
        words = tuple(word for i in positions if (word := self.words[i]) is not None)
        return (self.recipe.separator.join(words),) if self.recipe.burst == "separator" else words

    def _chunks(self, turns: Sequence[TurnSlice]) -> Iterator[list[TurnSlice]]:
        """Turns in pieces that fit and end with words that are learned, each beginning where the last ended."""
        piece: list[TurnSlice] = []
        heard: list[TurnSlice] = []  # turns of others that no turn of the persona has followed yet
        used = shown = 0  # tokens of the piece; turns at its beginning that are there for context
        for placed in turns:
            heard.append(placed)
            if not placed.own:
                continue
            size = sum(turn.tokens for turn in heard)
            before: list[TurnSlice] = []
            full = used + size > self.room or len(piece) - shown + len(heard) > self.recipe.most_turns
            if piece and (full or placed.tokens > self.room):
                yield from self._ended(piece, shown)
                before, piece, used, shown = piece, [], 0, 0
            if placed.tokens > self.room:
                self._leave([placed], Outcome.TOO_LONG)
                self._leave(heard[:-1], Outcome.UNANSWERED)
            else:
                fits = self._fitting(heard, self.room - used)
                if not piece and len(fits) == len(heard):
                    piece = self._context(before, size)
                    shown, used = len(piece), sum(turn.tokens for turn in piece)
                fits = self._with_answered(fits, piece, self.room - used)
                piece += fits
                used += sum(turn.tokens for turn in fits)
            heard = []
        self._leave(heard, Outcome.UNANSWERED)
        if piece:
            yield from self._ended(piece, shown)

    def _ended(self, piece: Sequence[TurnSlice], shown: int) -> Iterator[list[TurnSlice]]:
        """The piece up to the last turn that is learned; nothing when there is none."""
        last = max((k for k, placed in enumerate(piece) if placed.trained), default=-1)
        for placed in piece[max(last + 1, shown) :]:
            self._leave([placed], self._why_not_learned(placed) if placed.own else Outcome.OUTSIDE)
        if last >= 0:
            yield list(piece[: last + 1])

    def _context(self, before: Sequence[TurnSlice], size: int) -> list[TurnSlice]:
        """The last turns of the row before, as context for a row whose first exchange takes `size` tokens."""
        wanted = before[-self.recipe.context :] if self.recipe.context else ()
        return [replace(placed, trained=False) for placed in _last_that_fit(wanted, self.room - size)]

    def _windows(self, turns: Sequence[TurnSlice], *, pair: bool, each: bool) -> Iterator[list[TurnSlice]]:
        """A piece for each turn of the persona, or for each of its messages: it, and what was said before."""
        past: list[TurnSlice] = []  # as context, without a hole
        heard: list[TurnSlice] = []  # turns of others since the persona last spoke
        for placed in turns:
            if not placed.own:
                heard.append(placed)
                continue
            whole = placed.tokens <= self.room
            self._leave(heard, Outcome.OUTSIDE if whole or each else Outcome.UNANSWERED)
            for said in self._samples(placed) if each else [[placed]]:
                reach = heard if pair else [*past, *heard][-max(self.recipe.most_turns - 1, 1) :]
                outcome = self._outcome_without_row(said[-1])
                if outcome:
                    self._leave([said[-1]], outcome)
                    continue
                fits = _last_that_fit([*reach, *said], self.room)
                near = heard[-len(reach) :] if reach else []
                self._leave(near[: max(len(near) + len(said) - len(fits), 0)], Outcome.TOO_LONG)
                yield self._with_answered(fits, (), self.room)
            past = [*past, *heard, replace(placed, trained=False)][-self.recipe.most_turns :] if whole else []
            heard = []
        self._leave(heard, Outcome.UNANSWERED)

    def _outcome_without_row(self, sample: TurnSlice) -> Outcome | None:
        if sample.tokens > self.room:
            return Outcome.TOO_LONG
        return None if sample.trained else self._why_not_learned(sample)

    def _why_not_learned(self, placed: TurnSlice) -> Outcome:
        return self.not_learned.get(placed.positions[-1], Outcome.OUTSIDE)

    def _samples(self, placed: TurnSlice) -> Iterator[list[TurnSlice]]:
        """Each message of a burst, behind those before it as one turn of context."""
        for k, position in enumerate(placed.positions):
            said = [self._own(placed.positions[:k], trained=False)] if k else []
            yield [*said, self._own((position,), trained=position not in self.not_learned)]

    def _fitting(self, turns: Sequence[TurnSlice], room: int) -> list[TurnSlice]:
        """The last of `turns` that a row may have and that fit `room`."""
        near = turns[-min(self.recipe.most_turns, len(turns)) :]
        fits = _last_that_fit(near, room)
        self._leave(turns[: len(turns) - len(near)], Outcome.OUTSIDE)
        self._leave(near[: len(near) - len(fits)], Outcome.TOO_LONG)
        return fits

    def _with_answered(self, turns: list[TurnSlice], piece: Sequence[TurnSlice], room: int) -> list[TurnSlice]:
        """`turns` with the messages before them that their reply answers by a link, where these are not in the row."""
        own = turns[-1]
        links = {link for i in own.positions if (link := self.messages[i].reply_to) is not None}
        if not links:
            return turns
        there = {i for placed in (*piece, *turns) for i in placed.positions}
        part = self.messages[own.positions[0]].part
        answered = sorted(i for i in links - there if self._can_be_answered(i, part, own.positions[0]))
        free = room - sum(placed.tokens for placed in turns)
        for i in reversed(answered[:MOST_ANSWERED]):
            quoted = self._others((i,))
            if quoted.tokens <= free:
                turns, free = [quoted, *turns], free - quoted.tokens
        return turns

    def _can_be_answered(self, i: int, part: int, own: int) -> bool:
        if not 0 <= i < len(self.messages) or self.words[i] is None:
            return False
        asked, time = self.messages[i], self.messages[own].time
        earlier = asked.time is None or time is None or asked.time <= time
        return asked.part == part and asked.sender != self.persona and earlier

    def _leave(self, turns: Sequence[TurnSlice], outcome: Outcome) -> None:
        for placed in turns:
            self.skipped.update(dict.fromkeys(placed.positions, outcome))


def _last_that_fit(turns: Sequence[TurnSlice], room: int) -> list[TurnSlice]:
    """The longest end of `turns` within `room` tokens."""
    start = len(turns)
    while start and turns[start - 1].tokens <= room:
        start -= 1
        room -= turns[start].tokens
    return list(turns[start:])
