"""Gemini (Google Takeout, My Activity as JSON): a record an exchange, newest first; it tells no conversations apart."""

import re
from collections.abc import Iterator
from datetime import datetime

from core.logs.formats.messengers.skype import text_of
from core.logs.log import Format, Hints, Log
from core.logs.parsing.clock import utc_of
from core.logs.parsing.conversations import LogConversation, LogEntry, assemble, unread
from core.logs.parsing.json_source import JsonItem, JsonSource, Top, as_list, as_record, as_text
from core.messages import Kind
from core.text import Text

FORMAT = Format("gemini", Text("Gemini (My Activity, JSON)", "Gemini（マイ アクティビティの JSON）"))
ASKED = re.compile(r"(?:Prompted|Said) |送信したメッセージ[:：]\s?")
ASKED_AFTER = re.compile(r"\s?と入力しました\Z")
BREAKS = re.compile(r"</(?:p|li|h\d|pre|tr)>\s*(?!\Z)|<br\s?/?>", re.IGNORECASE)


def claims(top: Top) -> bool:
    """Activities, of which some hold an answer as HTML."""
    return top.has("item.header", "item.title", "item.time") and top.has("item.safeHtmlItem")


def read(source: JsonSource, hints: Hints) -> Log:
    """What was asked and what was answered, oldest first; other activities are SYSTEM. Times are those of UTC."""
    exchanges = [list(_entries(item)) for item in source.records()]
    exchanges.sort(key=lambda entries: entries[0].time or datetime.min)
    one = LogConversation("", [entry for entries in exchanges for entry in entries])
    return assemble(FORMAT, [one], hints, in_utc=True)


def _entries(item: JsonItem) -> Iterator[LogEntry]:
    value = as_record(item.value)
    title, time = as_text(value.get("title")), utc_of(value.get("time"))
    answers = [as_text(as_record(one).get("html")) for one in as_list(value.get("safeHtmlItem"))]
    answer = text_of(BREAKS.sub("\n", "\n".join(answers))).strip()
    if not title and not answer:
        yield unread(item)
        return
    marked = ASKED.match(title) or ASKED_AFTER.search(title)
    if not marked and not answer:
        yield LogEntry(None, title, item.place, Kind.SYSTEM, time)
        return
    yield LogEntry("user", ASKED_AFTER.sub("", ASKED.sub("", title, count=1)), item.place, Kind.TEXT, time)
    if answer:
        yield LogEntry("assistant", answer, item.place, Kind.TEXT, time)
