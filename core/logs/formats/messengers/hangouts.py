"""Google Hangouts (Hangouts.json of an older Takeout)."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("hangouts", Text("Google Hangouts", "Google ハングアウト"))
LAYOUTS = (("conversations.item", "events.item"), ("conversation_state.item", "conversation_state.event.item"))


def claims(top: Top) -> bool:
    """Conversations with events, in the newer or the older layout."""
    return top.any(*(f"{outer}.{inner}".removesuffix(".item") for outer, inner in LAYOUTS))


def read(source: JsonSource, hints: Hints) -> Log:
    """Every conversation. Times are those of UTC."""
    names: dict[str, str] = {}
    found: dict[int, LogConversation] = {}
    heads: dict[int, Record] = {}
    outer, inner = next((one for one in LAYOUTS if ".".join(one).removesuffix(".item") in source.top.paths), LAYOUTS[0])
    for group, head, item in source.grouped(outer, inner):
        heads[group] = head
        found.setdefault(group, LogConversation("")).entries.append(_entry(item))
    for group, one in found.items():
        _name(one, heads[group], names)
    return assemble(FORMAT, found.values(), hints, names=names, by_time=True, in_utc=True)


def _name(one: LogConversation, head: Record, names: dict[str, str]) -> None:
    """Give the conversation its title and its people their names."""
    about = as_record(head.get("conversation") or head.get("conversation_state.conversation"))
    about = as_record(about.get("conversation")) or about
    states = as_record(about.get("self_conversation_state"))
    own = _identity(as_record(as_record(states.get("self_read_state")).get("participant_id")))
    others: list[str] = []
    for person in map(as_record, as_list(about.get("participant_data"))):
        identity = _identity(as_record(person.get("id")))
        if as_text(person.get("fallback_name")):
            names[identity] = as_text(person["fallback_name"])
        if identity != own:
            others.append(identity)
    one.name = as_text(about.get("name")) or ", ".join(names.get(other, other) for other in others)
    one.partner = others[0] if own and len(others) == 1 else None


def _identity(value: Record) -> str:
    return as_text(value.get("gaia_id")) or as_text(value.get("chat_id"))


def _entry(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    sender = _identity(as_record(value.get("sender_id")))
    kind, time = as_text(value.get("event_type")), utc(value.get("timestamp"))
    if not sender or not kind:
        return unread(item)
    if kind == "HANGOUT_EVENT":
        return LogEntry(sender, "", item.place, Kind.CALL, time)
    if "chat_message" not in value:
        return LogEntry(None, kind, item.place, Kind.SYSTEM, time)
    content = as_record(as_record(value["chat_message"]).get("message_content"))
    segments = map(as_record, as_list(content.get("segment")))
    words = "".join("\n" if one.get("type") == "LINE_BREAK" else as_text(one.get("text")) for one in segments)
    what = Kind.TEXT if words.strip() else Kind.MEDIA if content.get("attachment") else Kind.UNKNOWN
    return LogEntry(sender, words, item.place, what, time)
