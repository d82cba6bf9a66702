"""How varied a set of dialogues is: figures that tell whether two models say the same to everybody.

Pure functions over texts. Units are characters where a text is Japanese, else words.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.data.filtering import near_duplicates
from core.synth.records import DialogueRecord
from core.text import is_japanese

BLEU_ORDER = 4


@dataclass(frozen=True)
class Diversity:
    """The figures of one set of dialogues, over what its models said."""

    dialogues: int
    distinct_2: float
    self_bleu: float
    compression: float
    near_duplicates: int
    """Dialogues that are nearly the same as an earlier one."""


def diversity(records: Sequence[DialogueRecord]) -> Diversity:
    """The figures of some dialogues; a dialogue's text is all that was not given."""
    texts = ["\n".join(" ".join(turn.messages) for turn in record.turns[record.given_turns :]) for record in records]
    return Diversity(
        len(texts), distinct_n(texts, 2), self_bleu(texts), compression_ratio(texts),
        len(set(near_duplicates(list(enumerate(texts))))),
    )  # fmt: skip


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Share of the n-grams of all texts that are different (Li et al. 2016, arXiv:1510.03055); 0 without any.

    >>> distinct_n(["a b a b"], 2)
    0.6666666666666666
    """
    grams = [gram for text in texts for gram in _grams(units(text), n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU-4 of each text against all others (Zhu et al. 2018, arXiv:1802.01886): 1 where all are the same.

    Orders above one are smoothed by one (Lin and Och 2004). Takes time in proportion to the words.
    """
    spoken = [units(text) for text in texts]
    spoken = [words for words in spoken if words]
    if len(spoken) < 2:
        return 0.0
    counted = [[Counter(_grams(words, n)) for words in spoken] for n in range(1, BLEU_ORDER + 1)]
    highest = [_two_highest(counts) for counts in counted]
    return sum(_bleu(place, spoken, counted, highest) for place in range(len(spoken))) / len(spoken)


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of all texts by those they are packed to: higher is more repetitive (Shaib et al. 2024, arXiv:2403.00553).

    0 without any text.
    """
    data = "\n".join(texts).encode()
    return len(data) / len(zlib.compress(data, 9)) if data else 0.0


def coverage(records: Sequence[DialogueRecord]) -> dict[tuple[str, str], int]:
    """How many dialogues there are by (kind of user, id of the opening)."""
    return dict(Counter((record.kind, record.opening_id) for record in records))


def units(text: str) -> list[str]:
    """What a text is counted in: letters and marks of a Japanese one, words of others."""
    if is_japanese(text):
        return [letter for letter in text if not letter.isspace()]
    return re.findall(r"\w+|[^\w\s]", text.casefold())


def _grams(words: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def _two_highest(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Of each n-gram: the text that has it most often, how often, and the most that any other text has it."""
    found: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for place, counted in enumerate(counts):
        for gram, times in counted.items():
            first, most, second = found.get(gram, (-1, 0, 0))
            found[gram] = (place, times, most) if times > most else (first, most, max(second, times))
    return found


def _bleu(
    place: int, spoken: Sequence[Sequence[str]], counted: Sequence[Sequence[Counter[tuple[str, ...]]]],
    highest: Sequence[dict[tuple[str, ...], tuple[int, int, int]]],
) -> float:  # fmt: skip
    """BLEU of one text, all others being its references."""
    total = 0.0
    for n, (counts, most) in enumerate(zip(counted, highest, strict=True)):
        own = counts[place]
        matched = sum(min(times, _in_others(most[gram], place)) for gram, times in own.items())
        added = 1 if n else 0
        if matched + added == 0:
            return 0.0
        total += math.log((matched + added) / (sum(own.values()) + added)) / BLEU_ORDER
    length = len(spoken[place])
    others = (len(words) for other, words in enumerate(spoken) if other != place)
    nearest = min(others, key=lambda size: (abs(size - length), size))
    return math.exp(total + min(0.0, 1 - nearest / length))


def _in_others(most: tuple[int, int, int], place: int) -> int:
    first, times, second = most
    return second if first == place else times
