"""SMS Backup & Restore (Android): an XML file with a tag a message; pictures stand in it as long runs of letters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import unescape

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble
from core.messages import Kind
from core.text import Text

FORMAT = Format("sms-backup", Text("SMS Backup & Restore (.xml)", "SMS Backup & Restore（.xml）"))
TAG = re.compile(r"<(?P<name>sms|mms|part|/mms)(?P<values>(?:\s+[\w:-]{1,40}=(?:\"[^\"<]*\"|'[^'<]*'))*)\s*/?>")
VALUE = re.compile(r"([\w:-]{1,40})=(?:\"([^\"<]*)\"|'([^'<]*)')")
# Letters beyond the first 65,536 are written as two halves, which XML does not allow and unescape() does not join.
HALVES = re.compile(r"&#(5[56]\d{3});&#(5[67]\d{3});")
BEGINS = re.compile(r"<smses\b|<(?:sms|mms) [a-z_]+=[\"']")
SENT = "2"
ME = "Me"


def score(lines: Sequence[str]) -> int:
    """The tag that holds all of them, or one of a message: no other text has those."""
    return 1_000_000 if any(BEGINS.search(line[:2000]) for line in lines) else 0


@dataclass
class _Multimedia:
    """A message of several parts, as far as it was read."""

    values: dict[str, str]
    line: int
    texts: list[str]
    shown: int = 0


def read(text: str, hints: Hints) -> Log:
    """Every message; a contact's are a conversation. Times are those of UTC, places the lines of the file."""
    found: dict[str, LogConversation] = {}
    open_: _Multimedia | None = None
    line = at = 0
    for tag in TAG.finditer(text):
        line, at = line + text.count("\n", at, tag.start()), tag.start()
        values = _values(tag["values"])
        if tag["name"] == "sms":
            _add(found, values, values.get("type") == SENT, LogEntry(None, values.get("body", ""), line + 1))
        elif tag["name"] == "mms":
            open_ = _Multimedia(values, line + 1, [])
        elif open_ and tag["name"] == "part":
            kind = values.get("ct", "")
            open_.texts += [values["text"]] if kind == "text/plain" and values.get("text", "null") != "null" else []
            open_.shown += kind not in ("text/plain", "application/smil")
        elif open_:
            entry = LogEntry(None, "\n".join(open_.texts), open_.line, Kind.MEDIA if open_.shown else Kind.TEXT)
            _add(found, open_.values, open_.values.get("msg_box") == SENT, entry)
            open_ = None
    return assemble(FORMAT, found.values(), hints, by_time=True, in_utc=True)


def _add(found: dict[str, LogConversation], values: Mapping[str, str], sent: bool, entry: LogEntry) -> None:
    number, name = values.get("address", ""), values.get("contact_name", "")
    other = number if name in ("", "(Unknown)", "null") else name
    one = found.setdefault(number, LogConversation(other or "?", partner=other or None))
    kind = Kind.TEXT if entry.text.strip() else Kind.MEDIA if entry.kind is Kind.MEDIA else Kind.UNKNOWN
    sender = ME if sent else other or "?"
    one.entries.append(replace(entry, sender=sender, kind=kind, time=utc(values.get("date", ""))))


def _values(written: str) -> dict[str, str]:
    return {name: unescape(HALVES.sub(_joined, a or b)) for name, a, b in VALUE.findall(written)}


def _joined(halves: "re.Match[str]") -> str:
    high, low = int(halves[1]), int(halves[2])
    if not (0xD800 <= high <= 0xDBFF and 0xDC00 <= low <= 0xDFFF):
        return halves[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
