"""Teams at work (JSON of Microsoft Graph): the messages of a chat or of a channel, newest first."""

import re

from core.logs.formats.messengers.skype import text_of
from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc_of
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("teams", Text("Teams (JSON of Microsoft Graph)", "Teams（Microsoft Graph の JSON）"))
QUOTED = re.compile(
    r'<attachment id="[^"]{1,80}">\s?</attachment>|<blockquote\b[^>]{0,200}>.{0,4000}?</blockquote>', re.DOTALL
)
EMOJI = re.compile(r'<emoji\b[^>]{0,200}?\balt="(?P<alt>[^"]{1,40})"[^>]{0,200}>')
LISTS = ("value.item", "messages.item", "item")


def claims(top: Top) -> bool:
    """Messages with a body and a time of making, as Graph names them."""
    return any(
        top.has(f"{of}.createdDateTime") and top.any(f"{of}.messageType", f"{of}.body", f"{of}.body.content")
        for of in LISTS
    )


def read(source: JsonSource, hints: Hints) -> Log:
    """The chat, oldest message first. Times are those of UTC."""
    names: dict[str, str] = {}
    where = next(of for of in LISTS if of == "item" or source.top.has(f"{of}.createdDateTime"))
    items = source.records() if where == "item" else source.items(where)
    one = LogConversation("", [_entry(item, names) for item in items])
    return assemble(FORMAT, [one], hints, names=names, by_time=True, in_utc=True)


def _entry(item: JsonItem, names: dict[str, str]) -> LogEntry:
    value = as_record(item.value)
    people = as_record(value.get("from"))
    person = as_record(people.get("user")) or as_record(people.get("application"))
    sender = as_text(person.get("id")) or as_text(person.get("displayName"))
    time, identity = utc_of(value.get("createdDateTime")), as_text(value.get("id")) or None
    words = _words(as_text(as_record(value.get("body")).get("content")))
    if value.get("messageType", "message") != "message":
        return LogEntry(None, words or as_text(value.get("messageType")), item.place, Kind.SYSTEM, time, identity)
    if not sender:
        return unread(item)
    names[sender] = as_text(person.get("displayName")) or names.get(sender, sender)
    if value.get("deletedDateTime"):
        return LogEntry(sender, words, item.place, Kind.UNSENT, time, identity)
    attached = [as_record(one) for one in as_list(value.get("attachments"))]
    answered = next((as_text(one.get("id")) for one in attached if one.get("contentType") == "messageReference"), None)
    if words:
        return LogEntry(sender, words, item.place, Kind.TEXT, time, identity, answered)
    shown = " ".join(filter(None, (as_text(one.get("name")) for one in attached)))
    kind = Kind.MEDIA if attached or "<img" in as_text(as_record(value.get("body")).get("content")) else Kind.UNKNOWN
    return LogEntry(sender, shown, item.place, kind, time, identity)


def _words(content: str) -> str:
    """The typed words of a body in HTML or in plain text."""
    return text_of(EMOJI.sub(lambda match: match["alt"], QUOTED.sub("", content)))
