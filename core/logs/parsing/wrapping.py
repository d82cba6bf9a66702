"""Hard-wrapped text: lines that were broken to fit a width are joined again, others kept apart.

A line was broken there when the first word of the next line would not have fitted on it. Verse and
lists, whose lines end early, keep their line ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.messages import Message

NARROWEST = 40
FEWEST_PAIRS = 8
WIDTH_SLACK = 6  # Gutenberg's own lines vary by a few columns from one paragraph to the next


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How lines of one message go together; `width` is None when the text is not wrapped."""

    width: int | None

    def join(self, lines: Sequence[str]) -> str:
        """One text of `lines`: broken lines joined, paragraphs parted by a blank line."""
        if self.width is None:
            return "\n".join(lines)
        parts = [lines[0].rstrip()]
        for above, below in pairwise(lines):
            glue = _glue(above, below) if _broken(above, below, self.width) else "\n"
            parts.append(glue + (below.strip() if glue != "\n" else below.rstrip()))
        return "".join(parts)

    def padding(self, message: Message) -> str:
        """As many characters as the name took on the message's first line, so that its width counts."""
        return "" if self.width is None else "x" * (len(message.sender or "") + 2)


def _broken(above: str, below: str, width: int) -> bool:
    """Whether `above` was broken only because `below` would not have fitted."""
    if not above.strip() or not below.strip() or below[:1].isspace():
        return False
    word = below.split(maxsplit=1)[0]
    if not word[0].isascii() and len(word) > width // 2:
        word = word[:1]  # Japanese is broken between any two characters
    return len(above.rstrip()) + 1 + len(word) > width - WIDTH_SLACK


def _glue(above: str, below: str) -> str:
    wide = above.rstrip()[-1:] > "\u2e7f" and below.lstrip()[:1] > "\u2e7f"
    return "" if wide or (above.rstrip().endswith("--") and not above.rstrip().endswith(" --")) else " "


def wrapping(lines: Sequence[str]) -> Wrapping:
    """Whether `lines` are hard-wrapped, and at which width: where most of the lines that another
    follows are as long as a line of that width can be.
    """
    pairs = [(above, below) for above, below in pairwise(lines) if above.strip() and below.strip()]
    lengths = sorted(len(above.rstrip()) for above, _ in pairs)
    if len(pairs) < FEWEST_PAIRS:
        return Wrapping(None)
    width = lengths[int(len(lengths) * 0.98)]
    full = sum(_broken(above, below, width) for above, below in pairs)
    return Wrapping(width if width >= NARROWEST and full >= 0.7 * len(pairs) else None)
