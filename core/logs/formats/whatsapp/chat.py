"""WhatsApp exports (.txt): a date and time in brackets or before a dash, then "Name: text".

Phones write dates in their own way, so one pattern covers them all. Lines that fit it no further
than the time are system lines; lines that do not fit continue the message before.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time

from core.logs.formats.whatsapp.dates import Stamp, date_order, stamp
from core.logs.formats.whatsapp.kinds import classify
from core.logs.log import DateOrder, Format, Guess, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import EDGE_MARKS, edges, split_records
from core.messages import Message

FORMAT = Format("whatsapp", "WhatsApp", "WhatsApp")
_SP = r"[ \u00a0\u202f\u2009]"
_MARKS = f"[{EDGE_MARKS}]*"
_DATE = rf"\d{{1,4}}[./-]{_SP}?{_MARKS}\d{{1,2}}[./-]{_SP}?{_MARKS}\d{{1,4}}"
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
_HALF_BEFORE = "午前|午後|上午|下午|오전|오후"
HEAD = re.compile(
    rf"{_MARKS}\[?(?P<date>{_DATE})[,.،]?{_SP}+(?:(?P<before>{_HALF_BEFORE}){_SP}?|klo{_SP})?(?P<clock>{_CLOCK})"
    rf"(?:{_SP}?(?P<after>[AaPp]\.?{_SP}?[Mm]\.?|[صم]))?(?:\]{_SP}?|{_SP}[-–]{_SP}|:{_SP})(?P<rest>.*)",
    re.DOTALL,
)
WEB_COPY = re.compile(
    rf"{_MARKS}\[(?P<before>{_HALF_BEFORE})?{_SP}?(?P<clock>{_CLOCK})(?:{_SP}?(?P<after>[AaPp]\.?{_SP}?[Mm]\.?))?"
    rf",{_SP}?(?P<date>{_DATE})\]{_SP}(?P<rest>.*)",
    re.DOTALL,
)
# Whole-line test before the patterns: a header has a digit among its first characters.
OPENING = re.compile(rf"{_MARKS}\[?(?:{_HALF_BEFORE})?\d")
QUOTES = frozenset('"「」“”')
SENDER = re.compile(r"(?P<name>[^:\n]{1,80}?):(?: |(?=\u200e)|(?=\.?$))(?P<body>.*)", re.DOTALL)


def match_head(line: str) -> re.Match[str] | None:
    """The header of a record, in either shape, or None for a line that continues one."""
    return (HEAD.match(line) or WEB_COPY.match(line)) if OPENING.match(line) else None


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines. The header is rare in other text, so most of a short file is enough."""
    heads = sum(bool(match_head(line)) for line in lines)
    written = sum(bool(line.strip()) for line in lines)
    return heads if heads >= 3 or 2 * heads > written else 0


def read(text: str, hints: Hints) -> Log:
    """Every record of an export; day and month by the whole file unless `hints` settle it."""
    records = split_records(text, match_head)
    heads = [match_head(line) for line in records.texts]
    days, guess = _days(filter(None, heads), hints.date_order)
    clocks: dict[tuple[str, str | None], time | None] = {}
    found = Collector(_join)
    for line, number, head in zip(records.texts, records.starts, heads, strict=True):
        if head is None:
            found.line(line, number)
            continue
        written, before, clock, after, rest = head.group("date", "before", "clock", "after", "rest")
        key = (clock, before or after)
        if key not in clocks:
            clocks[key] = _clock(*key)
        day, clock_time = days[written], clocks[key]
        moment = datetime.combine(day, clock_time) if day and clock_time else None
        sender, body = split_sender(rest)
        kind, words = classify(body, sender is not None)
        person = None if kind.value == "system" else sender
        found.add(Message(person, words, number, kind, moment), line.count("\n") + 1)
    count = found.finish(records)
    messages = tuple(found.messages)
    return Log(FORMAT, messages, count, (guess,) if guess else (), partner=_partner(hints.file_name, messages))


def _days(heads: Iterable[re.Match[str]], chosen: DateOrder | None) -> tuple[dict[str, date | None], Guess | None]:
    """The day of every spelling of a date, and what was guessed about their order."""
    stamps: list[tuple[str, Stamp]] = []
    for head in heads:
        if not stamps or head["date"] != stamps[-1][0]:
            stamps.append((head["date"], stamp(head["date"], "0:00", head["before"] or head["after"])))
    order, guess = date_order([one for _, one in stamps], chosen)
    moments = {written: one.moment(order) for written, one in stamps}
    return {written: moment.date() if moment else None for written, moment in moments.items()}, guess


def _clock(written: str, half: str | None) -> time | None:
    try:
        return time(*stamp("1/1/2000", written, half).clock)
    except ValueError:
        return None


def split_sender(rest: str) -> tuple[str | None, str]:
    """(name, text); no name for system lines.

    A colon inside quotes (created group "Team: A") ends no name.
    """
    match = SENDER.match(rest)
    if match is None:
        return None, rest
    name = match["name"]
    if not QUOTES.isdisjoint(name) and (
        name.count('"') % 2 or name.count("「") != name.count("」") or name.count("“") != name.count("”")
    ):
        return None, rest
    return edges(name).removeprefix("~").strip(" \u00a0\u202f") or None, match["body"]


def _join(message: Message, more: Sequence[str]) -> Message:
    """Further lines: of a message, or the caption under an attachment."""
    kind, words = classify("\n".join((message.text, *more)), message.sender is not None)
    if message.sender is None:
        return replace(message, text="\n".join((message.text, *more)))
    return replace(message, kind=kind, text=words)


def _partner(file_name: str, messages: tuple[Message, ...]) -> str | None:
    """The speaker whom the file is named after, as in "WhatsApp Chat with X.txt"."""
    stem = re.sub(r"(?:\s*\(\d+\))?\.\w+$", "", file_name)
    names = {message.sender for message in messages if message.sender}
    named = {name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", stem)}
    return next(iter(named)) if len(named) == 1 and "whatsapp" in stem.lower() else None
