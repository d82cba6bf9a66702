"""Agnai: one chat with a character."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc, written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("agnai", Text("Agnai", "Agnai"))


def claims(top: Top) -> bool:
    """Messages with `msg`."""
    return top.has("messages.item.msg")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every message; a character without a name of its own has that of the chat."""
    character = as_text(source.top.paths.get("name")) or "assistant"
    entries = [_entry(item, character) for item in source.items("messages.item")]
    return assemble(FORMAT, [LogConversation("", entries, character)], hints)


def _entry(item: JsonItem, character: str) -> LogEntry:
    value = as_record(item.value)
    words = value.get("msg")
    if not isinstance(words, str):
        return unread(item)
    sender = as_text(value.get("handle")) or ("user" if value.get("userId") else character)
    time = written(value.get("createdAt")) or utc(value.get("createdAt"))
    if value.get("system") is True or value.get("ooc") is True:
        return LogEntry(None, words, item.place, Kind.SYSTEM, time)
    return LogEntry(sender, words, item.place, Kind.TEXT if words.strip() else Kind.UNKNOWN, time)
