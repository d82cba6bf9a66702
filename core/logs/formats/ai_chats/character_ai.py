"""Character.AI: the dump of CAI Tools (histories of messages), or turns with candidates."""

from collections.abc import Iterator
from datetime import datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("character-ai", Text("Character.AI", "Character.AI"))
HISTORIES = (("histories.histories.item", "msgs.item"), ("histories.item", "msgs.item"))
TURNS = ("turns.item", "history.turns.item", "item.candidates")


def claims(top: Top) -> bool:
    """Histories of messages, or turns with candidates."""
    return top.any(*(f"{outer}.msgs" for outer, _ in HISTORIES)) or _turns_path(top) is not None


def read(source: JsonSource, hints: Hints) -> Log:
    """Every history as a conversation, of each turn what was chosen; the character is the partner."""
    path = _turns_path(source.top)
    found = [_of_turns(source, path)] if path else list(_of_histories(source))
    return assemble(FORMAT, found, hints, by_time=True)


def _turns_path(top: Top) -> str | None:
    return next((path for path in ("turns.item", "history.turns.item", "item") if top.has(f"{path}.candidates")), None)


def _of_histories(source: JsonSource) -> Iterator[LogConversation]:
    outer, inner = next((pair for pair in HISTORIES if f"{pair[0]}.msgs" in source.top.paths), HISTORIES[0])
    found: dict[int, LogConversation] = {}
    for group, _, item in source.grouped(outer, inner):
        one = found.setdefault(group, LogConversation(f"#{group}"))
        value = as_record(item.value)
        author = as_record(value.get("src"))
        words, time = value.get("text"), written(value.get("created"))
        _add(one, item, author, words if isinstance(words, str) else None, time)
    yield from found.values()


def _of_turns(source: JsonSource, path: str) -> LogConversation:
    """The newest turn stands first; a file without times is turned round."""
    one = LogConversation("")
    for item in source.items(path):
        value = as_record(item.value)
        _add(one, item, as_record(value.get("author")), _chosen(value), written(value.get("create_time")))
    if not any(entry.time for entry in one.entries):
        one.entries.reverse()
    return one


def _chosen(turn: Record) -> str | None:
    """The words of the candidate that the person went on with."""
    candidates = [as_record(one) for one in as_list(turn.get("candidates"))]
    primary = turn.get("primary_candidate_id")
    best = next((one for one in candidates if primary and one.get("candidate_id") == primary), None)
    best = best or (candidates[0] if candidates else {})
    words = best.get("raw_content")
    return words if isinstance(words, str) else None


def _add(one: LogConversation, item: JsonItem, author: Record, words: str | None, time: datetime | None) -> None:
    sender = as_text(author.get("name"))
    if words is None or not (sender or author):
        one.entries.append(unread(item))
        return
    human = author.get("is_human") is True
    sender = sender or ("user" if human else "assistant")
    if not human:
        one.partner = sender
    one.entries.append(LogEntry(sender, words, item.place, Kind.TEXT if words.strip() else Kind.UNKNOWN, time))
