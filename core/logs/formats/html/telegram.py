"""Telegram Desktop as pages: `messages.html`, `messages2.html` and so on, oldest message first.

Times are those of the computer that exported. The next message of the same person has no name.
"""

import re
from datetime import datetime

from core.logs.log import Format
from core.logs.parsing.conversations import LogConversation, LogEntry
from core.logs.parsing.html_source import Attributes, PageParser
from core.messages import Kind
from core.text import Text

FORMAT = Format("telegram-html", Text("Telegram (HTML)", "Telegram（HTML）"))
PAGES = re.compile(r"messages(?P<part>\d*)\.html?")
STAMP = re.compile(r"(\d{2})\.(\d{2})\.(\d{4}) (\d{2}):(\d{2}):(\d{2})")
ANSWERED = re.compile(r"go_to_message(\d{1,20})")
MEDIA = frozenset(("media_wrap", "photo_wrap", "video_file_wrap", "animated_wrap", "media"))
DELETED = "Deleted Account"


def claims(head: str) -> bool:
    """Telegram's page of messages."""
    return "message default clearfix" in head or ("chat_page" in head and "message service" in head)


class TelegramPage(PageParser):
    """One page; `sender` is who wrote last on the page before."""

    def __init__(self, conversation: LogConversation, stamps: dict[int, str], sender: str | None) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.conversation = conversation
        self.sender = sender
        self._entry: LogEntry | None = None
        self._level = 0
        self._forwarded = False

    def opened(self, tag: str, classes: frozenset[str], attributes: Attributes) -> None:
        if tag == "div" and "message" in classes and ("default" in classes or "service" in classes):
            self._begin(classes, attributes)
        elif "page_header" in classes:
            self._level = 0
        elif self._entry is None:
            if {"text", "bold"} <= classes and self.inside("page_header"):
                self.capture("title")
        elif "details" in classes and self.inside("from_name"):
            self.capture("aside")
        elif "date" in classes and "title" in attributes:
            self._entry.time = self._entry.time or _moment(attributes["title"])
        elif "body" in classes and "details" in classes:
            self.capture("notice")
        elif "forwarded" in classes:
            self._forwarded = True
        elif "from_name" in classes:
            self.capture("origin" if self.inside("forwarded") else "name")
        elif "text" in classes and not self.inside("media_wrap"):
            self.capture("words")
        elif "reply_to" in classes:
            self.capture("reply")
        elif tag == "a" and self.inside("reply_to"):
            answered = ANSWERED.search(attributes.get("href", "") + attributes.get("onclick", ""))
            self._entry.answers = answered[1] if answered else None
        elif classes & MEDIA or "sticker_wrap" in classes:
            self._show(classes)

    def _begin(self, classes: frozenset[str], attributes: Attributes) -> None:
        self._end()
        number = "".join(filter(str.isdigit, attributes.get("id", "")))
        place = len(self.conversation.entries) + 1
        service = "service" in classes
        sender = None if service else self.sender if "joined" in classes else DELETED
        kind = Kind.SYSTEM if service else Kind.UNKNOWN
        self._entry = LogEntry(sender, "", place, kind, None, None if service else number or None)
        self._level, self._forwarded = self.depth, False

    def _show(self, classes: frozenset[str]) -> None:
        entry = self._entry
        if entry is not None and entry.kind in (Kind.UNKNOWN, Kind.MEDIA):
            entry.kind = Kind.STICKER if "sticker_wrap" in classes else Kind.MEDIA
        if entry is not None and "media_call" in classes:
            entry.kind = Kind.CALL

    def captured(self, name: str, text: str) -> None:
        entry = self._entry
        if name == "title":
            self.conversation.name = self.conversation.name or text
        elif entry is None:
            return
        elif name == "name" and text:
            entry.sender = self.sender = text
        elif name == "notice":
            entry.text = text
        elif name == "words" and text:
            entry.text = f"{entry.text}\n{text}" if entry.text else text
            entry.kind = Kind.MEDIA if self._forwarded else Kind.TEXT

    def closed(self, tag: str, classes: frozenset[str]) -> None:
        if self._entry is not None and self.depth < self._level:
            self._end()

    def _end(self) -> None:
        if self._entry is not None:
            self.conversation.entries.append(self._entry)
        self._entry = None


def _moment(title: str) -> datetime | None:
    match = STAMP.match(title)
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def group_of(name: str) -> tuple[str, int] | None:
    """The chat that a file belongs to, by its folder, and its number there; None for other pages."""
    match = PAGES.fullmatch(name.rpartition("/")[2])
    return (name.rpartition("/")[0], int(match["part"] or 1)) if match else None
