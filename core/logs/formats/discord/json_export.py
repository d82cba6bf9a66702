"""Discord, as DiscordChatExporter writes it in JSON: one channel a file."""

import re

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import is_utc, written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, JsonValue, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("discord", Text("Discord (DiscordChatExporter JSON)", "Discord（DiscordChatExporter の JSON）"))
TYPED = ("Default", "Reply", "0", "19")
SHOWN = ("attachments", "embeds", "forwardedMessage")
EMOJI = re.compile(r"<a?:(\w+):\d+>")
MENTION = re.compile(r"<@!?(\d+)>")


def claims(top: Top) -> bool:
    """Messages with an author, beside a channel."""
    return top.has("messages") and top.any("guild", "channel") and top.any("messages.item.author", "messageCount")


def read(source: JsonSource, hints: Hints) -> Log:
    """The channel; people are told apart by their ids and shown by the name they have on the server.

    The exporter writes the clock of its computer with its zone; where that is UTC everywhere, it was never set.
    """
    names: dict[str, str] = {}
    zones: set[bool] = set()
    title = as_text(source.top.paths.get("channel.name"))
    one = LogConversation(title, [_entry(item, names, zones) for item in source.items("messages.item")])
    if source.top.paths.get("channel.type") in ("DirectTextChat", "DM"):
        one.partner = next((identity for identity, name in names.items() if name == title), title)
    return assemble(FORMAT, [one], hints, names=names, in_utc=zones == {True})


def _entry(item: JsonItem, names: dict[str, str], zones: set[bool]) -> LogEntry:
    value = as_record(item.value)
    author = as_record(value.get("author"))
    sender = as_text(author.get("id")) or as_text(author.get("name"))
    time, identity = written(value.get("timestamp")), as_text(value.get("id")) or None
    if time:
        zones.add(is_utc(value.get("timestamp")))
    if not sender or "content" not in value:
        return unread(item)
    names[sender] = as_text(author.get("nickname")) or as_text(author.get("name")) or sender
    kind, words = as_text(value.get("type")) or "Default", _words(value)
    if kind == "Call":
        return LogEntry(sender, words, item.place, Kind.CALL, time, identity)
    if kind not in TYPED:  # an English sentence of the exporter's, in the name of whoever did it
        return LogEntry(None, f"{names[sender]}: {words}" if words else kind, item.place, Kind.SYSTEM, time, identity)
    reference = as_record(value.get("reference"))
    if reference.get("type") == "Forward":
        return LogEntry(sender, words, item.place, Kind.MEDIA, time, identity)
    what, words = _kind(value, words)
    return LogEntry(sender, words, item.place, what, time, identity, as_text(reference.get("messageId")) or None)


def _kind(value: Record, words: str) -> tuple[Kind, str]:
    """Typed words count, also beside a picture; what has none is what it shows."""
    if words.strip():
        return Kind.TEXT, words
    stickers = as_list(value.get("stickers"))
    if stickers:
        return Kind.STICKER, _names(stickers, "name")
    if any(value.get(field) for field in SHOWN):
        return Kind.MEDIA, _names(as_list(value.get("attachments")), "fileName")
    return Kind.UNKNOWN, words


def _names(things: list[JsonValue], field: str) -> str:
    return " ".join(name for thing in things if (name := as_text(as_record(thing).get(field))))


def _words(value: Record) -> str:
    """The content with names where Discord writes ids: the exporter does so unless told otherwise."""
    words = EMOJI.sub(r":\1:", as_text(value.get("content")))
    if "<@" not in words:
        return words
    people = [as_record(one) for one in as_list(value.get("mentions"))]
    known = {as_text(one.get("id")): as_text(one.get("nickname")) or as_text(one.get("name")) for one in people}
    return MENTION.sub(lambda match: f"@{known[match[1]]}" if known.get(match[1]) else match[0], words)
