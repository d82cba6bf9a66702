"""Messenger and Instagram (JSON): a thread is a folder of `message_N.json`, newest first, in which every
string is UTF-8 read as Latin-1. Encrypted chats are exported in another shape, with proper strings.
"""

import re
from collections import defaultdict
from datetime import timedelta
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, in_order_of_time, unread
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

FORMAT = Format("meta", Text("Messenger, Instagram (JSON)", "Messenger・Instagram（JSON）"))
CLASSIC, ENCRYPTED = "messages.item.sender_name", "messages.item.senderName"
SHOWN = ("photos", "videos", "audio_files", "files", "gifs", "share", "media")
EDITED = re.compile(r" ?\((?:edited|編集済み)\)\Z")
EDITS = 5  # messages of one person among which the earlier version is looked for
LATEST_EDIT = timedelta(hours=1)
ALIKE, COMPARED = 0.5, 300
CALL = re.compile(
    r"(?:.{1,60} missed (?:a|your) (?:video |voice |audio )?(?:call|chat)(?: (?:with|from) .{1,60})?"
    r"|.{1,60} called you|You called .{1,60}"
    r"|The (?:video |audio )?(?:call|chat) ended|.{1,60} (?:started|joined) (?:a|the) (?:video |audio )?(?:call|chat)"
    r"|.{1,60}(?:さん)?(?:からの(?:ビデオ|音声)?通話に出ませんでした|が(?:ビデオ|音声)?通話を開始しました)"
    r"|(?:ビデオ|音声)?通話が終了しました)[.。]?"
)
MACHINE = re.compile(
    r"(?:Liked a message|Reacted .{1,20} to your message|.{1,60} sent (?:an attachment|a (?:photo|video|live location)"
    r"|a voice message|a (?:GIF|sticker))|.{1,60} created a poll|.{1,60} (?:set|changed) the (?:nickname|theme|group"
    r"|chat|quick|emoji).{0,120}|.{1,60} named the group .{1,120}|.{1,60} (?:added|removed) .{1,60} (?:to|from) the "
    r"group|.{1,60} left the group|.{1,60} unsent a message|You are now connected on Messenger"
    r"|.{1,60}(?:さん)?が(?:メッセージ|あなたのメッセージ)に.{1,20}?(?:リアクション|「いいね!」)しました"
    r"|メッセージに「いいね!」しました|.{1,60}(?:さん)?が添付ファイルを送信しました"
    r"|(?:メッセージに)?.{1,20}でリアクションしました)[.。]?"
)


def claims(top: Top) -> bool:
    """Messages with the name of a sender, in either spelling; an empty thread by its other fields."""
    return top.any(CLASSIC, ENCRYPTED) or top.has("participants", "messages", "thread_path")


def claims_archive(archive: Archive) -> bool:
    """Folders of numbered files, of which the first is a thread."""
    names = [name for files in _threads(archive).values() for name in files]
    return bool(names) and claims(archive.json(names[0]).top)


def read(source: JsonSource, hints: Hints) -> Log:
    """One thread, oldest first. Times are those of UTC: the file names no zone."""
    return assemble(FORMAT, [_thread([source])], hints, by_time=True, in_utc=True)


def read_archive(archive: Archive, hints: Hints) -> Log:
    """Every thread as a conversation; places count the records of each."""
    threads = _threads(archive).values()
    return assemble(
        FORMAT, [_thread([archive.json(name) for name in names]) for names in threads], hints, by_time=True, in_utc=True
    )


def _threads(archive: Archive) -> dict[str, list[str]]:
    """The files of each thread, in the order of their numbers."""
    threads: dict[str, list[str]] = defaultdict(list)
    for name in archive.matching("message_[0-9]*.json"):
        threads[str(PurePosixPath(name).parent)].append(name)
    return {folder: sorted(names, key=lambda name: (len(name), name)) for folder, names in threads.items()}


def _thread(sources: list[JsonSource]) -> LogConversation:
    first = sources[0]
    encrypted = ENCRYPTED in first.top.paths
    if encrypted:
        title = re.sub(r"_\d+$", "", as_text(first.top.paths.get("threadName")))
        people = [as_text(name) for name in as_list(first.first("participants"))]
    else:
        title = repair(as_text(first.first("title")))
        people = [repair(as_text(as_record(one).get("name"))) for one in as_list(first.first("participants"))]
    items = (item for source in sources for item in source.items("messages.item"))
    make = _encrypted if encrypted else _classic
    entries = [make(item._replace(place=place)) for place, item in enumerate(items, 1)]
    once_where_edited(entries)
    partner = title if len(people) == 2 and title in people else None
    return LogConversation(title or PurePosixPath(first.name).parent.name or first.name, entries, partner)


def once_where_edited(entries: list[LogEntry]) -> None:
    """An edited message stands there twice: as it was, and with a note behind it. The first one becomes a notice.

    Both are less than an hour apart and alike; a person edits a message several times.
    """
    before: dict[str | None, list[LogEntry]] = defaultdict(list)
    for entry in in_order_of_time(entries):
        if entry.kind is not Kind.TEXT:
            continue
        edited = EDITED.search(entry.text)
        recent = before[entry.sender][-EDITS:]
        if edited:
            words = entry.text[: edited.start()]
            earlier = [one for one in recent if _is_earlier(one, entry, words)]
            if earlier or not words.strip():
                entry.text = words
                for one in earlier:
                    one.kind, one.sender = Kind.SYSTEM, None
        before[entry.sender] = [*recent, entry]


def _is_earlier(one: LogEntry, entry: LogEntry, words: str) -> bool:
    """Whether `one` is `entry` as it was before it became `words`."""
    near = one.time is None or entry.time is None or entry.time - one.time <= LATEST_EDIT
    if one.kind is not Kind.TEXT or not near:
        return False
    first, second = one.text[:COMPARED], words[:COMPARED]
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= ALIKE


def repair(text: str) -> str:
    """`text` as it was meant: its characters are the bytes of UTF-8. Text that is not of that kind stays."""
    try:
        return text if text.isascii() else text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _classic(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    sender = repair(as_text(value.get("sender_name")))
    if not sender:
        return unread(item)
    words = repair(as_text(value.get("content")))
    kind = _kind(value, words, unsent=value.get("is_unsent"))
    if kind is Kind.UNKNOWN:
        words = words or as_json(value)
    return LogEntry(None if kind is Kind.SYSTEM else sender, words, item.place, kind, utc(value.get("timestamp_ms")))


def _encrypted(item: JsonItem) -> LogEntry:
    value = as_record(item.value)
    sender, words = as_text(value.get("senderName")), as_text(value.get("text"))
    if not sender:
        return unread(item)
    what = value.get("type")
    notice = what == "placeholder" and not value.get("isUnsent")
    kind = Kind.SYSTEM if notice else _kind(value, words, unsent=value.get("isUnsent"))
    if kind is Kind.UNKNOWN and what == "media":
        kind = Kind.MEDIA
    return LogEntry(None if kind is Kind.SYSTEM else sender, words, item.place, kind, utc(value.get("timestamp")))


def _kind(value: Record, words: str, *, unsent: JsonValue) -> Kind:
    if unsent:
        return Kind.UNSENT
    if "call_duration" in value or value.get("type") == "Call" or (words and CALL.fullmatch(words.strip())):
        return Kind.CALL
    if value.get("type") in ("Subscribe", "Unsubscribe"):
        return Kind.SYSTEM
    shown = any(value.get(field) for field in SHOWN)
    if words and MACHINE.fullmatch(words.strip()):
        return Kind.MEDIA if shown else Kind.SYSTEM
    if words.strip():
        return Kind.TEXT
    if value.get("sticker"):
        return Kind.STICKER
    return Kind.MEDIA if shown else Kind.UNKNOWN
