"""Messages of several lines in LINE phone exports: wrapped in double quotes, their own quotes doubled.

A message of one line is never quoted, even when it begins and ends with a quote.
"""

import re
from collections.abc import Sequence
from datetime import date

from core.logs.formats.line.dates import DateHeaders, minutes

UNDOUBLED = re.compile(r'(?<!")(?:"")*"(?!")')
LONGEST = 40_000  # characters of one message; LINE stops at 10,000, quotes are doubled
LOOK_AHEAD = 4


def unquoted(record: str) -> str | None:
    """The words of a whole record of several lines, or None when it is not quoted."""
    inner = record[1:]
    match = UNDOUBLED.search(inner)
    whole = match is not None and match.end() == len(inner) and "\n" in inner
    return inner[:-1].replace('""', '"') if whole else None


class Blocks:
    """Finds the end of quoted messages in a text whose records are lines."""

    def __init__(self, text: str, headers: DateHeaders) -> None:
        self._text = text
        self._headers = headers
        self._next_quote = (0, -1)  # no undoubled quote in text[a:b], one at b

    def unquote(self, start: int, day: date | None, clock: int) -> str | None:
        """The words of the message whose body begins with a quote at `start`, or None when that quote is
        a character like any other.

        A block closes at its first undoubled quote, which must end a line further down. `day` and `clock`
        (minutes) are those of the message.
        """
        text = self._text
        first_end = self._line_end(start)
        if UNDOUBLED.search(text[start + 1 : first_end]):
            return None
        quote = self._quote_after(first_end)
        if quote is None or quote - start > LONGEST or not self._ends_line(quote):
            return None
        if self._swallows(first_end + 1, quote + 1, day, clock):
            return None
        return text[start + 1 : quote].replace('""', '"')

    def _line_end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _ends_line(self, quote: int) -> bool:
        return quote + 1 == len(self._text) or self._text[quote + 1] == "\n"

    def _quote_after(self, start: int) -> int | None:
        """The last character of the first undoubled quote from `start` on. Remembered, so that a text full
        of open quotes is still read in one pass.
        """
        known_from, quote = self._next_quote
        if not known_from <= start <= quote:
            match = UNDOUBLED.search(self._text, start)
            quote = match.end() - 1 if match else len(self._text)
            self._next_quote = (start, quote)
        return quote if quote < len(self._text) else None

    def _swallows(self, start: int, end: int, day: date | None, clock: int) -> bool:
        """Whether text[start:end] is records of their own rather than a log pasted into a message.

        A pasted log comes from the past: real records fit the clock before and after them.
        """
        if self._text.find("\t", start, end) < 0:
            return False
        inside = self._text[start:end].split("\n")
        after = self._text[end + 1 : end + 1 + 2000].split("\n")[:LOOK_AHEAD]
        lines = (*inside, *after)
        span = [moment for k in range(len(inside)) if (moment := self._moment(lines, k))]
        if not any(minute is not None for _, minute in span):
            return False
        later = next((m for k in range(len(inside), len(lines)) if (m := self._moment(lines, k))), None)
        today, clocks = day, [(day, clock)]
        for header, minute in [*span, *([later] if later else [])]:
            today = header or today
            if minute is not None:
                clocks.append((today, minute))
            elif header and day and header < day:
                return False
        pairs = [(d or date.min, c) for d, c in clocks]
        return pairs == sorted(pairs)

    def _moment(self, lines: Sequence[str], k: int) -> tuple[date | None, int | None] | None:
        """(date, None) for a date line, (None, minutes) for a record, None for other text."""
        stamp, tab, _ = lines[k].partition("\t")
        minute = minutes(stamp) if tab else None
        if minute is not None:
            return None, minute
        above = lines[k - 1] if k else "x"
        below = lines[k + 1] if k + 1 < len(lines) else ""
        day = self._headers.date_of(lines[k], lambda: (above, below))
        return (day, None) if day else None
