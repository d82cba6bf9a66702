"""What goes wrong in generated replies whoever they are to sound like: loops, sameness, no end, copies of the rows."""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.chat.loops import find_loop, says_again
from core.evaluate.replies import Occasion, WrittenReply

COPIED = 20  # characters in a row that also stand in a training reply
MOST_LEARNED = 2_000_000  # characters of training replies that are looked through


@dataclass(frozen=True)
class Degeneration:
    """Shares of a candidate's replies, and figures of all of them together. NaN where nothing was said."""

    loops: float
    """Share that goes round in circles, or says one of the three replies before again."""
    distinct_1: float
    """Different characters over characters, of as much text as of every other candidate."""
    distinct_2: float
    """The same of pairs of characters."""
    compression: float
    """Size after zlib over size before, of the same text: small where replies repeat each other."""
    ended: float
    """Share that the model ended by itself."""
    copied: float
    """Share that holds 20 characters in a row of a training reply, which nobody had said in the talk before."""


def degeneration(
    replies: Sequence[WrittenReply], occasions: Sequence[Occasion], learned: "LearnedText", size: int
) -> Degeneration:
    """The figures of a candidate; `size` are the characters of text that are compared (`equal_size`)."""
    said = [one.text for one in replies]
    if not said:
        return Degeneration(*[float("nan")] * 6)
    looped = sum(loops(text, said[max(0, at - 3) : at]) for at, text in enumerate(said))
    sample = "\n".join(said)[:size]
    copied = sum(learned.holds(text, one) for text, one in zip(said, occasions, strict=True))
    return Degeneration(
        looped / len(said), distinct(sample, 1), distinct(sample, 2), compression_ratio(sample),
        sum(one.finished for one in replies) / len(said), copied / len(said),
    )  # fmt: skip


def loops(text: str, before: Sequence[str] = ()) -> bool:
    """Whether a reply goes round in circles anywhere in it, or says one `before` again."""
    # A loop is noticed where it ends, so it is looked for at every line's end and at the text's own.
    ends = [at.start() for at in re.finditer(r"\n", text)] + [len(text)]
    return any(find_loop(text[:end]) for end in ends) or says_again(text, before)


def equal_size(candidates: Iterable[Sequence[WrittenReply]]) -> int:
    """Characters that every candidate has said: distinct-n and compression depend on how much there is."""
    return min((len("\n".join(one.text for one in replies)) for replies in candidates), default=0)


def distinct(text: str, n: int) -> float:
    """Different n-grams of characters over all of them (Li et al. 2016); NaN for a shorter text.

    >>> distinct("aaaa", 1), distinct("abcd", 2)
    (0.25, 1.0)
    """
    grams = [text[at : at + n] for at in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else float("nan")


def compression_ratio(text: str) -> float:
    """Size after zlib over size before, in UTF-8 bytes; NaN for no text."""
    data = text.encode()
    return len(zlib.compress(data, 9)) / len(data) if data else float("nan")


class LearnedText:
    """The replies that were trained on: whether a text holds a stretch of one."""

    def __init__(self, replies: Iterable[str], stretch: int = COPIED) -> None:
        self._stretch, self._seen, room = stretch, set(), MOST_LEARNED
        for reply in replies:
            text = _plain(reply)[:room]
            room -= len(text)
            self._seen.update(hash(text[at : at + stretch]) for at in range(len(text) - stretch + 1))
            if room <= 0:
                break

    def holds(self, text: str, occasion: Occasion) -> bool:
        """Whether `text` has a stretch of a training reply that does not stand in the talk before it."""
        plain, before = _plain(text), _plain("\n".join(m for turn in occasion.turns for m in turn.messages))
        stretches = (plain[at : at + self._stretch] for at in range(len(plain) - self._stretch + 1))
        return any(hash(one) in self._seen and one not in before for one in stretches)


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()
