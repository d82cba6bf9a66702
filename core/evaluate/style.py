"""Whose style is it? A classifier of character n-grams, cross-validated over whole conversations.

Character n-grams know no language and need no dictionary; logistic regression on their tf-idf is the usual baseline of
authorship attribution (Stamatatos, "A Survey of Modern Authorship Attribution Methods", 2009). It is small enough to
be written here on numpy: scikit-learn would bring scipy with it, 150 MB for one function.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LONGEST_GRAM = 4
BUCKETS = 4096  # n-grams are hashed into these
STRENGTH = 10.0  # inverse of the penalty, as scikit-learn's C
STEPS = 150
FOLDS = 5
MOST = 600  # texts of a side
LEAST = 8  # texts of a side below which nothing is said
URL = re.compile(r"https?://\S+|www\.\S+")


@dataclass(frozen=True)
class StyledText:
    """A text with whose it is and of which conversation: nothing is learned and tested on the same conversation."""

    text: str
    conversation: int
    own: bool
    """Whether it is the persona's."""


class StyleClassifier:
    """How likely a text is the persona's, by the characters that it is written with."""

    def __init__(self, texts: Sequence[StyledText], names: Sequence[str] = ()) -> None:
        import numpy as np

        self._names = tuple(name for name in names if name)
        counted = self._counts([one.text for one in texts])
        held = (counted > 0).sum(0)
        self._idf = (np.log((1 + len(texts)) / (1 + held)) + 1).astype("float32")
        self._weights = _fitted(self._weighed(counted), np.asarray([one.own for one in texts], "float32"))

    def probabilities(self, texts: Sequence[str]) -> "np.ndarray":
        """For each text, how likely it is the persona's."""
        import numpy as np

        if not texts:
            return np.zeros(0)
        return _sigmoid(_with_one(self._weighed(self._counts(texts))) @ self._weights)

    def _counts(self, texts: Sequence[str]) -> "np.ndarray":
        import numpy as np

        found = np.zeros((len(texts), BUCKETS), "float32")
        for line, text in enumerate(texts):
            for gram, count in Counter(_grams(_plain(text, self._names))).items():
                found[line, zlib.crc32(gram.encode(errors="replace")) % BUCKETS] += count
        return found

    def _weighed(self, counted: "np.ndarray") -> "np.ndarray":
        import numpy as np

        weighed = np.log1p(counted) * self._idf
        return weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-9)


def cross_validated_auc(texts: Sequence[StyledText], names: Sequence[str] = ()) -> float:
    """How well texts of conversations that were not learned are told apart: 0.5 is chance, 1 always right.

    NaN where either side has fewer than `LEAST` texts, or there are fewer than two conversations.
    """
    import numpy as np

    groups = sorted({one.conversation for one in texts})
    sides = Counter(one.own for one in texts)
    if len(groups) < 2 or min(sides[True], sides[False]) < LEAST:
        return float("nan")
    shuffled = np.random.default_rng(0).permutation(groups).tolist()
    fold_of = {group: at % min(FOLDS, len(groups)) for at, group in enumerate(shuffled)}
    aucs: list[tuple[float, int]] = []
    for fold in range(min(FOLDS, len(groups))):
        learned = [one for one in texts if fold_of[one.conversation] != fold]
        asked = [one for one in texts if fold_of[one.conversation] == fold]
        if len({one.own for one in learned}) < 2 or len({one.own for one in asked}) < 2:
            continue
        given = StyleClassifier(learned, names).probabilities([one.text for one in asked])
        aucs.append((auc(given, [one.own for one in asked]), len(asked)))
    weight = sum(n for _, n in aucs)
    return sum(value * n for value, n in aucs) / weight if weight else float("nan")


def auc(scores: Iterable[float], own: Sequence[bool]) -> float:
    """The chance that one of its own scores higher than another; ties count half. NaN without one of each.

    >>> auc([0.9, 0.4, 0.4], [True, True, False])
    0.75
    """
    import numpy as np

    given, is_own = np.asarray(list(scores), float), np.asarray(own, bool)
    mine, others = given[is_own], given[~is_own]
    if not len(mine) or not len(others):
        return float("nan")
    above = (mine[:, None] > others[None]).sum() + 0.5 * (mine[:, None] == others[None]).sum()
    return float(above / (len(mine) * len(others)))


def length_matched(texts: Sequence[StyledText], most: int = MOST) -> list[StyledText]:
    """As many texts of the persona as of the others, of the same lengths, so that length alone tells nothing.

    Where hardly any are as long, the longer ones are cut to their ends.
    """
    bins: dict[int, tuple[list[StyledText], list[StyledText]]] = {}
    for one in texts:
        bins.setdefault(len(one.text).bit_length(), ([], []))[one.own].append(one)
    chosen: list[StyledText] = []
    for others, mine in bins.values():
        count = min(len(others), len(mine))
        chosen += _spread(others, count) + _spread(mine, count)
    if len(chosen) < 2 * LEAST:
        chosen = _cut_to_match(texts)
    sides = ([one for one in chosen if one.own is own] for own in (True, False))
    return [one for side in sides for one in _spread(side, min(len(side), most))]


def _cut_to_match(texts: Sequence[StyledText]) -> list[StyledText]:
    mine, others = (sorted((t for t in texts if t.own is own), key=lambda t: len(t.text)) for own in (True, False))
    count, chosen = min(len(mine), len(others)), list[StyledText]()
    for pair in zip(_spread(mine, count), _spread(others, count), strict=True):
        length = min(len(one.text) for one in pair)
        chosen += [replace(one, text=one.text[len(one.text) - length :]) for one in pair]
    return chosen


def _spread(texts: Sequence[StyledText], count: int) -> list[StyledText]:
    """`count` of them, evenly from the first to the last."""
    return [texts[k * len(texts) // count] for k in range(count)]


def _plain(text: str, names: Sequence[str]) -> str:
    """Without what tells the topic rather than the writer: links, figures, names."""
    text = URL.sub("\u0001", text)
    for name in names:
        text = text.replace(name, "\u0002")
    return f" {re.sub(r'[0-9０-９]', '0', text)} "


def _grams(text: str) -> Iterable[str]:
    return (text[at : at + n] for n in range(1, LONGEST_GRAM + 1) for at in range(len(text) - n + 1))


def _fitted(features: "np.ndarray", own: "np.ndarray") -> "np.ndarray":
    """The weights of a logistic regression with an L2 penalty, by Nesterov's gradient; the last is the constant.

    The rows of `features` have length 1, so that the curvature is at most (1 + 1) / 4.
    """
    import numpy as np

    features = _with_one(features)
    penalty = 1 / (STRENGTH * len(features))
    decay = np.full(features.shape[1], penalty, "float32")
    decay[-1] = 0
    step = 1 / (0.5 + penalty)
    weights = ahead = np.zeros(features.shape[1], "float32")
    for number in range(STEPS):
        slope = features.T @ (_sigmoid(features @ ahead) - own) / len(features) + decay * ahead
        before, weights = weights, ahead - step * slope
        ahead = weights + number / (number + 3) * (weights - before)
    return weights


def _with_one(features: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.hstack([features, np.ones((len(features), 1), "float32")])


def _sigmoid(x: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
