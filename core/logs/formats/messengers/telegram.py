"""Telegram Desktop (result.json): one chat, or every chat of an account.

Times are those of the computer that exported; of old exports without them, and of tools, those of UTC.
"""

from collections.abc import Iterator

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc, written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble
from core.logs.parsing.json_source import (
    JsonItem,
    JsonSource,
    JsonValue,
    Record,
    Top,
    as_json,
    as_list,
    as_record,
    as_text,
)
from core.messages import Kind
from core.text import Text

FORMAT = Format("telegram", Text("Telegram (JSON)", "Telegram（JSON）"))
TALK = "messages.item."
STICKERS = ("sticker",)
MEDIA = ("photo", "file", "media_type", "location_information", "contact_information", "poll", "game_title")
CALLS = ("phone_call", "group_call", "invite_to_group_call")
DATES = ("messages.item.date", "chats.list.item.messages.item.date")
ONE_TO_ONE = ("personal_chat", "bot_chat")


def claims(top: Top) -> bool:
    """A list of chats, or messages as only Telegram writes them."""
    if top.has("chats.list"):
        return True
    return top.has("messages") and (
        top.any(TALK + "date_unixtime", TALK + "from_id", TALK + "text_entities")
        or (top.has(TALK + "type", TALK + "text", TALK + "from") and top.any("type", TALK + "date"))
    )


def read(source: JsonSource, hints: Hints) -> Log:
    """Every chat as a conversation; people are told apart by their ids, with the last name each had."""
    names: dict[str, str] = {}
    if source.top.any("chats", "chats.list"):
        conversations = list(_chats(source, names))
    else:
        head = {key: source.top.paths.get(key) for key in ("name", "type")}
        one = _conversation(head)
        one.entries = [_entry(item, names) for item in source.items("messages.item")]
        conversations = [_with_partner(one, head)]
    return assemble(FORMAT, conversations, hints, names=names, in_utc=not source.top.any(*DATES))


def _chats(source: JsonSource, names: dict[str, str]) -> Iterator[LogConversation]:
    number, one, head = 0, LogConversation(""), Record()
    for group, head_now, item in source.grouped("chats.list.item", "messages.item"):
        if group != number:
            yield _with_partner(one, head)
            number, head, one = group, head_now, _conversation(head_now)
        one.entries.append(_entry(item, names))
    yield _with_partner(one, head)


def _conversation(head: Record) -> LogConversation:
    return LogConversation(
        as_text(head.get("name")) or ("Saved Messages" if head.get("type") == "saved_messages" else "")
    )


def _with_partner(one: LogConversation, head: Record) -> LogConversation:
    """A chat of two is named after the other person."""
    if head.get("type") in ONE_TO_ONE:
        one.partner = as_text(head.get("name")) or None
    return one


def _entry(item: JsonItem, names: dict[str, str]) -> LogEntry:
    value = as_record(item.value)
    time = written(value.get("date")) or utc(value.get("date_unixtime"))
    kind = value.get("type", "message")
    words = text_of(value.get("text"))
    if kind == "service":
        action = as_text(value.get("action"))
        return LogEntry(
            _sender(value, "actor", names) if action in CALLS else None, words or _notice(value, action), item.place,
            Kind.CALL if action in CALLS else Kind.SYSTEM, time, _number(value, "id"),
        )  # fmt: skip
    if kind != "message" or not value:
        return LogEntry(None, words or as_json(item.value), item.place, Kind.UNKNOWN, time)
    sender = _sender(value, "from", names)
    kind, words = _kind(value, words)
    if kind is Kind.TEXT and ("forwarded_from" in value or "via_bot" in value):
        kind = Kind.MEDIA  # words of somebody else
    return LogEntry(sender, words, item.place, kind, time, _number(value, "id"), _number(value, "reply_to_message_id"))


def _sender(value: Record, field: str, names: dict[str, str]) -> str:
    """The id of who wrote, or the name in exports without ids; the last name met is the one to show."""
    name = as_text(value.get(field))
    identity = as_text(value.get(f"{field}_id")) or name or "Deleted Account"
    if name:
        names[identity] = name
    else:
        names.setdefault(identity, "Deleted Account")
    return identity


def _number(value: Record, field: str) -> str | None:
    return as_text(value.get(field)) or None


def _kind(value: Record, words: str) -> tuple[Kind, str]:
    """Typed words count, also under a picture; what has none is what it shows."""
    if words:
        return Kind.TEXT, words
    if value.get("media_type") in STICKERS:
        return Kind.STICKER, as_text(value.get("sticker_emoji"))
    if any(value.get(field) for field in MEDIA):
        poll = as_text(as_record(value.get("poll")).get("question"))
        return Kind.MEDIA, poll or as_text(value.get("media_type")) or as_text(value.get("file_name"))
    return Kind.UNKNOWN, as_json(value)


def text_of(value: JsonValue) -> str:
    """Words of a text: a string, or a list of strings and styled pieces, joined as they stand."""
    if isinstance(value, str):
        return value
    pieces = (piece if isinstance(piece, str) else as_text(as_record(piece).get("text")) for piece in as_list(value))
    return "".join(pieces)


def _notice(value: Record, action: str) -> str:
    """What happened, for a person to read: the actor, the action, whom it concerned."""
    members = [as_text(member) for member in as_list(value.get("members"))]
    about = [as_text(value.get("title")), *members]
    return " ".join(word for word in (as_text(value.get("actor")), action, *about) if word)
