"""DiscordChatExporter's pages, of its newer and of its older versions: one channel a file, oldest message first."""

import re

from core.logs.formats.discord.kinds import service_kind
from core.logs.log import Format
from core.logs.parsing.conversations import LogConversation, LogEntry
from core.logs.parsing.html_source import Attributes, PageParser
from core.messages import Kind
from core.text import Text

FORMAT = Format("discord-html", Text("Discord (HTML of DiscordChatExporter)", "Discord（DiscordChatExporter の HTML）"))
PART = re.compile(r"(?P<name>.{0,300}?)(?: \[part (?P<part>\d{1,6})\])?\.html?")
SHOWN = frozenset(("chatlog__attachment", "chatlog__embed", "chatlog__forwarded"))
TIMES = frozenset(("chatlog__timestamp", "chatlog__short-timestamp", "chatlog__system-notification-timestamp"))
ASIDE = frozenset(("chatlog__edited-timestamp", "chatlog__reply", "chatlog__reactions", "chatlog__embed"))


def claims(head: str) -> bool:
    """The exporter's names of classes."""
    return "chatlog__message" in head


class DiscordPage(PageParser):
    """One page. A group holds the messages that a person wrote in a row; its head names who."""

    def __init__(self, conversation: LogConversation, stamps: dict[int, str], sender: str | None) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.conversation, self.stamps = conversation, stamps
        self.sender = sender
        self._stamp = ""
        self._entry: LogEntry | None = None
        self._level = 0

    def opened(self, tag: str, classes: frozenset[str], attributes: Attributes) -> None:
        if "chatlog__message-group" in classes:
            self._end()
            self.sender, self._stamp = None, ""
        elif "chatlog__message-container" in classes or (
            "chatlog__message" in classes and not self.inside("chatlog__message-container")
        ):
            self._begin(attributes)
        elif classes & TIMES and not self.inside("chatlog__reply"):
            self._time(attributes.get("title", ""))
        elif classes & {"chatlog__author", "chatlog__author-name", "chatlog__system-notification-author"}:
            self.capture("author")
            self._named(attributes.get("data-user-id") or attributes.get("title", ""))
        elif "preamble__entry" in classes:
            self.capture("title")
        elif tag == "img" and "chatlog__emoji" in classes:
            self.write(_emoji(attributes.get("alt", "")))
        elif self._entry is not None:
            self._inside_message(tag, classes, attributes)

    def _inside_message(self, tag: str, classes: frozenset[str], attributes: Attributes) -> None:
        if classes & ASIDE:
            self.capture("aside")
            if "chatlog__embed" in classes:
                self._show(Kind.MEDIA)
        elif classes & {"chatlog__reply-link", "chatlog__reference-link"} or "onclick" in attributes:
            answered = re.search(r"\d{15,20}", attributes.get("onclick", "") + attributes.get("href", ""))
            if answered and self._entry is not None and self.inside("chatlog__reply"):
                self._entry.answers = answered[0]
        elif "chatlog__content" in classes and not self.inside("chatlog__embed") and not self.inside("chatlog__reply"):
            self.capture("words", verbatim=True)
        elif "chatlog__system-notification-content" in classes:
            self.capture("notice")
        elif "chatlog__sticker" in classes:
            self._show(Kind.STICKER)
        elif classes & SHOWN:
            self._show(Kind.MEDIA)

    def _begin(self, attributes: Attributes) -> None:
        self._end()
        identity = attributes.get("data-message-id") or "".join(re.findall(r"\d{15,20}", attributes.get("id", "")))
        place = len(self.conversation.entries) + 1
        self._entry = LogEntry(self.sender, "", place, Kind.UNKNOWN, None, identity or None)
        self._level = self.depth
        if self._stamp:
            self.stamps[place] = self._stamp

    def _time(self, title: str) -> None:
        if title:
            self._stamped(title)
        else:
            self.capture("time")

    def _stamped(self, stamp: str) -> None:
        self._stamp = stamp
        if self._entry is not None:
            self.stamps[self._entry.place] = stamp

    def _named(self, name: str) -> None:
        if name:
            self.sender = name
            if self._entry is not None:
                self._entry.sender = name

    def _show(self, kind: Kind) -> None:
        if self._entry is not None and self._entry.kind is Kind.UNKNOWN:
            self._entry.kind = kind

    def captured(self, name: str, text: str) -> None:
        entry = self._entry
        if name == "title":
            self.conversation.name = text or self.conversation.name
        elif name == "time":
            self._stamped(text)
        elif name == "author":
            self._named(self.sender or text)
            if self.sender and text:
                self.names[self.sender] = text
        elif entry is not None and name == "words" and text:
            kind = service_kind(text)
            entry.text, entry.kind = text, kind or Kind.TEXT
            entry.sender = None if kind is Kind.SYSTEM else entry.sender
        elif entry is not None and name == "notice":
            entry.kind, entry.text = (Kind.CALL if "call" in text else Kind.SYSTEM), text
            entry.sender = None if entry.kind is Kind.SYSTEM else entry.sender

    def closed(self, tag: str, classes: frozenset[str]) -> None:
        if self._entry is not None and self.depth < self._level:
            self._end()

    def _end(self) -> None:
        if self._entry is not None:
            self.conversation.entries.append(self._entry)
        self._entry = None


def _emoji(alt: str) -> str:
    return f":{alt}:" if alt.replace("_", "").replace("-", "").isascii() and alt.strip(":").isidentifier() else alt


def group_of(name: str) -> tuple[str, int] | None:
    """The channel that a file belongs to, by its name, and its number there."""
    match = PART.fullmatch(name)
    return (match["name"], int(match["part"] or 1)) if match else None
