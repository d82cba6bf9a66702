"""How far a judge agrees with a person: weighted kappa with an interval."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2000
SHARE_OUTSIDE = 0.05


@dataclass(frozen=True)
class Agreement:
    """Quadratic weighted kappa (Cohen 1968), and its 95 % interval by bootstrap (Efron 1979) over the dialogues."""

    kappa: float
    low: float
    high: float
    dialogues: int


def agreement(one: Sequence[int], other: Sequence[int], *, seed: int = 0) -> Agreement | None:
    """Of two lists of scores of the same dialogues; None where kappa is not defined: nobody's scores differ."""
    kappa = weighted_kappa(one, other)
    if kappa is None:
        return None
    draw, pairs = random.Random(seed), list(zip(one, other, strict=True))
    drawn: list[float] = []
    for _ in range(RESAMPLES):
        again = draw.choices(pairs, k=len(pairs))
        found = weighted_kappa([a for a, _ in again], [b for _, b in again])
        if found is not None:
            drawn.append(found)
    drawn.sort()
    edge = int(len(drawn) * SHARE_OUTSIDE / 2)
    return Agreement(kappa, drawn[edge], drawn[-1 - edge], len(pairs))


def weighted_kappa(one: Sequence[int], other: Sequence[int]) -> float | None:
    """1 less the mean squared difference over the one that chance would give; None where that is 0.

    >>> weighted_kappa([0, 1, 2, 3], [0, 1, 2, 3]), weighted_kappa([0, 4], [4, 0])
    (1.0, -1.0)
    """
    if not one:
        return None
    seen = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / len(one)
    chance = sum((a - b) ** 2 for a in one for b in other) / len(one) ** 2
    return 1 - seen / chance if chance else None
