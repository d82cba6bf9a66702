"""Open WebUI (JSON): a list of chats, each with the messages of the path that is shown."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("open-webui", Text("Open WebUI (JSON)", "Open WebUI（JSON）"))
THOUGHT, THOUGHT_ENDS = '<details type="reasoning"', "</details>"


def claims(top: Top) -> bool:
    """Chats that hold a list of messages."""
    return top.has("item.chat.messages.item.role")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every chat. Times are those of UTC."""
    found: dict[int, LogConversation] = {}
    for group, head, item in source.grouped("item", "chat.messages.item"):
        one = found.setdefault(group, LogConversation(as_text(head.get("title"))))
        one.entries.append(_entry(item))
    return assemble(FORMAT, found.values(), hints, in_utc=True)


def _entry(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    role, words = as_text(value.get("role")), _without_thoughts(as_text(value.get("content")))
    if role not in ("user", "assistant"):
        return LogEntry(None, words, item.place, Kind.SYSTEM) if role else unread(item)
    kind = Kind.TEXT if words.strip() else Kind.MEDIA if value.get("files") else Kind.SYSTEM
    sender = None if kind is Kind.SYSTEM else role
    return LogEntry(sender, words, item.place, kind, utc(value.get("timestamp")), as_text(value.get("id")) or None)


def _without_thoughts(words: str) -> str:
    kept, at = "", 0
    while (start := words.find(THOUGHT, at)) >= 0:
        end = words.find(THOUGHT_ENDS, start)
        kept, at = kept + words[at:start], len(words) if end < 0 else end + len(THOUGHT_ENDS)
    return (kept + words[at:]).strip() if at else words
