"""Wrong attempts at something secret: counted by whom, so that guessing is slow."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

REMEMBERED = 10_000  # who tried; more are forgotten, the oldest first


@dataclass
class WrongAttempts:
    """The last wrong attempts of each, as far back as they count."""

    most: int
    """So many may be made within `seconds`."""
    seconds: float
    _made: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, who: str) -> int:
        """How many `who` made within `seconds`."""
        with self._lock:
            return len(self._recent(who))

    def wait(self, who: str) -> float:
        """Seconds until `who` may try again; 0 is at once."""
        with self._lock:
            made = self._recent(who)
            return made[-self.most] + self.seconds - time.monotonic() if len(made) >= self.most else 0.0

    def add(self, who: str) -> None:
        """One more wrong attempt."""
        with self._lock:
            made = self._recent(who)
            made.append(time.monotonic())
            self._made.pop(who, None)
            self._made[who] = made
            while len(self._made) > REMEMBERED:
                del self._made[next(iter(self._made))]

    def _recent(self, who: str) -> deque[float]:
        made = self._made.get(who) or deque(maxlen=max(self.most, 32))
        while made and made[0] <= time.monotonic() - self.seconds:
            made.popleft()
        return made
