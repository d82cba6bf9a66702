"""Element (JSON): the events of a Matrix room, as its export writes them."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("element", Text("Element, Matrix (JSON)", "Element・Matrix（JSON）"))
TYPED = ("m.text", "m.emote")
SHOWN = ("m.image", "m.video", "m.audio", "m.file", "m.location")


def claims(top: Top) -> bool:
    """Events with a sender and the time at its server."""
    return top.has("messages.item.origin_server_ts", "messages.item.sender", "messages.item.type")


def read(source: JsonSource, hints: Hints) -> Log:
    """The room; an edit stands in the place of what it edits. Times are those of UTC."""
    entries: dict[str, LogEntry] = {}
    for item in source.items("messages.item"):
        value = as_record(item.value)
        about = as_record(as_record(value.get("content")).get("m.relates_to"))
        edited = as_text(about.get("event_id")) if about.get("rel_type") == "m.replace" else ""
        if edited in entries:
            new = as_text(as_record(as_record(value.get("content")).get("m.new_content")).get("body"))
            entries[edited].text = new or entries[edited].text
            continue
        entries[as_text(value.get("event_id")) or str(item.place)] = _entry(item)
    return assemble(FORMAT, [LogConversation("", list(entries.values()))], hints, in_utc=True)


def _entry(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    content, sender = as_record(value.get("content")), as_text(value.get("sender"))
    time, identity = utc(value.get("origin_server_ts")), as_text(value.get("event_id")) or None
    if not sender:
        return unread(item)
    name = sender.removeprefix("@").partition(":")[0] or sender
    kind = as_text(value.get("type"))
    if kind == "m.sticker":
        return LogEntry(name, as_text(content.get("body")), item.place, Kind.STICKER, time, identity)
    if kind != "m.room.message":
        return LogEntry(None, kind, item.place, Kind.SYSTEM, time, identity)
    what, words = as_text(content.get("msgtype")), as_text(content.get("body"))
    if not what:  # it was taken back
        return LogEntry(name, "", item.place, Kind.UNSENT, time, identity)
    answered = as_text(as_record(as_record(content.get("m.relates_to")).get("m.in_reply_to")).get("event_id")) or None
    if what in TYPED:
        return LogEntry(name, _own(words) if answered else words, item.place, Kind.TEXT, time, identity, answered)
    return LogEntry(name, words, item.place, Kind.MEDIA if what in SHOWN else Kind.SYSTEM, time, identity)


def _own(words: str) -> str:
    """A reply without the lines that quote what it answers."""
    lines = words.split("\n")
    at = next((n for n, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[at:]).strip("\n") if at else words
