"""How long people were silent: silences counted on a log axis, and the gaps that one can choose between."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WEEK = 7 * 24 * 60  # minutes
GAP_STEPS = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, 2880, 4320, WEEK)  # minutes
SHORTEST, LONGEST, BINS = 0.5, 2 * WEEK, 38


@dataclass(frozen=True)
class GapHistogram:
    """Silences by length, in BINS classes of equal width on a log axis; longer and shorter ones at the ends."""

    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, minutes: Iterable[float]) -> "GapHistogram":
        """Count silences, given in minutes; an empty histogram for none."""
        counts = [0] * BINS
        for gap in minutes:
            counts[min(int(axis_position(gap) * BINS), BINS - 1)] += 1
        return cls(tuple(counts)) if any(counts) else cls()

    def __bool__(self) -> bool:
        return bool(self.counts)


def nearest_step(minutes: float) -> int:
    """The place in GAP_STEPS of the step closest to `minutes`."""
    return min(range(len(GAP_STEPS)), key=lambda i: abs(math.log(GAP_STEPS[i] / minutes)))


def axis_position(minutes: float) -> float:
    """Where a silence lies on the axis, from 0 to 1."""
    inside = min(max(minutes, SHORTEST), LONGEST)
    return math.log(inside / SHORTEST) / math.log(LONGEST / SHORTEST)
