"""When the messages of a reply appear: the first as it is written, each later one after the time it takes to type."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TypingSpeed:
    """How somebody types several messages in a row (seconds)."""

    pause: float = 0.5
    """Before the first letter of the next message."""
    letters: float = 14.0
    """Typed a second; people are slower, and nobody wants to wait for them."""
    longest: float = 2.5

    @classmethod
    def of(cls, typing: float) -> "TypingSpeed":
        """That of somebody who types `typing` letters per second, within what one likes to wait; 0: unknown."""
        return cls(letters=min(30.0, max(4.0, typing)), longest=4.0) if typing else cls()

    def before(self, message: str) -> float:
        """Seconds between the message before and this one."""
        return min(self.longest, self.pause + len(message) / self.letters)


@dataclass
class TypingSimulator:
    """Shows the messages of one growing reply at their time."""

    speed: TypingSpeed
    _shown: int = 1
    _since: float = field(default=0.0)
    """When the message that was shown last was whole."""

    def shown(self, messages: Sequence[str], *, done: bool, now: float) -> list[str]:
        """The messages to be seen at `now` (seconds on any clock), the first of them still growing perhaps."""
        whole = len(messages) - (not done)
        if whole >= self._shown:
            self._since = self._since or now
        while self._shown < whole and now >= self._since + self.speed.before(messages[self._shown]):
            self._shown, self._since = self._shown + 1, now
        return list(messages[: self._shown])
