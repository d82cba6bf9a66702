"""Slack's export (zip): a folder a channel, a file a day; links to files hold secrets, which are never kept."""

import html
import re
from collections import defaultdict
from pathlib import PurePosixPath

from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, JsonValue, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("slack", Text("Slack", "Slack"))
LISTS = ("channels.json", "groups.json", "dms.json", "mpims.json")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
TYPED = ("", "me_message", "file_share", "thread_broadcast", "reply_broadcast")
CALLS = ("huddle_thread", "sh_room_created", "bot_huddle")
MARKUP = re.compile(r"<(?P<mark>[@#!]?)(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")
SECRET = re.compile(r"(?:[?&]t=)?xox[a-z]-[\w%-]+")
TONE = re.compile(r"(:[\w+-]+:):skin-tone-\d:")


def claims(top: Top) -> bool:
    """A day of a channel, taken out of the export."""
    return top.has("item.ts", "item.text") and top.any("item.user", "item.bot_id", "item.username", "item.type")


def claims_archive(archive: Archive) -> bool:
    """Lists of people or channels, and days in folders."""
    return bool(archive.matching("users.json", *LISTS)) and bool(_days(archive))


def read(source: JsonSource, hints: Hints) -> Log:
    """One day, in which people have names only where the messages bring them."""
    names: dict[str, str] = {}
    one = LogConversation("", _entries(list(source.records()), names))
    return assemble(FORMAT, [one], hints, names=names, by_time=True, in_utc=True)


def read_archive(archive: Archive, hints: Hints) -> Log:
    """Every channel and direct message as a conversation; places count the records of each."""
    names = _people(archive)
    members = _members(archive)
    days = _days(archive)
    found = []
    for folder in sorted(days):
        items = [item for name in sorted(days[folder]) for item in archive.json(name).records()]
        items = [item._replace(place=place) for place, item in enumerate(items, 1)]
        entries = _entries(items, names)
        title = " / ".join(names.get(person, person) for person in members.get(folder, ())) or folder
        found.append(LogConversation(title, entries))
    return assemble(FORMAT, found, hints, names=names, by_time=True, in_utc=True)


def _days(archive: Archive) -> dict[str, list[str]]:
    """The files of each folder that are named after a day."""
    days: dict[str, list[str]] = defaultdict(list)
    for name in archive.names:
        path = PurePosixPath(name)
        if path.suffix == ".json" and DAY.fullmatch(path.stem) and path.parent.name:
            days[path.parent.name].append(name)
    return days


def _people(archive: Archive) -> dict[str, str]:
    people = (item.value for name in archive.matching("users.json") for item in archive.json(name).records())
    return {as_text(one.get("id")): _name(one) for one in map(as_record, people) if one.get("id") and _name(one)}


def _name(person: Record) -> str:
    profile = as_record(person.get("profile"))
    names = (profile.get("display_name"), person.get("real_name"), profile.get("real_name"), person.get("name"))
    return next((name for name in map(as_text, names) if name), "")


def _members(archive: Archive) -> dict[str, list[str]]:
    """Who is in a direct message: its folder is named after an id, which tells nobody anything."""
    chats = [item.value for name in archive.matching("dms.json") for item in archive.json(name).records()]
    return {as_text(chat.get("id")): list(map(as_text, as_list(chat.get("members")))) for chat in map(as_record, chats)}


def _entries(items: list[JsonItem], names: dict[str, str]) -> list[LogEntry]:
    for profile, user in ((as_record(v.get("user_profile")), as_text(v.get("user"))) for v in _values(items)):
        if user and user not in names and _name(profile):  # a guest from another workspace
            names[user] = _name(profile)
    seen: set[str] = set()
    return [_entry(item, names, seen) for item in items]


def _values(items: list[JsonItem]) -> list[Record]:
    return [as_record(item.value) for item in items]


def _entry(item: JsonItem, names: dict[str, str], seen: set[str]) -> LogEntry:
    value = as_record(item.value)
    stamp, subtype = as_text(value.get("ts")), as_text(value.get("subtype"))
    sender = as_text(value.get("user")) or as_text(value.get("username")) or as_text(value.get("bot_id"))
    if not stamp or value.get("type", "message") != "message":
        entry = unread(item)
        entry.text = SECRET.sub("", entry.text)
        return entry
    words, time = _words(value, names), utc(stamp)
    again = subtype == "thread_broadcast" and stamp in seen  # also shown in the channel
    seen.add(stamp)
    if subtype == "tombstone":
        return LogEntry(sender or None, words, item.place, Kind.UNSENT, time, stamp)
    if subtype in CALLS:
        return LogEntry(sender or None, words, item.place, Kind.CALL, time, stamp)
    if subtype not in TYPED or not sender or again:
        return LogEntry(None, words, item.place, Kind.SYSTEM, time, None if again else stamp)
    kind = Kind.TEXT if words.strip() else Kind.UNKNOWN
    files = as_list(value.get("files")) or [value[key] for key in ("file",) if value.get(key)]
    if kind is Kind.UNKNOWN and (files or value.get("attachments")):
        kind, words = Kind.MEDIA, " ".join(as_text(as_record(file).get("name")) for file in files).strip()
    thread = as_text(value.get("thread_ts"))
    return LogEntry(sender, words, item.place, kind, time, stamp, thread if thread and thread != stamp else None)


def _words(value: Record, names: dict[str, str]) -> str:
    """The text as it was read on the screen, without secrets."""
    text = as_text(value.get("text")) or _of_blocks(value.get("blocks"))
    plain = MARKUP.sub(lambda match: _shown(match, names), text)
    return SECRET.sub("", TONE.sub(r"\1", html.unescape(plain)))


def _shown(match: re.Match[str], names: dict[str, str]) -> str:
    mark, target, label = match["mark"], match["target"], match["label"]
    if mark == "@":
        return f"@{label or names.get(target, target)}"
    if mark == "#":
        return f"#{label or target}"
    if mark == "!":
        return label or f"@{target.split('^')[0]}"
    return label or target.removeprefix("mailto:")


def _of_blocks(value: JsonValue) -> str:
    """The words in blocks, which newer apps write instead of a text."""
    words: list[str] = []
    todo = list(reversed(as_list(value)))
    while todo:
        piece = as_record(todo.pop())
        kind = piece.get("type")
        if kind == "emoji":
            words.append(f":{as_text(piece.get('name'))}:")
        elif kind == "user":
            words.append(f"<@{as_text(piece.get('user_id'))}>")
        elif kind == "link":
            words.append(as_text(piece.get("text")) or as_text(piece.get("url")))
        elif isinstance(piece.get("text"), str):
            words.append(as_text(piece["text"]))
        todo += reversed(as_list(piece.get("elements")))
    return "".join(words)
