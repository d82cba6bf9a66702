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
TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][\w:]{0,40})(?P<about>[^<>]*)>")
QUOTED = re.compile(r'\bmessageid="(?P<id>[^"]+)"')
NOT_TYPED = ("quote", "e_m")  # a quoted message; the mark of an edit
LINE_END = re.compile(r"<br ?/?>|</p>\s?|</div>\s?|</li>\s?")


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
        quote = next((tag for tag in TAG.finditer(content) if tag["name"] == "quote" and not tag["close"]), None)
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
    kept, end, opened = [], 0, None
    content = LINE_END.sub("\n", content)
    for tag in TAG.finditer(content):
        kept.append(content[end : tag.start()])
        end = tag.end()
        if tag["name"] not in NOT_TYPED or tag["about"].endswith("/"):
            continue
        if not tag["close"]:
            opened = (tag["name"], len(kept)) if opened is None else opened
        elif opened is not None and opened[0] == tag["name"]:
            del kept[opened[1] :]
            opened = None
    return html.unescape("".join((*kept, content[end:]))).strip()
