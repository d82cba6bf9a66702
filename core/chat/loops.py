"""Replies that go round in circles: the same words again and again, or the same reply as before.

Small models fall into loops that no penalty ends, so a loop is noticed while it is written and stopped.
What people write on purpose is none: laughter, drawn-out vowels, rows of marks, a word said five times.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from core.text import wording_similarity

LONGEST_PERIOD = 128  # characters
LEAST_COPIES = 3
LEAST_COVER = 40  # characters that the copies take together; 390,000 messages of people have none at 24
# Laughter, vowels and marks may run on; past this nobody reads them.
LEAST_COVER_OF_NOISE = 240
NOISE = re.compile(r"[\W_ー~wWｗＷ笑草爆ぁ-ぉあ-おァ-オはひふへほハヒフヘホxXhHaAeEoO8５５5kK哈呵ㅋㅎㅠㅜ]+")

SENTENCE = re.compile(r"[^。．.!?！？\n]+[。．.!?！？\n]*")
SENTENCE_ENDS = tuple("。．.!?！？\n")
SHORTEST_SENTENCE = 8  # letters; no message of the same 390,000 says a sentence of 6 three times

ALIKE = 0.9
COMPARED = 1000  # characters from the beginning: comparing takes the square of them
SHORTEST_TO_COMPARE = 12  # characters: people do say うん and ok again


@dataclass(frozen=True)
class Loop:
    """The part of a text that repeats itself: where it begins, and how long one round is (characters)."""

    start: int
    period: int

    def cut(self, text: str) -> str:
        """`text` with one round left."""
        return text[: self.start + self.period].rstrip()


def find_loop(text: str) -> Loop | None:
    """The loop that `text` ends in, or None. Looks at the end only: ask while the text grows.

    Either one unit follows on itself, or a sentence is said for the third time, whatever stands between.
    """
    return _unbroken(text) or _with_rests(text)


def _unbroken(text: str) -> Loop | None:
    for period in range(1, min(LONGEST_PERIOD, len(text) // LEAST_COPIES) + 1):
        unit = text[-period:]
        cover = LEAST_COVER_OF_NOISE if NOISE.fullmatch(unit) else LEAST_COVER
        most = max(LEAST_COPIES, -(-cover // period))
        if len(text) >= period * most and text.endswith(unit * most):
            start = len(text) - period * most
            while text[max(0, start - period) : start] == unit:
                start -= period
            return Loop(start, period)
    return None


def _with_rests(text: str) -> Loop | None:
    """The newest whole sentence, where it is the same as two before it."""
    sentences = [sentence for sentence in SENTENCE.finditer(text) if sentence[0].endswith(SENTENCE_ENDS)]
    last = _plain(sentences[-1][0]) if sentences else ""
    if len(last) < SHORTEST_SENTENCE or NOISE.fullmatch(last):
        return None
    same = [sentence for sentence in sentences if _plain(sentence[0]) == last]
    if len(same) < LEAST_COPIES:
        return None
    return Loop(same[0].start(), same[1].start() - same[0].start())


def says_again(text: str, before: Iterable[str]) -> bool:
    """Whether `text` is nearly word for word one of the replies `before` it."""
    words = _plain(text[: 2 * COMPARED])
    if len(words) < SHORTEST_TO_COMPARE:
        return False
    others = (_plain(other[: 2 * COMPARED])[:COMPARED] for other in before)
    return any(wording_similarity(words[:COMPARED], other, ALIKE) >= ALIKE for other in others)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
