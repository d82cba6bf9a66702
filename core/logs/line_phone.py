"""LINE talk history saved on a phone: a banner, date lines, then time, name and text between tabs.

A message of several lines is wrapped in double quotes and its own quotes are doubled; a message of
one line is never quoted, even when it begins and ends with a quote.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from core.logs.collect import Collector
from core.logs.decode import EDGE_MARKS, split_records
from core.logs.line_banner import DEPTH, SAVED, is_banner, partner_of
from core.logs.line_dates import HALVES, MINUTE, DateHeaders, at, looks_like_header, minutes
from core.logs.line_kinds import classify, join_talk
from core.logs.log import Format, Guess, Hints, Log, Note
from core.messages import Message

FORMAT = Format("line", "LINE (saved on a phone)", "LINE（スマートフォンで保存）")
HEAD = re.compile(rf"(?:{HALVES})?\s?\d{{1,2}}:\d{{2}}\s?(?:[AaPp]\.?[Mm]\.?|น\.)?\t")
INVISIBLE = str.maketrans("", "", EDGE_MARKS)
UNDOUBLED = re.compile(r'(?<!")(?:"")*"(?!")')


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines: time and tab. A banner or date line makes one message enough."""
    heads = sum(bool(HEAD.match(line)) for line in lines)
    framed = any(map(looks_like_header, lines)) or any(map(is_banner, lines[:DEPTH]))
    return heads if heads >= 3 or (heads and framed) else 0


def read(text: str, hints: Hints) -> Log:
    """Every record of a phone export, with kinds; lines that fit nowhere are kept as UNKNOWN."""
    records = split_records(text, HEAD.match)
    lines, starts = records.texts, records.starts
    headers = DateHeaders(lines, HEAD.match, hints.date_order)
    found, blocks, names = Collector(join_talk), _Blocks(lines, headers, records.mixed), _Names()
    clock = _Clock(None)
    i = _skip_banner(lines, starts, found)
    end = len(lines)
    while i < end:
        line = lines[i]
        stamp, *columns = line.split("\t", 2)
        time = clock[stamp] if columns else False
        if time is False:
            day = headers.date_at(i)
            if day is not None:
                clock = _Clock(day)
                found.mark(line.count("\n") + 1)
            elif line.startswith("[LINE]") and i + 1 < end and SAVED.fullmatch(lines[i + 1]):
                found.mark(line.count("\n") + 1)  # a second export, joined to the first
            else:
                found.line(line[1:] if line.startswith("\t") else line, starts[i])
            i += 1
            continue
        name, body = columns if len(columns) == 2 else ("", columns[0])
        taken = 1
        if body.startswith('"'):
            body, taken = blocks.unquote(i, body, clock.day, stamp)
        sender = names[name] if name.strip() else None
        kind, body = classify(body, sender)
        used = taken if not records.mixed else line.count("\n") + 1
        found.add(Message(sender, body, starts[i], kind, time or None), used)
        i += taken
    count = found.finish(records)
    partner = partner_of(lines[:DEPTH], hints.file_name)
    return Log(FORMAT, tuple(found.messages), count, _guesses(headers), partner=partner)


def _skip_banner(lines: Sequence[str], starts: Sequence[int], found: Collector) -> int:
    """Mark the banner, the date of saving and blank lines above the first message; the next index."""
    for i, line in enumerate(lines[:DEPTH]):
        if not line.strip():
            found.line(line, starts[i])
        elif is_banner(line):
            found.mark(line.count("\n") + 1)
        else:
            return i
    return min(DEPTH, len(lines))


def _guesses(headers: DateHeaders) -> tuple[Guess, ...]:
    if headers.order is None:
        return ()
    day_first = headers.order == "dmy"
    note = Note(
        f"Dates were read with the {'day' if day_first else 'month'} first; the weekdays agree.",
        f"日付は{'日/月' if day_first else '月/日'}の順で読みました（曜日と一致）。",
    )
    return (Guess("date_order", (headers.order,), ("dmy", "mdy"), True, note),)


class _Clock(dict[str, datetime | Literal[False] | None]):
    """Clock text → moment on one day, each worked out once; False for what is no time.

    Before any date line there is no day: the moment is None.
    """

    def __init__(self, day: date | None) -> None:
        super().__init__()
        self.day = day
        self._midnight = at(day, 0) if day else None

    def __missing__(self, stamp: str) -> datetime | Literal[False] | None:
        minute = minutes(stamp)
        if minute is None:
            return False
        moment = self._midnight + MINUTE[minute] if self._midnight else None
        self[stamp] = moment
        return moment


class _Names(dict[str, str]):
    """Name as written → one spelling a person: NFKC and invisible marks make no other person."""

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, str] = {}

    def __missing__(self, written: str) -> str:
        shown = written.translate(INVISIBLE).strip() or written
        self[written] = self._first.setdefault(unicodedata.normalize("NFKC", shown), shown)
        return self[written]


class _Blocks:
    """Finds the end of quoted messages of several lines."""

    def __init__(self, lines: Sequence[str], headers: DateHeaders, mixed: bool) -> None:
        self._lines = lines
        self._headers = headers
        self._mixed = mixed
        self._next_quote = (0, -1)  # no undoubled quote in lines[a:b], one in line b

    def unquote(self, i: int, body: str, day: date | None, stamp: str) -> tuple[str, int]:
        """The text of the message in record `i` and how many records it takes.

        A block closes at its first undoubled quote, which must end a line further down. Otherwise
        the leading quote is a character like any other.
        """
        inner = body[1:]
        match = UNDOUBLED.search(inner)
        if self._mixed or match:
            whole = match is not None and match.end() == len(inner) and "\n" in inner
            return (inner[:-1].replace('""', '"') if whole else body), 1
        end = self._quote_after(i + 1)
        if end is None:
            return body, 1
        last = self._lines[end]
        match = UNDOUBLED.search(last)
        if match is None or match.end() != len(last) or self._swallows(i, end, day, stamp):
            return body, 1
        block = "\n".join((inner, *self._lines[i + 1 : end], last[:-1]))
        return block.replace('""', '"'), end - i + 1

    def _quote_after(self, i: int) -> int | None:
        """The first line from `i` on with an undoubled quote. Remembered, so that a file full of
        open quotes is still read in one pass.
        """
        start, end = self._next_quote
        if not start <= i <= end:
            end = next((k for k in range(i, len(self._lines)) if UNDOUBLED.search(self._lines[k])), len(self._lines))
            self._next_quote = (i, end)
        return end if end < len(self._lines) else None

    def _swallows(self, i: int, end: int, day: date | None, stamp: str) -> bool:
        """Whether lines i+1..end are records of their own rather than a log pasted into a message.

        A pasted log comes from the past: real records fit the clock before and after them.
        """
        span = [moment for k in range(i + 1, end + 1) if (moment := self._moment(k)) is not None]
        if not any(clock is not None for _, clock in span):
            return False
        after = next((m for k in range(end + 1, min(end + 5, len(self._lines))) if (m := self._moment(k))), None)
        today, clocks = day, [(day, minutes(stamp))]
        for header, clock in [*span, *([after] if after else [])]:
            today = header or today
            if clock is not None:
                clocks.append((today, clock))
            elif header and day and header < day:
                return False
        pairs = [(d or date.min, c or 0) for d, c in clocks]
        return pairs == sorted(pairs)

    def _moment(self, k: int) -> tuple[date | None, int | None] | None:
        """(date, None) for a date line, (None, minutes) for a record, None for other text."""
        stamp, tab, _ = self._lines[k].partition("\t")
        clock = minutes(stamp) if tab else None
        if clock is not None:
            return None, clock
        day = self._headers.date_at(k)
        return (day, None) if day else None
