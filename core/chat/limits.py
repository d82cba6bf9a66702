"""How long a message may be, and how often one may ask."""

from dataclasses import dataclass, field

from core.errors import InputError
from core.limits import Counter
from core.text import Text, well_formed


def replies_counter(each: int = 0, total: int = 0) -> Counter:
    """Counts replies a minute; 0 is no limit."""
    return Counter(Text("replies a minute", "1 分間の返事"), each, total)


@dataclass
class RateLimiter:
    """The longest message (characters; 0 is no limit), and the replies a minute."""

    longest: int = 8000
    replies: Counter = field(default_factory=replies_counter)

    def check(self, text: str) -> str:
        """`text` as it may be said and stored. Raises InputError when it is longer than a message may be."""
        if self.longest and len(text) > self.longest:
            raise InputError(
                f"The message has {len(text)} characters; {self.longest} are allowed. Send it in parts.",
                f"メッセージが {len(text)} 文字あります。{self.longest} 文字までなので、分けて送ってください。",
            )
        return well_formed(text).strip()

    def acquire(self, owner: str, address: str = "") -> None:
        """Count a reply. Raises InputError, with the seconds to wait, when it is one too many."""
        self.replies.acquire(owner, address)
