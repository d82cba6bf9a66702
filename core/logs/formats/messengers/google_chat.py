"""Google Chat from Takeout: a folder a chat, with `messages.json`; or that file alone."""

import re
from datetime import datetime
from pathlib import PurePosixPath

from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("google-chat", Text("Google Chat (Takeout)", "Google Chat（Takeout）"))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
CLOCK = r"(?P<hour>\d{1,2})[:時](?P<minute>\d{2})(?:[:分](?P<second>\d{2}))?"
ENGLISH = re.compile(
    rf"(?:(?P<month>[A-Za-z]{{3,9}}) (?P<day>\d{{1,2}})|(?P<day2>\d{{1,2}}) (?P<month2>[A-Za-z]{{3,9}}))"
    rf",? (?P<year>\d{{4}}),?(?: at)? {CLOCK}(?: (?P<half>[AaPp])\.?[Mm]\.?)?"
)
JAPANESE = re.compile(
    r"(?P<year>\d{4})[年/-](?P<month>\d{1,2})[月/-](?P<day>\d{1,2})日?(?:\(?.曜?日?\)?)? ?"
    rf"(?P<half>午前|午後)?{CLOCK}"
)


def claims(top: Top) -> bool:
    """Messages with a creator."""
    return top.has("messages.item.creator") and top.any("messages.item.created_date", "messages.item.message_id")


def claims_archive(archive: Archive) -> bool:
    """The folders of Takeout."""
    return bool(_chats(archive))


def read(source: JsonSource, hints: Hints) -> Log:
    """One chat. Times are those of UTC, as the file gives them."""
    names: dict[str, str] = {}
    one = LogConversation("", [_entry(item, names) for item in source.items("messages.item")])
    return assemble(FORMAT, [one], hints, names=names, in_utc=True)


def read_archive(archive: Archive, hints: Hints) -> Log:
    """Every chat as a conversation, named as the space is or after those in it but the owner."""
    names: dict[str, str] = {}
    owner = _owner(archive)
    found = []
    for name in _chats(archive):
        folder = PurePosixPath(name).parent
        title, partner = _title(archive, f"{folder}/group_info.json", owner)
        entries = [_entry(item, names) for item in archive.json(name).items("messages.item")]
        is_direct = folder.name.startswith("DM")
        found.append(LogConversation(title or folder.name, entries, partner if is_direct else None))
    return assemble(FORMAT, found, hints, names=names, in_utc=True)


def _chats(archive: Archive) -> list[str]:
    return archive.matching("Google Chat/Groups/*/messages.json", "Groups/*/messages.json")


def _owner(archive: Archive) -> str:
    files = archive.matching("Users/*/user_info.json")
    return as_text(as_record(archive.json(files[0]).first("user")).get("email")) if files else ""


def _title(archive: Archive, file: str, owner: str) -> tuple[str, str | None]:
    """(name of a chat, id of the other person where there is one other)."""
    info = as_record(archive.json(file).first("")) if file in archive.names else {}
    others = [one for one in map(as_record, as_list(info.get("members"))) if as_text(one.get("email")) != owner]
    title = as_text(info.get("name")) or ", ".join(as_text(one.get("name")) for one in others)
    return title, _identity(others[0]) if len(others) == 1 and owner else None


def _identity(person: Record) -> str:
    return as_text(person.get("email")) or as_text(person.get("name"))


def _entry(item: JsonItem, names: dict[str, str]) -> LogEntry:
    value = as_record(item.value)
    creator = as_record(value.get("creator"))
    sender, identity = _identity(creator), as_text(value.get("message_id"))
    gone = value.get("message_state") == "DELETED" or "deletion_metadata" in value
    if not sender and not gone:
        return unread(item)
    if sender:
        names[sender] = as_text(creator.get("name")) or sender
    words = as_text(value.get("text"))
    kind = Kind.UNSENT if gone else Kind.TEXT if words.strip() else _shown(value)
    if kind is Kind.MEDIA:
        files = map(as_record, as_list(value.get("attached_files")))
        words = " ".join(as_text(file.get("original_name")) for file in files)
    quoted = as_text(as_record(value.get("quoted_message_metadata")).get("message_id"))
    time = moment(as_text(value.get("created_date")))
    return LogEntry(sender or None, words, item.place, kind, time, identity or None, quoted or _head_of_topic(identity))


def _head_of_topic(identity: str) -> str | None:
    """The message that an answer in a thread belongs to: ids are space/topic/message."""
    steps = identity.split("/")
    return f"{steps[0]}/{steps[1]}/{steps[1]}" if len(steps) == 3 and steps[1] != steps[2] else None


def _shown(value: Record) -> Kind:
    notes = [key for note in as_list(value.get("annotations")) for key in as_record(note)]
    if any("video_call" in key for key in notes):
        return Kind.CALL
    return Kind.MEDIA if value.get("attached_files") or notes else Kind.UNKNOWN


def moment(text: str) -> datetime | None:
    """A date in the words of an English or Japanese account; None for those of others."""
    tidy = re.sub(r"[\u202f\u00a0\s]+", " ", text)
    match = ENGLISH.search(tidy) or JAPANESE.search(tidy)
    if match is None:
        return None
    found = match.groupdict()
    named = (found["month"] or found.get("month2") or "")[:3].lower()
    month = MONTHS.index(named) + 1 if named in MONTHS else int(named) if named.isdigit() else 0
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"] in ("午後", "p", "P"))
    day = int(found["day"] or found.get("day2") or 0)
    try:
        return datetime(int(found["year"]), month, day, hour, int(found["minute"]), int(found["second"] or 0))
    except ValueError:
        return None
