"""Direct messages in an archive of X (Twitter): scripts that hold JSON, in the archive's zip or alone."""

import html
import re

from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.clock import written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Record, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("x", Text("X (Twitter) direct messages", "X（Twitter）のダイレクトメッセージ"))
MESSAGE = "item.dmConversation.messages.item.messageCreate"
FILES = ("direct-messages.js", "direct-messages-group.js", "direct-messages*-part*.js")
LINK_TO_MEDIA = re.compile(r"https://(?:t\.co/\w+|(?:twitter|x)\.com/messages/media/\d+)\Z")


def claims(top: Top) -> bool:
    """Conversations with texts; a list of headers has none."""
    return top.has(f"{MESSAGE}.text") or top.has(f"{MESSAGE}.mediaUrls")


def claims_archive(archive: Archive) -> bool:
    """The scripts of direct messages."""
    return bool(archive.matching(*FILES))


def read(source: JsonSource, hints: Hints) -> Log:
    """Every conversation of one script. People are ids: X writes no names."""
    found: dict[str, LogConversation] = {}
    _gather(source, found)
    return assemble(FORMAT, found.values(), hints, by_time=True, in_utc=True)


def read_archive(archive: Archive, hints: Hints) -> Log:
    """Every conversation of all scripts; the owner of the archive has a name, the others are ids."""
    owner, names = _owner(archive)
    found: dict[str, LogConversation] = {}
    for name in archive.matching(*FILES):
        _gather(archive.json(name), found)
    for one in found.values():
        others = {entry.sender for entry in one.entries if entry.sender} - {owner}
        if owner and len(others) == 1:
            one.partner = one.name = others.pop()
    return assemble(FORMAT, found.values(), hints, names=names, by_time=True, in_utc=True)


def _owner(archive: Archive) -> tuple[str, dict[str, str]]:
    """(id, names by id) of whose archive it is."""
    for name in archive.matching("account.js"):
        account = as_record(archive.json(name).first("item.account"))
        identity = as_text(account.get("accountId"))
        shown = as_text(account.get("accountDisplayName")) or as_text(account.get("username"))
        if identity:
            return identity, {identity: shown} if shown else {}
    return "", {}


def _gather(source: JsonSource, found: dict[str, LogConversation]) -> None:
    """Add the conversations of a script; one that goes on in another script is one conversation."""
    for item in source.items("item.dmConversation"):
        chat = as_record(item.value)
        identity = as_text(chat.get("conversationId"))
        one = found.setdefault(identity, LogConversation(identity))
        for event in as_list(chat.get("messages")):
            one.entries.append(_entry(JsonItem(len(one.entries) + 1, event)))


def _entry(item: JsonItem) -> LogEntry:
    event = as_record(item.value)
    value = as_record(event.get("messageCreate"))
    sender = as_text(value.get("senderId"))
    if not value and len(event) == 1:  # somebody joined or left, or gave the chat a name
        action, about = next(iter(event.items()))
        about = as_record(about)
        people = [as_text(about.get("initiatingUserId")), *map(as_text, as_list(about.get("userIds")))]
        words = " ".join(word for word in (action, as_text(about.get("name")), *people) if word)
        return LogEntry(None, words, item.place, Kind.SYSTEM, written(about.get("createdAt")))
    if not sender:
        return unread(item)
    words, time = _words(value), written(value.get("createdAt"))
    kind = Kind.TEXT if words else Kind.MEDIA if value.get("mediaUrls") else Kind.UNKNOWN
    return LogEntry(sender, words, item.place, kind, time, as_text(value.get("id")) or None)


def _words(value: Record) -> str:
    """The text with links as they were typed; the link to a picture at its end is no word."""
    words = as_text(value.get("text"))
    for link in map(as_record, as_list(value.get("urls"))):
        if as_text(link.get("url")) and as_text(link.get("expanded")):
            words = words.replace(as_text(link["url"]), as_text(link["expanded"]))
    if value.get("mediaUrls"):
        for _ in range(2):
            words = LINK_TO_MEDIA.sub("", words.rstrip()).rstrip()
    return html.unescape(words)
