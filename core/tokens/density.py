"""How much a number of tokens holds of somebody's own log: messages, characters, minutes of talk, pages, turns."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from statistics import median, quantiles
from typing import TYPE_CHECKING

from core.errors import InputError
from core.messages import Message
from core.tokens.counting import count_texts
from core.tokens.figure_table import FigureTable
from core.tokens.scripts import ScriptCost, script_costs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAGE = 400  # characters of a sheet of Japanese manuscript paper
SILENCE = 60.0  # minutes; who is silent for longer does not talk
SAMPLE = 2_000  # messages whose tokens are looked at by script
CLASSES = (1, 2, 4, 6, 8, 11, 16, 21, 31, 41, 61, 81, 121)  # tokens at which a class of the histogram begins
PARTS = 60  # of the log, for the curve over it
WINDOWS = (512, 1_024, 2_048, 4_096, 8_192, 32_768)


@dataclass(frozen=True)
class WindowRange:
    """What one window holds, over all places of the log where it could end: the middle, and a tenth and nine tenths."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class WindowRoom:
    """What `tokens` hold of this log. Whole messages, each with the tokens that a chat puts around it."""

    tokens: int
    messages: WindowRange
    characters: WindowRange
    minutes: WindowRange | None
    """Of talk, without silences; None where the log has no times."""
    whole: bool
    """All of the log fits."""


@dataclass(frozen=True)
class Density:
    """The tokens of every message of a log, and what follows from them."""

    messages: Sequence[Message] = field(repr=False)
    counts: array = field(repr=False)
    """Tokens of each message's text alone."""
    overhead: int
    """Tokens that a chat puts around a message, at most."""
    scripts: tuple[ScriptCost, ...]

    @property
    def tokens(self) -> int:
        return sum(self.counts)

    @cached_property
    def characters(self) -> int:
        return sum(len(message.text) for message in self.messages)

    @cached_property
    def minutes(self) -> float | None:
        """Of talk, without silences of more than SILENCE; None where no message has a time."""
        if all(message.time is None for message in self.messages):
            return None
        return sum(self._paces)

    @property
    def per_message(self) -> float:
        return self.tokens / len(self.counts)

    @property
    def per_minute(self) -> float | None:
        """Tokens in a minute of talk."""
        return self.tokens / self.minutes if self.minutes else None

    @property
    def per_page(self) -> float:
        """Tokens on a full sheet of PAGE characters."""
        return PAGE * self.tokens / self.characters if self.characters else 0.0

    @property
    def histogram(self) -> list[int]:
        """Messages in each of CLASSES."""
        found = [0] * len(CLASSES)
        for count in self.counts:
            found[max(k for k, start in enumerate(CLASSES) if count >= start or k == 0)] += 1
        return found

    @property
    def running(self) -> list[float]:
        """Tokens per message in each of at most PARTS parts of the log, in order."""
        n, parts = len(self.counts), min(PARTS, len(self.counts))
        borders = [n * k // parts for k in range(parts + 1)]
        return [sum(self.counts[a:b]) / (b - a) for a, b in pairwise(borders)]

    def room(self, tokens: int) -> WindowRoom:
        """What a window of so many tokens holds of this log. Raises InputError for less than one token."""
        if tokens < 1:
            raise InputError(
                f"A window has at least 1 token, not {tokens}.", f"文脈は 1 トークン以上です（いま {tokens}）。"
            )
        starts = self._starts(tokens)
        full = [(start, end) for end, start in enumerate(starts) if start > 0]
        whole = not full
        places = full or [(0, len(starts) - 1)]
        letters, clock = self._letters, self._clock
        timed = self.minutes is not None
        return WindowRoom(
            tokens,
            _range([end + 1 - start for start, end in places]),
            _range([letters[end + 1] - letters[start] for start, end in places]),
            _range([clock[end] - clock[min(start, end)] for start, end in places]) if timed else None,
            whole,
        )

    def fitting(self, tokens: int, last: int) -> range:
        """The messages that a window of so many tokens holds where it ends with message `last` (a place, from 0)."""
        last = max(0, min(last, len(self.counts) - 1))
        left, start = tokens, last + 1
        while start > 0 and (cost := self.cost(start - 1)) <= left:
            left -= cost
            start -= 1
        return range(start, last + 1)

    def cost(self, at: int) -> int:
        """Tokens of the message at this place in a chat."""
        return self.counts[at] + self.overhead

    def table(self, heads: Sequence[str]) -> FigureTable:
        """A line for each of WINDOWS: tokens, messages, characters, pages, minutes ("" without times)."""
        rows = []
        for window in WINDOWS:
            room = self.room(window)
            minutes = round(room.minutes.middle) if room.minutes else ""
            letters = room.characters.middle
            rows.append((window, round(room.messages.middle), round(letters), round(letters / PAGE, 1), minutes))
            if room.whole:
                break
        return FigureTable("windows", tuple(heads), tuple(rows))

    def _starts(self, tokens: int) -> list[int]:
        """For each message the first one of the window that ends with it."""
        starts, start, used = [], 0, 0
        for end in range(len(self.counts)):
            used += self.cost(end)
            while used > tokens and start <= end:
                used -= self.cost(start)
                start += 1
            starts.append(start)
        return starts

    @cached_property
    def _letters(self) -> list[int]:
        return list(accumulate((len(message.text) for message in self.messages), initial=0))

    @cached_property
    def _paces(self) -> list[float]:
        """Minutes from each message to the next, 0 where nobody knows or there was a silence."""
        found = []
        for before, after in pairwise(self.messages):
            known = before.time and after.time and before.part == after.part
            minutes = (after.time - before.time).total_seconds() / 60 if known and after.time and before.time else 0.0
            found.append(minutes if 0 <= minutes <= SILENCE else 0.0)
        return found

    @cached_property
    def _clock(self) -> list[float]:
        return list(accumulate(self._paces, initial=0.0))


def measure(
    messages: Sequence[Message], tokenizer: "PreTrainedTokenizerBase", *, overhead: int = 0,
    report: Callable[[int], None] = lambda done: None,
) -> Density:  # fmt: skip
    """Count the tokens of every message. `report` gets how many are counted; what it raises ends it.

    Raises InputError where nobody says anything.
    """
    if not messages:
        raise InputError(
            "There are no words to count. Open a chat log in Data, or paste a text above.",
            "数える言葉がありません。「データ」でトーク履歴を開くか、上に文章を貼ってください。",
        )
    counts = count_texts((message.text for message in messages), tokenizer, report)
    step = max(1, len(messages) // SAMPLE)
    scripts = script_costs((message.text for message in messages[::step][:SAMPLE]), tokenizer)
    return Density(messages, counts, overhead, scripts)


def _range(values: Sequence[float]) -> WindowRange:
    if len(values) < 10:
        return WindowRange(min(values), median(values), max(values))
    tenths = quantiles(values, n=10, method="inclusive")
    return WindowRange(tenths[0], tenths[4], tenths[8])
