"""Signal in JSON, as three tools write it: sigtop's rows, signal-export's data.json, signal-cli's lines."""

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc, written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format(
    "signal",
    Text("Signal (JSON of sigtop, signal-export, signal-cli)", "Signal（sigtop・signal-export・signal-cli の JSON）"),
)
OWNER = "Me"
SILENT = ("receiptMessage", "typingMessage")


def claims(top: Top) -> bool:
    """Records as one of the three tools writes them."""
    return (
        top.records_have("envelope.timestamp")
        or (top.records_have("sent_at", "type") and top.any("item.body", "item.conversationId", "body"))
        or (top.records_have("date", "sender", "body") and top.any("item.quote", "item.sticker", "item.reactions"))
    )


def read(source: JsonSource, hints: Hints) -> Log:
    """Every record; who wrote a sigtop row that has no name is shown by number or id."""
    names: dict[str, str] = {}
    found: dict[str, LogConversation] = {}
    make = _cli if source.top.records_have("envelope") else _row if source.top.records_have("sent_at") else _exported
    for item in source.records():
        chat, entry = make(item, names)
        found.setdefault(chat, LogConversation(chat)).entries.append(entry)
    for one in found.values():
        others = {entry.sender for entry in one.entries if entry.sender and names.get(entry.sender) != OWNER}
        if len(others) == 1:
            one.partner = next(iter(others))
            one.name = names.get(one.partner, one.partner)
    return assemble(
        FORMAT, found.values(), hints, names=names, by_time=True, in_utc=not source.top.any("date", "item.date")
    )


def _row(item: JsonItem, names: dict[str, str]) -> tuple[str, LogEntry]:
    """A row of Signal's own table."""
    value = as_record(item.value)
    kind, chat = as_text(value.get("type")), as_text(value.get("conversationId"))
    time, stamp = utc(value.get("sent_at")), as_text(value.get("sent_at"))
    words = as_text(value.get("body"))
    if kind == "call-history":
        return chat, LogEntry(None, words, item.place, Kind.CALL, time)
    if kind not in ("incoming", "outgoing"):
        return chat, LogEntry(None, words or kind, item.place, Kind.SYSTEM, time) if kind else unread(item)
    if kind == "outgoing":
        sender, name = OWNER, OWNER
    else:
        fields = ("sourceServiceId", "sourceUuid", "source", "conversationId")
        sender = next((text for field in fields if (text := as_text(value.get(field)))), "?")
        name = as_text(value.get("sourceName")) or as_text(value.get("source")) or sender
    names[sender] = name
    quoted = as_text(as_record(value.get("quote")).get("id"))
    what = Kind.UNSENT if value.get("deletedForEveryone") else _kind(value, words)
    return chat, LogEntry(sender, words, item.place, what, time, stamp, quoted or None)


def _exported(item: JsonItem, names: dict[str, str]) -> tuple[str, LogEntry]:
    """A line of signal-export. Quotes name no message, so there are no links."""
    value = as_record(item.value)
    sender, words = as_text(value.get("sender")), as_text(value.get("body")).rstrip("\n")
    if not sender:
        return "", unread(item)
    names[sender] = sender
    time = written(value.get("date")) or utc(value.get("date"))
    return "", LogEntry(sender, words, item.place, _kind(value, words), time)


def _cli(item: JsonItem, names: dict[str, str]) -> tuple[str, LogEntry]:
    """A line of signal-cli: what came in, or what was sent from another device."""
    envelope = as_record(as_record(item.value).get("envelope"))
    source = (
        as_text(envelope.get("sourceUuid")) or as_text(envelope.get("source")) or as_text(envelope.get("sourceName"))
    )
    sent = as_record(as_record(envelope.get("syncMessage")).get("sentMessage"))
    message = sent or as_record(envelope.get("dataMessage"))
    time = utc(message.get("timestamp") or envelope.get("timestamp"))
    group = as_text(as_record(message.get("groupInfo")).get("groupId"))
    to = as_text(sent.get("destinationUuid")) or as_text(sent.get("destination"))
    chat = group or to or source
    if not source:
        return chat, unread(item)
    if not message:
        silent = next((key for key in SILENT if key in envelope), None)
        kind = Kind.CALL if "callMessage" in envelope else Kind.SYSTEM
        return chat, LogEntry(None, silent or "", item.place, kind, time) if silent or kind is Kind.CALL else unread(
            item
        )
    words = as_text(message.get("message"))
    names[source] = OWNER if sent else as_text(envelope.get("sourceName")) or source
    kind = Kind.UNSENT if "remoteDelete" in message else Kind.SYSTEM if "reaction" in message else _kind(message, words)
    stamp = as_text(message.get("timestamp"))
    quoted = as_text(as_record(message.get("quote")).get("id"))
    return chat, LogEntry(
        None if kind is Kind.SYSTEM else source, words, item.place, kind, time, stamp or None, quoted or None
    )


def _kind(value: Record, words: str) -> Kind:
    if words.strip():
        return Kind.TEXT
    if value.get("sticker"):
        return Kind.STICKER
    return Kind.MEDIA if as_list(value.get("attachments")) else Kind.UNKNOWN
