"""Looking for words in talks: as a person types them, two Japanese characters as well as a word.

All of the words asked for have to be on the page of a talk, in its title or anywhere in what was said; how they are
written (width, case, hiragana or katakana) makes no difference.
"""

from dataclasses import dataclass

from core.chat.conversation import Conversation
from core.text import normalize_for_match

WEIGHED = 20_000_000  # characters of talks that are kept ready to be searched
AROUND = 24  # characters shown on either side of what was found
BETWEEN = "\n"
"""Between messages: no word asked for holds one."""


@dataclass(frozen=True)
class TalkHit:
    """A talk in which the words were found."""

    id: str
    excerpt: str
    """The place where the first of them stands, on one line; "" where only the title holds them."""
    message: int
    """The number of that message on the page, or -1."""


@dataclass(frozen=True)
class SearchText:
    """A talk as it is searched."""

    id: str
    title: str
    messages: tuple[str, ...]
    normalized: str
    """The messages for matching, each on its line, behind the title's."""

    @classmethod
    def of(cls, talk: Conversation) -> "SearchText":
        messages = tuple(" ".join(text.split()) for node in talk.path for text in node.messages)
        lines = (" ".join(normalize_for_match(text).split()) for text in (talk.title, *messages))
        return cls(talk.id, talk.title, messages, BETWEEN.join(lines))

    def __len__(self) -> int:
        return len(self.normalized) + 1

    def hit(self, wanted: str) -> TalkHit | None:
        """Where the words of `wanted` stand; None where one of them is missing, or there are none."""
        words = normalize_for_match(wanted).split()
        if not words or not all(word in self.normalized for word in words):
            return None
        spoken = self.normalized.index(BETWEEN) if self.messages else len(self.normalized)
        places = [(at, word) for word in words if (at := self.normalized.find(word, spoken)) >= 0]
        if not places:
            return TalkHit(self.id, "", -1)
        at, word = min(places)
        begin = self.normalized.rindex(BETWEEN, 0, at) + 1
        end = self.normalized.find(BETWEEN, at)
        message = self.normalized.count(BETWEEN, 0, at) - 1
        length = (end if end >= 0 else len(self.normalized)) - begin
        return TalkHit(self.id, _excerpt(self.messages[message], (at - begin) / max(length, 1), len(word)), message)


def _excerpt(text: str, share: float, length: int) -> str:
    """What stands around the place at that share of `text`: a text for matching is about as long as the text."""
    at = round(share * len(text))
    first, last = max(0, at - AROUND), min(len(text), at + length + AROUND)
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"
