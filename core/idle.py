"""The app ends by itself when nobody has used it for long, so that a machine that is paid by the hour can stop.

What counts is what a person does, not a page that lies open. While something is under way, as a training, nobody is
waited for: the time begins when that has ended.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)
COUNTDOWN = 300.0  # seconds before the end in which pages show it
LOOK_EVERY = 5.0


@dataclass
class IdleShutdown:
    """Counts the time since the last use, and calls `end` once it is too long."""

    seconds: float
    """0 is never."""
    is_busy: Callable[[], bool]
    end: Callable[[], object]
    clock: Callable[[], float] = time.monotonic
    _last: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.touch()

    def touch(self) -> None:
        """Somebody uses the app."""
        self._last = self.clock()

    def seconds_left(self) -> float | None:
        """Until the end; None where there is none, or not soon: see COUNTDOWN, and half of a shorter time."""
        if not self.seconds:
            return None
        left = self._last + self.seconds - self.clock()
        return max(0.0, left) if left <= min(COUNTDOWN, self.seconds / 2) else None

    def look(self) -> bool:
        """End the app where its time has come; whether it has. What is under way counts as use."""
        if self.seconds_left() is None:
            return False
        if self.is_busy():
            self.touch()
            return False
        if self.seconds_left() != 0.0:
            return False
        log.warning("nobody has used the app for %.0f minutes: it ends", self.seconds / 60)
        self.end()
        return True

    def start(self) -> None:
        """Look now and then, where there is a time."""
        if self.seconds:
            threading.Thread(target=self._go, name="idle", daemon=True).start()

    def close(self) -> None:
        self._stop.set()

    def _go(self) -> None:
        while not self._stop.wait(LOOK_EVERY) and not self.look():
            pass
