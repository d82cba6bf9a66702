"""Claude (conversations.json): a list of conversations with their messages."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("claude", Text("Claude (conversations.json)", "Claude（conversations.json）"))
ROLES = {"human": "user", "assistant": "assistant"}


def claims(top: Top) -> bool:
    """Conversations with `chat_messages`."""
    return top.has("item.chat_messages")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every conversation. Times are those of UTC."""
    found: dict[int, LogConversation] = {}
    for group, head, item in source.grouped("item", "chat_messages.item"):
        one = found.setdefault(group, LogConversation(as_text(head.get("name"))))
        one.entries.append(_entry(item))
    return assemble(FORMAT, found.values(), hints, in_utc=True)


def _entry(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    sender = ROLES.get(as_text(value.get("sender")))
    if sender is None:
        return unread(item)
    parts = [as_record(part) for part in as_list(value.get("content"))]
    written_parts = [as_text(part.get("text")) for part in parts if part.get("type", "text") == "text"]
    words = as_text(value.get("text"))
    if not words or len(written_parts) < len(parts):  # thoughts and tools stand in the whole text as well
        words = "\n".join(filter(None, written_parts))
    shown = value.get("attachments") or value.get("files")
    kind = Kind.TEXT if words.strip() else Kind.MEDIA if shown else Kind.UNKNOWN
    return LogEntry(
        sender, words, item.place, kind, written(value.get("created_at")), as_text(value.get("uuid")) or None
    )
