"""LINE talk history saved on a phone: a banner, date lines, then time, name and text between tabs.

A million messages are read in a second or two: plain records go from one search over the text straight
into columns, and only lines that are not plain records are looked at further.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from core.logs.columns import NO_TIME, Columns
from core.logs.formats.line.banner import DEPTH, in_another_language, is_banner, is_saved, named_in, partner_of
from core.logs.formats.line.dates import HALVES, DateHeaders, looks_like_header, minutes
from core.logs.formats.line.kinds import EMOJI, OTHER_MARK, SUSPECT, classify
from core.logs.formats.line.quotes import Blocks, unquoted
from core.logs.log import Format, Guess, Hints, LineCount, Log
from core.logs.parsing.calendar import halves_pattern
from core.logs.parsing.decode import EDGE_MARKS, Records, count_lines, split_records
from core.logs.parsing.presumed import presumed_guess
from core.messages import Kind
from core.text import Text

FORMAT = Format("line", Text("LINE (saved on a phone)", "LINE（スマートフォンで保存）"))
HEAD = re.compile(
    rf"(?:{HALVES}|{halves_pattern()})?\s?\d{{1,2}}:\d{{2}}(?:\s?(?:น\.|{halves_pattern()}))?\t", re.IGNORECASE
)
INVISIBLE = str.maketrans("", "", EDGE_MARKS)
# Every line is one match: clock, name and text, or any other line.
ROW = re.compile(r"^(?:([^\t\n]{3,20})\t([^\t\n]+)\t(.*)|(.*))$", re.MULTILINE)
SHORT_LINE = re.compile(r"^[^\t\n]{6,40}$", re.MULTILINE)
CHUNK = 1_000_000  # characters searched at a time
MORE = frozenset('"') | SUSPECT
DAY_MINUTES = 24 * 60
BLANKS = 20  # lines below a date line among which the next written one is looked for

PhoneLine = tuple[int, tuple[str, str, str, str]]
"""Number of the line, and what ROW found in it."""


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines: time and tab. A banner or date line makes one message enough."""
    heads = sum(bool(HEAD.match(line)) for line in lines)
    framed = any(map(looks_like_header, lines)) or any(map(is_banner, lines[:DEPTH]))
    return heads if heads >= 3 or (heads and framed) else 0


def read(text: str, hints: Hints) -> Log:
    """Every record of a phone export, with kinds; lines that fit nowhere are kept as UNKNOWN."""
    top = text[:4000].splitlines()[:DEPTH]
    total = count_lines(text)
    if "\r" in text:
        text, records = _one_line_end(text)
    else:
        records = None
    reading = _MixedEndingsReader(records, hints) if records else _PhoneReader(text, hints)
    found = reading.read()
    count = LineCount(total, reading.used, reading.marks, reading.blank, reading.unread)
    partner, guesses = partner_of(top, hints.file_name), _guesses(reading.headers)
    if in_another_language(top):
        partner = partner or named_in(top, {name for name in found.senders if name})
        guesses += _presumed(found, hints)
    return Log(FORMAT, found, count, guesses, partner=partner)


def _one_line_end(text: str) -> tuple[str, Records | None]:
    """`text` with bare line feeds; its records instead where line feeds stand inside them."""
    crlf = text.count("\r\n")
    if crlf and crlf < text.count("\n"):
        records = split_records(text, HEAD.match)
        if records.mixed:
            return "", records
    return (text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")), None


class _PhoneReader:
    """Goes once through a text whose records are lines. The slow steps find their place by searching for the line."""

    def __init__(self, text: str, hints: Hints) -> None:
        self._text = text
        self._at = 0  # a place before which nothing is searched any more
        self.headers = DateHeaders(self._candidates, HEAD.match, hints.date_order)
        self._blocks = Blocks(text, self.headers)
        self._found = Columns()
        self._names = _Names()
        self._clocks = _Clocks()
        self._day: date | None = None
        self._midnight: int | None = None  # minutes since EPOCH
        self._tail: list[str] = []
        self._tail_start = 0
        self._mark = 0  # messages before the last banner or date line
        self.used = self.marks = self.blank = self.unread = 0

    def read(self) -> Columns:
        """All messages. What is here in the loop is done a million times; `_other` knows the rest."""
        found, names, clocks = self._found, self._names, self._clocks
        senders, texts, lines, times = found.senders, found.texts, found.lines, found.minutes
        tail, plain = self._tail, 0
        rows = self._rows()
        for number, row in rows:
            clock, name, body, _ = row
            minute = clocks[clock]
            midnight = self._midnight
            if minute is None or body[:1] in MORE or tail or midnight is None:
                self._other(number, row, rows)
                continue
            sender = names[name]
            if sender is None or EMOJI in body or body.startswith(sender):
                self._other(number, row, rows)
                continue
            senders.append(sender)
            texts.append(body)
            lines.append(number)
            times.append(midnight + minute)
            plain += 1
        self._settle()
        self.used += plain
        return found

    def _rows(self) -> Iterator[PhoneLine]:
        """Every line, a stretch of the text at a time."""
        text, number, start = self._text, 1, 0
        stop = len(text) - text.endswith("\n")
        while start <= stop:
            end = text.find("\n", start + CHUNK)
            end = stop if end < 0 else end
            rows = ROW.findall(text, start, end)
            yield from enumerate(rows, number)
            number += len(rows)
            start = end + 1

    def _other(self, number: int, row: tuple[str, str, str, str], rows: Iterator[PhoneLine]) -> None:
        """A line that is no plain record, or the first after lines that belong to none yet."""
        clock, name, body, line = row
        if clock:
            line = f"{clock}\t{name}\t{body}"
        clock, tab, rest = line.partition("\t")
        minute = self._clocks[clock] if tab else None
        if minute is None:
            self._no_record(number, line)
            return
        name, tab, body = rest.partition("\t")
        if not tab:
            name, body = "", rest
        self._settle()
        taken = line.count("\n") + 1
        if body.startswith('"'):
            words, more = self._unquote(line, body, minute)
            body, taken = words, taken + more
            for _ in range(more):
                next(rows)
        sender = self._names[name]
        kind, body = classify(body, sender)
        self._found.add(sender, body, number, kind, NO_TIME if self._midnight is None else self._midnight + minute)
        self.used += taken

    def _no_record(self, number: int, line: str) -> None:
        """A date line, a banner, or part of the message above."""
        day = self.headers.date_of(line, lambda: self._around(line))
        if day and self._day and day < self._day and self._around(line)[0].strip():
            day = None  # the past, right below words: somebody wrote it
        top = number <= DEPTH and not self._found and self._day is None and is_banner(line)
        # The second: another export, joined to the first.
        if day or top or (line.startswith("[LINE]") and is_saved(self._around(line)[1])):
            self._settle()
            self.marks += line.count("\n") + 1
            self._mark = len(self._found)
            self._start_day(day or self._day)
            return
        if not self._tail:
            self._tail_start = number
        self._tail.extend((line[1:] if line.startswith("\t") else line).split("\n"))

    def _start_day(self, day: date | None) -> None:
        self._day = day
        self._midnight = (day.toordinal() - 1) * DAY_MINUTES if day else None

    def _settle(self) -> None:
        """Lines without a head go to the message above, or become one that was not understood."""
        tail = self._tail
        while tail and not tail[-1].strip():
            tail.pop()
            self.blank += 1
        if not tail:
            return
        if len(self._found) > self._mark:
            self._found.extend_last(tail, classify)
            self.used += len(tail)
        else:
            first = next(i for i, line in enumerate(tail) if line.strip())
            blank = sum(not line.strip() for line in tail)
            self.blank += blank
            self.unread += len(tail) - blank
            self._found.add(None, "\n".join(tail[first:]), self._tail_start + first, Kind.UNKNOWN, NO_TIME)
        tail.clear()

    def _candidates(self) -> Iterable[str]:
        """Every line that may be a date line."""
        return (match[0] for match in SHORT_LINE.finditer(self._text))

    def _locate(self, line: str) -> int:
        """Where `line` begins: at its first place from the last one on, as equal lines are all looked at."""
        text = self._text
        if self._at or not text.startswith(f"{line}\n"):
            before = text.find(f"\n{line}\n", max(self._at - 1, 0))
            self._at = before + 1 if before >= 0 else len(text) - len(line)
        return self._at

    def _around(self, line: str) -> tuple[str, str]:
        """The line above, and the next below that is not blank."""
        start = self._locate(line)
        end = start + len(line)
        above = self._text[max(start - 1000, 0) : max(start - 1, 0)].rpartition("\n")[2]
        return above, self._text[end + 1 : end + 1000].lstrip().partition("\n")[0]

    def _unquote(self, line: str, body: str, minute: int) -> tuple[str, int]:
        """The words of a body that begins with a quote, and how many lines more they take."""
        start = self._locate(line) + len(line) - len(body)
        words = self._blocks.unquote(start, self._day, minute)
        self._at = start + len(body if words is None else words)
        return (body, 0) if words is None else (words, words.count("\n"))


class _MixedEndingsReader(_PhoneReader):
    """Goes through records that end with CRLF and may hold line feeds."""

    def __init__(self, records: Records, hints: Hints) -> None:
        self._records = records
        self._place = 0
        super().__init__("", hints)

    def _rows(self) -> Iterator[PhoneLine]:
        for place, (record, start) in enumerate(zip(self._records.texts, self._records.starts, strict=True)):
            self._place = place
            match = None if "\n" in record else ROW.fullmatch(record)
            clock, name, body, line = match.groups("") if match else ("", "", "", record)
            yield start, (clock, name, body, line)

    def _candidates(self) -> Iterable[str]:
        return self._records.texts

    def _around(self, line: str) -> tuple[str, str]:
        records, place = self._records.texts, self._place
        below = next((one for one in records[place + 1 : place + 1 + BLANKS] if one.strip()), "")
        return records[place - 1] if place else "", below

    def _unquote(self, line: str, body: str, minute: int) -> tuple[str, int]:
        return unquoted(body) or body, 0


def _presumed(found: Columns, hints: Hints) -> tuple[Guess, ...]:
    """Marks for pictures, stickers and calls in a language whose words are not known: a guess to be taken back."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(found.texts):
        if text[:1] in "[☎" and place not in found.kinds and OTHER_MARK.fullmatch(text):
            places[text].append(place)
    taken = tuple(places) if hints.presumed is None else tuple(text for text in places if text in hints.presumed)
    found.kinds.update((place, Kind.PRESUMED) for text in taken for place in places[text])
    return (presumed_guess(taken, tuple(places), sum(len(places[text]) for text in taken)),) if places else ()


def _guesses(headers: DateHeaders) -> tuple[Guess, ...]:
    if headers.order is None:
        return ()
    day_first = headers.order == "dmy"
    order, order_ja = ("day", "日/月") if day_first else ("month", "月/日")
    note = Text(
        f"Dates were read with the {order} first; the weekdays agree.",
        f"日付は{order_ja}の順で読みました（曜日と一致）。",
    )
    if not headers.agreed:
        note = Text(
            f"Dates were read with the {order} first. Change it if they look wrong.",
            f"日付は{order_ja}の順で読みました。日付が違って見えるときは変えてください。",
        )
    return (Guess("date_order", (headers.order,), ("dmy", "mdy"), headers.agreed, note),)


class _Clocks(dict[str, int | None]):
    """Clock text → minutes since midnight; None if it is not a time."""

    def __missing__(self, stamp: str) -> int | None:
        minute = minutes(stamp)
        if minute is not None or not stamp:
            self[stamp] = minute
        return minute


class _Names(dict[str, str | None]):
    """Name as written → one spelling a person: NFKC and invisible marks make no other person; None for no name."""

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, str] = {}

    def __missing__(self, written: str) -> str | None:
        shown = written.translate(INVISIBLE).strip() or written.strip()
        self[written] = self._first.setdefault(unicodedata.normalize("NFKC", shown), shown) if shown else None
        return self[written]
