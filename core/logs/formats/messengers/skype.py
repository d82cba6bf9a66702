"""Skype and Teams for private use (messages.json in a tar): every conversation, newest first."""

import html
import re

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("skype", Text("Skype, Teams (messages.json)", "Skype・Teams（messages.json）"))
TYPED = ("RichText", "Text", "RichText/Html")
SHOWN = ("RichText/Media", "RichText/UriObject", "RichText/Files", "RichText/Contacts", "RichText/Location", "PopCard")
QUOTE = re.compile(r"<quote\b(?P<about>[^>]*)>.*?</quote>", re.DOTALL)
QUOTED = re.compile(r'\bmessageid="(?P<id>[^"]+)"')
EDIT = re.compile(r"<e_m\b[^>]*?(?:/>|>.*?</e_m>)", re.DOTALL)
LINE_END = re.compile(r"<br ?/?>|</p>\s?|</div>\s?|</li>\s?")
TAG = re.compile(r"</?[A-Za-z][\w:]*\b[^>]*>")


def claims(top: Top) -> bool:
    """Conversations with a MessageList."""
    return top.has("conversations.item.MessageList")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every conversation, oldest message first. Times are those of UTC."""
    names: dict[str, str] = {}
    found: dict[int, LogConversation] = {}
    heads: dict[int, Record] = {}
    for group, head, item in source.grouped("conversations.item", "MessageList.item"):
        heads[group] = head
        found.setdefault(group, LogConversation("")).entries.append(_entry(item, names))
    owner = as_text(source.top.paths.get("userId"))
    for group, one in found.items():
        identity, name = as_text(heads[group].get("id")), as_text(heads[group].get("displayName"))
        one.name = name or identity
        if identity.startswith(("8:", "4:", "2:")) and identity != owner:  # a person; 19: is a group
            one.partner = identity
            if name:
                names[identity] = name
    return assemble(FORMAT, found.values(), hints, names=names, by_time=True, in_utc=True)


def _entry(item: JsonItem, names: dict[str, str]) -> LogEntry:
    value = as_record(item.value)
    sender, kind = as_text(value.get("from")), as_text(value.get("messagetype"))
    time, identity = written(value.get("originalarrivaltime")), as_text(value.get("id")) or None
    content = as_text(value.get("content"))
    if not sender or not kind:
        return unread(item)
    if as_text(value.get("displayName")):
        names[sender] = as_text(value["displayName"])
    words = text_of(content)
    if kind in TYPED:
        if not words:
            gone = "deletetime" in as_record(value.get("properties")) or not content
            return LogEntry(sender, words, item.place, Kind.UNSENT if gone else Kind.UNKNOWN, time, identity)
        quote = QUOTE.search(content)
        answered = QUOTED.search(quote["about"]) if quote else None
        return LogEntry(sender, words, item.place, Kind.TEXT, time, identity, answered["id"] if answered else None)
    if kind.startswith("Event/Call"):
        return LogEntry(sender, "", item.place, Kind.CALL, time, identity)
    if kind.startswith(SHOWN):
        what = Kind.STICKER if "FlikMsg" in kind or "Sticker" in kind else Kind.MEDIA
        return LogEntry(sender, words, item.place, what, time, identity)
    return LogEntry(None, words or kind, item.place, Kind.SYSTEM, time, identity)


def text_of(content: str) -> str:
    """The words in what looks like XML: without quoted messages, marks of edits and tags."""
    if "<" in content:
        content = TAG.sub("", LINE_END.sub("\n", EDIT.sub("", QUOTE.sub("", content))))
    return html.unescape(content).strip()
