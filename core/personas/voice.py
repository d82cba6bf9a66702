"""How a persona sounds when its words are read aloud."""

import math
from dataclasses import dataclass

RATES = (0.5, 2.0)
PITCHES = (0.0, 2.0)


@dataclass(frozen=True)
class ReadingVoice:
    """A voice of the browser by its name, or one of an engine; 1 is the voice's own rate and pitch."""

    name: str = ""
    """"" is left to the browser, which takes one of the persona's language."""
    rate: float = 1.0
    pitch: float = 1.0

    @classmethod
    def within(cls, name: str, rate: float | None, pitch: float | None) -> "ReadingVoice":
        """One with what cannot be brought into bounds."""

        def bounded(value: float | None, bounds: tuple[float, float]) -> float:
            return min(max(value, bounds[0]), bounds[1]) if value is not None and math.isfinite(value) else 1.0

        return cls(name.strip()[:200], bounded(rate, RATES), bounded(pitch, PITCHES))
