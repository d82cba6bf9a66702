"""WhatsApp exports (.txt): a date and time in brackets or before a dash, then "Name: text".

Phones write dates in their own way, so one pattern covers them all. Lines that fit it no further
than the time are system lines; lines that do not fit continue the message before.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time

from core.logs.formats.whatsapp import phrases
from core.logs.formats.whatsapp.dates import Stamp, date_order, stamp
from core.logs.formats.whatsapp.head import RecordHead, WrittenDates, match_head
from core.logs.formats.whatsapp.kinds import classify
from core.logs.log import DateOrder, Format, Guess, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import edges, split_records
from core.logs.parsing.presumed import presume
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("whatsapp", Text("WhatsApp", "WhatsApp"))
OPENERS = {"„": "“”", "“": "”", "«": "»", "»": "«", "「": "」", "『": "』", "‹": "›", "《": "》", '"': '"'}
QUOTES = frozenset("".join(OPENERS) + "”」』›》")
SENDER = re.compile(r"(?P<name>[^:\n]{1,80}):(?: |(?=[\u200e\u200f])|(?=\.?$))(?P<body>.*)", re.DOTALL)
CLOSE = re.compile(r"(?P<name>[^:\n]{1,40}):(?!//)(?P<body>.+)", re.DOTALL)


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines. The header is rare in other text, so most of a short file is enough."""
    heads = sum(bool(match_head(line)) for line in lines)
    written = sum(bool(line.strip()) for line in lines)
    return heads if heads >= 3 or 2 * heads > written else 0


def read(text: str, hints: Hints) -> Log:
    """Every record of an export; day and month by the whole file unless `hints` settle it."""
    records = split_records(text, match_head)
    heads = [match_head(line) for line in records.texts]
    days, guess = _days([head for head in heads if head], hints.date_order)
    clocks: dict[tuple[str, str | None], time | None] = {}
    senders = _Senders(heads)
    found = Collector(_join)
    for line, number, head in zip(records.texts, records.starts, heads, strict=True):
        if head is None:
            found.line(line, number)
            continue
        key = (head.clock, head.half)
        if key not in clocks:
            clocks[key] = _clock(*key)
        day, clock_time = days[head.date], clocks[key]
        moment = datetime.combine(day, clock_time) if day and clock_time else None
        sender, body = senders.split(head.rest)
        kind, words = classify(body, sender is not None)
        person = None if kind is Kind.SYSTEM else sender
        found.add(Message(person, words, number, kind, moment), line.count("\n") + 1)
    count = found.finish(records)
    messages, presumed = presume(found.messages, hints.presumed, known=_is_known, nearly=phrases.is_nearly_deleted)
    guesses = tuple(filter(None, (guess, presumed)))
    return Log(FORMAT, messages, count, guesses, partner=_partner(hints.file_name, messages))


def _is_known(message: Message) -> bool:
    """Whether a message that nobody typed is a sentence of the table, so that the language of the file is in it."""
    return phrases.kind_of(message.text, sure=True) is not None


def _days(heads: Sequence[RecordHead], chosen: DateOrder | None) -> tuple[dict[str, date | None], Guess | None]:
    """The day of every spelling of a date, and what was guessed about their order."""
    spellings = dict.fromkeys(head.date for head in heads)
    written = WrittenDates(list(spellings))
    numbers = {date: written.numbers(date) for date in spellings}
    stamps: list[Stamp] = []
    last = ""
    for head in heads:
        if head.date != last:
            stamps.append(stamp(numbers[head.date], "0:00", head.half))
            last = head.date
    order, guess = date_order(stamps, chosen)
    moments = {date: stamp(numbers[date], "0:00", None).moment(order) for date in spellings}
    return {date: moment.date() if moment else None for date, moment in moments.items()}, guess


def _clock(written: str, half: str | None) -> time | None:
    try:
        return time(*stamp("1/1/2000", written, half).clock)
    except ValueError:
        return None


class _Senders:
    """Tells the name from the words, by what all records of the file say.

    Most phones write a space behind the colon. Some do not; then a name that the file also writes with a
    space, that stands there twice, or that follows a bracket is a name too.
    """

    def __init__(self, heads: Sequence[RecordHead | None]) -> None:
        self._brackets = False
        self._known: Counter[str] = Counter()
        for head in heads:
            if head is None:
                continue
            self._brackets = self._brackets or head.bracket
            match = SENDER.match(head.rest)
            if match:
                self._known[match["name"]] += 2
            elif close := CLOSE.match(head.rest):
                self._known[close["name"]] += 1

    def split(self, rest: str) -> tuple[str | None, str]:
        """(name, words); no name for system lines. A colon inside quotes (created group "Team: A") ends none."""
        match = SENDER.match(rest)
        if match is None:
            match = CLOSE.match(rest)
            if match is None or not (self._brackets or self._known[match["name"]] > 1):
                return None, rest
        name = match["name"]
        if not QUOTES.isdisjoint(name) and _inside_quotes(name):
            return None, rest
        return edges(name).removeprefix("~").strip(" \u00a0\u202f") or None, match["body"]


def _inside_quotes(text: str) -> bool:
    """Whether a quote of `text` is still open at its end."""
    open_quotes: list[str] = []
    for character in text:
        if open_quotes and character in OPENERS[open_quotes[-1]]:
            open_quotes.pop()
        elif character in OPENERS:
            open_quotes.append(character)
    return bool(open_quotes)


def _join(message: Message, more: Sequence[str]) -> Message:
    """Further lines: of a message, or the caption under an attachment."""
    kind, words = classify("\n".join((message.text, *more)), message.sender is not None)
    if message.sender is None:
        return replace(message, text="\n".join((message.text, *more)))
    return replace(message, kind=kind, text=words)


def _partner(file_name: str, messages: tuple[Message, ...]) -> str | None:
    """The speaker whom the file is named after, as in "WhatsApp Chat with X.txt"."""
    stem = re.sub(r"(?:\s{0,9}\(\d{1,9}\))?\.\w+$", "", file_name)
    names = {message.sender for message in messages if message.sender}
    named = {name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", stem)}
    return next(iter(named)) if len(named) == 1 and "whatsapp" in stem.lower() else None
