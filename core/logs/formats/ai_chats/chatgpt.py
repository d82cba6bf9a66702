"""ChatGPT (conversations.json): each conversation is a tree, of which one path was talked."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("chatgpt", Text("ChatGPT (conversations.json)", "ChatGPT（conversations.json）"))
SPOKEN = ("text", "multimodal_text", "code", "audio_transcription")


def claims(top: Top) -> bool:
    """Conversations with a mapping of nodes."""
    return top.has("item.mapping") or top.has("mapping", "current_node")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every conversation along the path that ends at its current node. A note tells what other branches hold.

    Places count the messages of the file. Times are those of UTC.
    """
    found = []
    place = aside = 0
    for item in source.records():
        value = as_record(item.value)
        mapping = as_record(value.get("mapping"))
        if not mapping:
            found.append(LogConversation("?", [unread(item)]))
            continue
        path = _path(mapping, as_text(value.get("current_node")))
        spoken = [node for node in path if as_record(as_record(mapping[node]).get("message"))]
        entries = [_entry(JsonItem(place + k, as_record(mapping[node])["message"])) for k, node in enumerate(spoken, 1)]
        place += len(spoken)
        aside += sum(_is_said(as_record(node)) for key, node in mapping.items() if key not in path)
        found.append(LogConversation(as_text(value.get("title")), entries))
    return assemble(FORMAT, found, hints, in_utc=True, notes=(_left_aside(aside),) if aside else ())


def _path(mapping: Record, node: str) -> dict[str, None]:
    """The nodes from the root to `node`; to the last leaf of the file where there is no such node."""
    if node not in mapping:
        node = next((key for key in reversed(mapping) if not as_list(as_record(mapping[key]).get("children"))), "")
    path: dict[str, None] = {}
    while node in mapping and node not in path:
        path[node] = None
        node = as_text(as_record(mapping[node]).get("parent"))
    return dict.fromkeys(reversed(path))


def _is_said(node: Record) -> bool:
    message = as_record(node.get("message"))
    return as_record(message.get("author")).get("role") in ("user", "assistant") and bool(_words(message))


def _entry(item: JsonItem) -> LogEntry:
    message = as_record(item.value)
    role = as_text(as_record(message.get("author")).get("role"))
    content, time = as_record(message.get("content")), utc(message.get("create_time"))
    words = _words(message)
    hidden = as_record(message.get("metadata")).get("is_visually_hidden_from_conversation") is True
    to_tool = role == "assistant" and as_text(message.get("recipient")) not in ("", "all")
    if role not in ("user", "assistant"):
        return LogEntry(None, words, item.place, Kind.SYSTEM, time) if role else unread(item)
    if hidden or to_tool or as_text(content.get("content_type")) not in SPOKEN:
        return LogEntry(None, words, item.place, Kind.SYSTEM, time)
    shown = any(isinstance(part, dict) for part in as_list(content.get("parts")))
    kind = Kind.TEXT if words.strip() else Kind.MEDIA if shown else Kind.SYSTEM
    return LogEntry(None if kind is Kind.SYSTEM else role, words, item.place, kind, time)


def _words(message: Record) -> str:
    content = as_record(message.get("content"))
    parts = as_list(content.get("parts"))
    words = [part if isinstance(part, str) else as_text(as_record(part).get("text")) for part in parts]
    return "\n".join(word for word in words if word) or as_text(content.get("text"))


def _left_aside(count: int) -> Text:
    return Text(
        f"{count:,} messages on branches that were given up (edited, or answered anew) are left out.",
        f"編集や再生成で続きのない枝にあるメッセージ {count:,} 件は使いません。",
    )
