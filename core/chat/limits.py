"""How much one visitor may ask of a server that others use, too."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from core.errors import InputError

WINDOW = 60.0  # seconds


@dataclass
class RateLimiter:
    """The longest message (characters), and the most replies a minute for each owner; 0 is no limit."""

    longest: int = 8000
    per_minute: int = 0
    _asked: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, text: str) -> str:
        """`text` as it may be said. Raises InputError when it is longer than a message may be."""
        if self.longest and len(text) > self.longest:
            raise InputError(
                f"The message has {len(text)} characters; {self.longest} are allowed. Send it in parts.",
                f"メッセージが {len(text)} 文字あります。{self.longest} 文字までなので、分けて送ってください。",
            )
        return text.strip()

    def acquire(self, owner: str) -> None:
        """Count a reply for `owner`. Raises InputError, with the seconds to wait, when it is one too many."""
        if not self.per_minute:
            return
        now = time.monotonic()
        with self._lock:
            for other in [who for who, asked in self._asked.items() if asked[-1] < now - WINDOW]:
                del self._asked[other]
            asked = self._asked.setdefault(owner, deque(maxlen=self.per_minute))
            wait = asked[0] + WINDOW - now if len(asked) == self.per_minute else 0
            if wait > 0:
                raise InputError(
                    f"{self.per_minute} replies a minute are allowed here. Go on in {wait:.0f} seconds.",
                    f"ここでは 1 分に {self.per_minute} 回まで返事をもらえます。あと {wait:.0f} 秒待ってください。",
                )
            asked.append(now)
