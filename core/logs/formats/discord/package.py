"""Discord's own data package (zip): everything a person wrote, and nothing that others wrote."""

import csv
import io
from pathlib import PurePosixPath

from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.clock import written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.decode import decode
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("discord-package", Text("Discord (data package)", "Discord（データパッケージ）"))
OWNER = "me"
ONE_SIDE = Text(
    "Discord's package holds only your own messages: nothing shows what they answered.",
    "Discord のデータパッケージには自分の発言しか入っていません。何への返事かはわかりません。",
)


def claims(top: Top) -> bool:
    """The messages of one channel, taken out of the package."""
    return top.records_have("ID", "Timestamp", "Contents")


def claims_archive(archive: Archive) -> bool:
    """A list of channels, and a folder for each."""
    return bool(archive.matching("[Mm]essages/index.json")) and bool(_channels(archive))


def read(source: JsonSource, hints: Hints) -> Log:
    """One channel, of which the name of the owner is not known."""
    one = LogConversation("", [_entry(item, OWNER) for item in source.records()])
    return assemble(FORMAT, [one], hints, by_time=True, in_utc=True, notes=(ONE_SIDE,))


def read_archive(archive: Archive, hints: Hints) -> Log:
    """Every channel as a conversation, under its name in the package's list."""
    labels = as_record(archive.json(archive.matching("[Mm]essages/index.json")[0]).first(""))
    owner = _owner(archive)
    found = []
    for name in _channels(archive):
        channel = PurePosixPath(name).parent.name
        label = as_text(labels.get(channel.removeprefix("c"))) or channel
        items = _table(archive.read(name)) if name.endswith(".csv") else list(archive.json(name).records())
        found.append(LogConversation(label, [_entry(item, owner) for item in items]))
    return assemble(FORMAT, found, hints, by_time=True, in_utc=True, notes=(ONE_SIDE,))


def _channels(archive: Archive) -> list[str]:
    return archive.matching("[Mm]essages/*/messages.json", "[Mm]essages/*/messages.csv")


def _owner(archive: Archive) -> str:
    for name in archive.matching("[Aa]ccount/user.json"):
        source = archive.json(name)
        known = as_text(source.first("global_name")) or as_text(source.first("username"))
        if known:
            return known
    return OWNER


def _table(data: bytes) -> list[JsonItem]:
    rows = csv.DictReader(io.StringIO(decode(data).text)) if data.strip() else []
    return [JsonItem(place, dict(row)) for place, row in enumerate(rows, 1)]


def _entry(item: JsonItem, owner: str) -> LogEntry:
    value = as_record(item.value)
    if "Contents" not in value:
        return unread(item)
    words, links = as_text(value.get("Contents")), as_text(value.get("Attachments"))
    kind = Kind.TEXT if words.strip() else Kind.MEDIA if links else Kind.UNKNOWN
    shown = words or " ".join(link.split("?")[0].rsplit("/", 1)[-1] for link in links.split())
    return LogEntry(owner, shown, item.place, kind, written(value.get("Timestamp")), as_text(value.get("ID")) or None)
