"""Messenger and Instagram as pages: `message_1.html` in a folder a thread, newest message first.

Each message is a box with the name, the words and the time, known by the classes of its parts; their names are
Meta's own and change every few years.
"""

import re

from core.logs.formats.messengers.meta import CALL, MACHINE, once_where_edited
from core.logs.log import Format
from core.logs.parsing.conversations import LogConversation, LogEntry
from core.logs.parsing.html_source import Attributes, PageParser
from core.messages import Kind
from core.text import Text

FORMAT = Format("meta-html", Text("Messenger, Instagram (HTML)", "Messenger・Instagram（HTML）"))
PAGES = re.compile(r"message_(?P<part>\d{1,6})\.html?")
BOXES = frozenset(("_a6-g", "_2lej"))
NAMES = frozenset(("_a6-h", "_2lek"))
WORDS = frozenset(("_a6-p", "_2let"))
TIMES = frozenset(("_a6-o", "_2lem"))
REACTIONS = frozenset(("_a6-q",))
SHOWN = ("img", "video", "audio")


def claims(head: str) -> bool:
    """Boxes of messages, of this or an older form."""
    return ("_a6-g" in head and "_a6-o" in head) or ("_2lej" in head and "_2lem" in head)


class MetaPage(PageParser):
    """One page of a thread."""

    def __init__(self, conversation: LogConversation, stamps: dict[int, str], sender: str | None) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.conversation, self.stamps, self.sender = conversation, stamps, sender
        self._entry: LogEntry | None = None
        self._level = 0
        self._shown = False

    def opened(self, tag: str, classes: frozenset[str], attributes: Attributes) -> None:
        if tag == "title" and not self.conversation.name:
            self.capture("title")
        elif classes & BOXES:
            self._end()
            self._entry = LogEntry(None, "", len(self.conversation.entries) + 1, Kind.UNKNOWN)
            self._level, self._shown = self.depth, False
        elif self._entry is None:
            return
        elif classes & TIMES:
            self.capture("time")
        elif classes & WORDS:
            self.capture("words")
        elif classes & REACTIONS or tag == "ul":
            self.capture("reactions")
        elif classes & NAMES:
            self.capture("name")
        elif tag in SHOWN:
            self._shown = True

    def captured(self, name: str, text: str) -> None:
        entry = self._entry
        if name == "title":
            self.conversation.name = text
        elif entry is None:
            return
        elif name == "name":
            entry.sender = text or None
        elif name == "words":
            entry.text = text
        elif name == "time":
            self.stamps[entry.place] = text

    def closed(self, tag: str, classes: frozenset[str]) -> None:
        if self._entry is not None and self.depth < self._level:
            self._end()

    def _end(self) -> None:
        entry = self._entry
        self._entry = None
        if entry is None or (not entry.text and entry.place not in self.stamps):
            return  # a box of the page's own, as the list of who takes part
        entry.kind = self._kind(entry.text)
        if entry.kind is Kind.SYSTEM:
            entry.sender = None
        self.conversation.entries.append(entry)

    def _kind(self, words: str) -> Kind:
        if CALL.fullmatch(words):
            return Kind.CALL
        if MACHINE.fullmatch(words):
            return Kind.MEDIA if self._shown else Kind.SYSTEM
        return Kind.TEXT if words else Kind.MEDIA if self._shown else Kind.UNKNOWN


def finish(conversation: LogConversation) -> None:
    """What is left to do when all entries have their times."""
    once_where_edited(conversation.entries)


def group_of(name: str) -> tuple[str, int] | None:
    """The thread that a file belongs to, by its folder, and its number there; None for other pages."""
    match = PAGES.fullmatch(name.rpartition("/")[2])
    return (name.rpartition("/")[0], int(match["part"])) if match else None
