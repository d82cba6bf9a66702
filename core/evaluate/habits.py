"""How replies are written, against how the persona really writes: lengths, bursts, endings, "I", emoji, questions.

Each habit is a distribution; the gap of two is their Jensen–Shannon distance (square root of the divergence in bits): 0
for the same, 1 for nothing in common. Two samples of one writer differ too, so a gap means something only beside the
one between two halves of the real replies.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2, sqrt

from core.data.profile import BURSTS, EMOJI, KAOMOJI, LENGTHS, end_of
from core.evaluate.replies import WrittenReply

HABITS = ("length", "burst", "ending", "first_person", "emoji", "question")
# The longer ones first: 私たち is nobody's way to say I.
FIRST_PERSON = re.compile(
    r"(?:わたし|わたくし|あたし|私|ぼく|僕|ボク|おれ|俺|オレ|うち|自分|わし|儂|拙者|我輩|吾輩)"
    r"(?![たら]ち)(?=[はがもをのにでとへっ、 ]|$)"
    r"|\b(?:I|me|my|mine|myself)\b|\bi(?=['’ ]|$)",
)
QUESTION = re.compile(r"[?？]\s*\Z|(?:ですか|ますか|かな|の？)[。！!〜~笑w]*\Z")


@dataclass(frozen=True)
class Gap:
    """One habit's distance from the real replies."""

    habit: str
    distance: float
    """Jensen–Shannon, 0 to 1."""
    expected: float
    """The same between two halves of the real replies: below it, nothing is wrong."""


def gaps(written: Sequence[WrittenReply], real: Sequence[WrittenReply]) -> tuple[Gap, ...]:
    """The gap of each habit; empty where either side has no words."""
    if not any(one.messages for one in written) or not any(one.messages for one in real):
        return ()
    halves = real[::2], real[1::2]
    found = []
    for habit in HABITS:
        count = _COUNTERS[habit]
        expected = jensen_shannon(count(halves[0]), count(halves[1])) if len(real) > 1 else 0.0
        found.append(Gap(habit, jensen_shannon(count(written), count(real)), expected))
    return tuple(found)


def jensen_shannon(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """The distance of two distributions, given as counts; 0 where either is empty.

    >>> jensen_shannon({"a": 2}, {"a": 5}), jensen_shannon({"a": 1}, {"b": 1})
    (0.0, 1.0)
    """
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        return 0.0
    divergence = 0.0
    for key in {*one, *other}:
        shares = one.get(key, 0) / totals[0], other.get(key, 0) / totals[1]
        middle = sum(shares) / 2
        divergence += sum(share / 2 * log2(share / middle) for share in shares if share)
    return sqrt(max(0.0, min(1.0, divergence)))


def _lengths(replies: Sequence[WrittenReply]) -> Counter[str]:
    return Counter(str(bisect_right(LENGTHS, len(text))) for one in replies for text in one.messages)


def _bursts(replies: Sequence[WrittenReply]) -> Counter[str]:
    return Counter(str(min(len(one.messages), BURSTS[-1])) for one in replies if one.messages)


def _endings(replies: Sequence[WrittenReply]) -> Counter[str]:
    return Counter("|".join(end_of(text)) for one in replies for text in one.messages)


def _first_person(replies: Sequence[WrittenReply]) -> Counter[str]:
    return Counter(word.casefold() for one in replies for word in FIRST_PERSON.findall(one.text) or [""])


def _emoji(replies: Sequence[WrittenReply]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in replies:
        for text in one.messages:
            found["emoji" if EMOJI.search(text) else "kaomoji" if KAOMOJI.search(text) else "none"] += 1
    return found


def _questions(replies: Sequence[WrittenReply]) -> Counter[str]:
    return Counter(str(bool(QUESTION.search(text))) for one in replies for text in one.messages)


_COUNTERS: dict[str, Callable[[Sequence[WrittenReply]], Counter[str]]] = {
    "length": _lengths, "burst": _bursts, "ending": _endings, "first_person": _first_person, "emoji": _emoji,
    "question": _questions,
}  # fmt: skip
