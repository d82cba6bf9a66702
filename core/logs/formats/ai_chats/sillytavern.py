"""SillyTavern (.jsonl): a header, then one message a line; Chub's variant nests the words."""

import re
from datetime import datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc, written
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("sillytavern", Text("SillyTavern (.jsonl)", "SillyTavern（.jsonl）"))
FORMS = ("%B %d, %Y %I:%M%p", "%B %d, %Y %I:%M %p", "%b %d, %Y %I:%M%p")
OWN_FORM = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s")


def claims(top: Top) -> bool:
    """Lines with `mes` that tell the person from the character."""
    return top.lines and top.has("item.mes") and top.any("item.is_user", "item.user_name", "item.character_name")


def read(source: JsonSource, hints: Hints) -> Log:
    """Every message as it was chosen; hidden ones are SYSTEM. `line` is the line of the file."""
    one = LogConversation("")
    person = ""
    for item in source.records():
        value = as_record(item.value)
        if "mes" not in value and ("user_name" in value or "character_name" in value):
            one.partner = as_text(value.get("character_name")) or None
            person = as_text(value.get("user_name"))
            continue
        one.entries.append(_entry(item, person, one.partner or ""))
    return assemble(FORMAT, [one], hints)


def _entry(item: JsonItem, person: str, character: str) -> LogEntry:
    value = as_record(item.value)
    mes = value.get("mes")
    words = as_text(as_record(mes).get("message")) if isinstance(mes, dict) else mes
    sender = as_text(value.get("name")) or (person if value.get("is_user") else character)
    if not isinstance(words, str) or not sender:
        return unread(item)
    time = moment(value.get("send_date"))
    if value.get("is_system") is True:
        return LogEntry(None, words, item.place, Kind.SYSTEM, time)
    pictured = as_record(value.get("extra")).get("image")
    kind = Kind.TEXT if words.strip() else Kind.MEDIA if pictured else Kind.UNKNOWN
    return LogEntry(sender, words, item.place, kind, time)


def moment(value: object) -> datetime | None:
    """A date in one of the forms that SillyTavern has used."""
    if not isinstance(value, str):
        return utc(value)
    match = OWN_FORM.match(value)
    try:
        if match:
            year, month, day, hour, minute, second = map(int, match.groups())
            return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    for form in FORMS:
        try:
            return datetime.strptime(value.strip(), form)
        except ValueError:
            continue
    return written(value) or (utc(value) if value.isdigit() else None)
