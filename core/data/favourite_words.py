"""Favourite words without a dictionary: stretches of letters that one person writes more often than the others.

Japanese has no spaces, so every stretch of two to six letters is a candidate. It is a word where many different
letters stand before and behind it (accessor variety); how much it is somebody's own is a log-odds ratio against the
others with a common prior. Words of Latin letters are taken whole.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SAMPLE = 10_000  # messages of each side: more would not change the first twenty
SHORTEST, LONGEST = 2, 6  # letters
LEAST = 3  # times
VARIETY = 3  # different letters before, and behind
TOP = 20
RUN = re.compile(r"[ぁ-ゖァ-ヺー一-龯々〆ヶ]+")
LATIN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’]{2,}")
# A stretch that no word looks like: it begins in the middle of a sound, or with a particle before another script, or
# ends with one behind it.
NO_WORD = re.compile(
    r"[んっゃゅょぁぃぅぇぉーンッャュョァィゥェォ]|(?![おご])[ぁ-ん]+[一-龯ァ-ヺ]|.*[一-龯ァ-ヺー][はがをにでとものへや]\Z|.*[っッ]\Z"
)


@dataclass(frozen=True, slots=True)
class Favourite:
    """A word, in how many messages it stands, and how many times as often as in the others' messages."""

    text: str
    count: int
    times: float


def favourites(own: Sequence[str], others: Sequence[str], most: int = TOP) -> tuple[Favourite, ...]:
    """The words that mark the writer of `own`, the most telling first."""
    own, others = _sample(own), _sample(others)
    mine = _counts(own)
    words = _words(own, {text: n for text, n in mine.items() if n >= LEAST})
    theirs = _counts(others, set(words))
    total, rest = len(own) or 1, len(others) or 1
    scored = [(_score(mine[text], total, theirs[text], rest), text) for text in words]
    chosen: list[str] = []
    for score, text in sorted(scored, reverse=True):
        if len(chosen) == most or score <= 0:
            break
        if not any(text in other or other in text for other in chosen):
            chosen.append(text)
    return tuple(
        Favourite(text, mine[text], round((mine[text] / total) / ((theirs[text] + 0.5) / (rest + 1)), 2))
        for text in chosen
    )


def _sample(texts: Sequence[str]) -> Sequence[str]:
    """At most SAMPLE of the texts, from all over the log."""
    step = len(texts) / SAMPLE
    return texts if step <= 1 else [texts[int(k * step)] for k in range(SAMPLE)]


def _counts(texts: Iterable[str], only: set[str] | None = None) -> Counter[str]:
    """In how many of the texts each candidate stands."""
    counted: Counter[str] = Counter()
    for text in texts:
        found = set(_candidates(text))
        counted.update(found if only is None else found & only)
    return counted


def _candidates(text: str) -> Iterator[str]:
    for run in RUN.findall(text):
        for start in range(len(run)):
            for end in range(start + SHORTEST, min(start + LONGEST, len(run)) + 1):
                yield run[start:end]
    for word in LATIN.findall(text):
        yield word.lower()


def _words(texts: Iterable[str], counts: dict[str, int]) -> list[str]:
    """The candidates in `counts` that stand between different letters, less those that are a part of a word mostly."""
    before: dict[str, set[str]] = defaultdict(set)
    behind: dict[str, set[str]] = defaultdict(set)
    for number, text in enumerate(texts):
        for run in RUN.findall(text):
            for start in range(len(run)):
                for end in range(start + SHORTEST, min(start + LONGEST, len(run)) + 1):
                    if (word := run[start:end]) in counts:
                        # At the edge of a run anything may have stood: each such place counts as another letter.
                        before[word].add(run[start - 1] if start else str(number))
                        behind[word].add(run[end] if end < len(run) else str(number))
    whole = [w for w in counts if LATIN.fullmatch(w) or min(len(before[w]), len(behind[w])) >= VARIETY]
    whole = [w for w in whole if not NO_WORD.match(w)]
    inner: dict[str, int] = defaultdict(int)  # how often a longer word holds this one
    for word in whole:
        for size in range(SHORTEST, len(word)):
            for start in range(len(word) - size + 1):
                part = word[start : start + size]
                inner[part] = max(inner[part], counts[word])
    return [word for word in whole if inner[word] < 0.7 * counts[word] or LATIN.fullmatch(word)]


def _score(mine: int, total: int, theirs: int, rest: int) -> float:
    """How sure it is that `mine` of `total` is more than `theirs` of `rest`: log-odds in standard deviations."""
    prior = (mine + theirs) / (total + rest) * 10 + 0.01
    odds = math.log((mine + prior) / (total + 10 - mine)) - math.log((theirs + prior) / (rest + 10 - theirs))
    return odds / math.sqrt(1 / (mine + prior) + 1 / (theirs + prior))
