"""A ranking with intervals, which says "no clear winner" where there is none.

The unit is the conversation, never the reply: replies of one conversation are alike, and intervals that count each of
them are too narrow (Miller, "Adding Error Bars to Evals", 2024, arXiv:2411.00640). Every candidate is measured on the
same conversations, so that differences are paired. The bootstrap draws conversations, is studentised, as percentile
intervals are too narrow for 30 of them, and symmetric (Hall, "On Symmetric Bootstrap Confidence Intervals", 1988): with
conversations of very different length, 95 % of its intervals hold the truth, and 92 % of those with unequal ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

FEWEST = 30
"""Conversations below which nobody wins."""
RESAMPLES = 2_000
LEVEL = 0.95
ERROR = 0.04  # how often two that are alike may get a winner: below 5 %, with room for the chance of the resamples


@dataclass(frozen=True)
class Scores:
    """What one candidate got on each conversation."""

    name: str
    amounts: tuple[float, ...]
    """A conversation each: bits for its words, say. Fewer are better."""
    complexity: int = 0
    """An adapter's rank, say, 0 for the base: of those that are equally good, the simplest is recommended."""
    barred: str = ""
    """Why it may not win whatever its score, as for loops; "" where nothing is wrong."""


@dataclass(frozen=True)
class Comparison:
    """The leader against another: how much more the other has for each unit of size."""

    difference: float
    low: float
    high: float
    """The ends of its 95 % interval."""
    p: float
    """How often so large a difference would come up between two that are alike; Holm's, for all comparisons."""


@dataclass(frozen=True)
class RankedScores:
    """One candidate's line."""

    scores: Scores
    value: float
    """Amount for each unit of size."""
    low: float
    high: float
    """The ends of its 95 % interval, of this candidate alone."""
    best: float
    """The share of the resamples in which it is the best of those that may win."""
    behind: Comparison | None
    """Against the leader; None for the leader itself, and where conversations are too few or nothing leads."""


@dataclass(frozen=True)
class Ranking:
    """All candidates, the best value first, those that may not win last."""

    standings: tuple[RankedScores, ...]
    conversations: int
    winner: str
    """Who is better than each of the others beyond doubt; "" where nobody is."""
    recommended: str
    """The simplest of those within one standard error of the leader; "" where nobody may win."""

    @property
    def too_few(self) -> bool:
        """Whether there are too few conversations for anybody to win."""
        return self.conversations < FEWEST


def rank(candidates: Sequence[Scores], sizes: Sequence[float], *, seed: int = 0) -> Ranking:
    """Rank `candidates` by amount for each unit of `sizes` (UTF-8 bytes of the persona's words, say).

    Both hold a number for each conversation, in the same order. The same seed gives the same ranking. Raises InputError
    where the numbers do not belong together, or a conversation has no size.
    """
    import numpy as np

    _check(candidates, sizes)
    if not candidates:
        return Ranking((), len(sizes), "", "")
    size = np.asarray(sizes, float)
    amounts = np.asarray([one.amounts for one in candidates], float)
    counts = _resampled(len(size), seed)
    values = amounts.sum(1) / size.sum()
    free = [k for k, one in enumerate(candidates) if not one.barred]
    best = np.zeros(len(candidates))
    if free:
        drawn = (counts @ amounts[free].T) / (counts @ size)[:, None]
        best[free] = np.bincount(drawn.argmin(1), minlength=len(free)) / len(drawn)
    order = sorted(range(len(candidates)), key=lambda k: (bool(candidates[k].barred), values[k], k))
    lead = order[0] if free and len(size) > 1 else None
    others = [k for k in order if k != lead]
    against = {} if lead is None else {k: _Difference(amounts[k] - amounts[lead], size, counts) for k in others}
    adjusted = dict(zip(against, holm([one.p for one in against.values()]), strict=True))
    standings = []
    for k in order:
        own, behind = _Difference(amounts[k], size, counts), None
        if k in against:
            behind = Comparison(against[k].value, *against[k].interval(), adjusted[k])
        low, high = own.interval() if len(size) > 1 else (float("-inf"), float("inf"))
        standings.append(RankedScores(candidates[k], float(values[k]), low, high, float(best[k]), behind))
    rivals = [k for k in others if k in free]
    clear = lead is not None and bool(rivals) and len(size) >= FEWEST and all(adjusted[k] <= ERROR for k in rivals)
    near = [] if lead is None else [lead, *(k for k in rivals if against[k].value <= against[k].error)]
    simplest = min(near, key=lambda k: (candidates[k].complexity, values[k])) if near else None
    return Ranking(
        tuple(standings), len(size), candidates[lead].name if clear and lead is not None else "",
        "" if simplest is None else candidates[simplest].name,
    )  # fmt: skip


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979): for so many comparisons at once."""
    order = sorted(range(len(p)), key=p.__getitem__)
    adjusted, least = [0.0] * len(p), 0.0
    for rank_, at in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank_) * p[at]))
        adjusted[at] = least
    return adjusted


class _Difference:
    """Σ amounts / Σ sizes of the conversations, with its studentised bootstrap."""

    def __init__(self, amounts: "np.ndarray", sizes: "np.ndarray", counts: "np.ndarray") -> None:
        import numpy as np

        self.value, self.error = (float(one[0]) for one in _ratio(amounts, sizes, np.ones((1, len(sizes)))))
        values, errors = _ratio(amounts, sizes, counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._t = np.nan_to_num((values - self.value) / errors, nan=0.0)

    @property
    def p(self) -> float:
        """Of no difference, two-sided."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 1 / (len(self._t) + 1)
        return float((1 + (abs(self._t) >= abs(self.value / self.error)).sum()) / (len(self._t) + 1))

    def interval(self) -> tuple[float, float]:
        import numpy as np

        half = float(np.quantile(abs(self._t), LEVEL)) * self.error
        return self.value - half, self.value + half


def _ratio(amounts: "np.ndarray", sizes: "np.ndarray", counts: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Ratio and its standard error for each line of `counts`: how often each conversation is in it.

    The error is that of a ratio estimator (Cochran, "Sampling Techniques", 1977, §6.4), from the residuals.
    """
    import numpy as np

    number = counts.sum(1)
    total = counts @ sizes
    ratio = (counts @ amounts) / total
    squares = counts @ amounts**2 - 2 * ratio * (counts @ (amounts * sizes)) + ratio**2 * (counts @ sizes**2)
    scale = np.divide(number, number - 1, out=np.zeros_like(number, dtype=float), where=number > 1)
    return ratio, np.sqrt(scale * np.maximum(squares, 0)) / total


@lru_cache(maxsize=4)
def _resampled(conversations: int, seed: int) -> "np.ndarray":
    """(RESAMPLES, conversations): how often each is drawn, with replacement."""
    import numpy as np

    chance = np.random.default_rng(seed)
    return chance.multinomial(conversations, [1 / conversations] * conversations, RESAMPLES).astype(float)


def _check(candidates: Sequence[Scores], sizes: Sequence[float]) -> None:
    if not sizes:
        raise InputError("There is no conversation to measure with. Choose a data set with held-out rows.",
                         "測るための会話がありません。検証用の行があるデータセットを選んでください。")  # fmt: skip
    if min(sizes) <= 0:
        raise InputError(f"Conversation {list(sizes).index(min(sizes)) + 1} has nothing to measure.",
                         f"{list(sizes).index(min(sizes)) + 1} 番目の会話には測るものがありません。")  # fmt: skip
    for one in candidates:
        if len(one.amounts) != len(sizes):
            raise InputError(
                f"“{one.name}” was measured on {len(one.amounts)} of {len(sizes)} conversations. Measure again.",
                f"「{one.name}」が測られたのは {len(sizes)} 件中 {len(one.amounts)} 件の会話です。測り直してください。",
            )
