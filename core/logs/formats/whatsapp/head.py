"""The head of a WhatsApp record: the date and time in front, as phones of every language write them."""

import re
from dataclasses import dataclass
from functools import lru_cache

from core.logs.parsing.calendar import fold, halves_pattern, is_month, months_among
from core.logs.parsing.decode import EDGE_MARKS

LONGEST = 90  # characters that a head takes, marks included
_SP = r"[ \u00a0\u202f\u2009]"
_WORD = r"[^\W\d_]{2,14}"
_MARKS = f"[{EDGE_MARKS}]*"
_DATE = (
    rf"(?:{_WORD}\.?,?{_SP})?(?:"
    rf"\d{{1,4}}[./-]{_SP}?\d{{1,2}}[./-]{_SP}?\d{{1,4}}"
    rf"|\d{{4}}[年년]{_SP}?\d{{1,2}}[月월]{_SP}?\d{{1,2}}[日일]"
    rf"|\d{{1,2}}\.?(?:{_SP}|-)(?:de{_SP}|of{_SP})?{_WORD}\.?(?:,?{_SP}(?:de{_SP})?|-)\d{{2,4}}(?:{_SP}?г\.?)?"
    rf"|{_WORD}\.?{_SP}\d{{1,2}},?{_SP}\d{{4}}|\d{{4}}{_SP}{_WORD}\.?{_SP}\d{{1,2}})"
)
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
_HALF = halves_pattern()
_AT = r"klo|kl\.?|at|à|às|a las|alle|ore|ora|om|um|в|у|о|pukul|jam|lúc|kell|tanggal"
HEAD = re.compile(
    rf"{_MARKS}\[?(?P<date>{_DATE})\.?[,.،、]?{_SP}+"
    rf"(?:(?!\d)(?:(?P<before>{_HALF}){_SP}?|(?:{_AT}){_SP}))?(?P<clock>{_CLOCK})"
    rf"(?:(?!{_SP}?[-–—:\]]){_SP}?(?P<after>{_HALF}))?(?:{_SP}Uhr)?(?:\]{_SP}?|{_SP}[-–—]{_SP}|:{_SP})",
    re.IGNORECASE,
)
WEB_COPY = re.compile(
    rf"{_MARKS}\[(?:(?P<before>{_HALF}){_SP}?)?(?P<clock>{_CLOCK})(?:{_SP}?(?P<after>{_HALF}))?"
    rf"[,،]{_SP}?(?P<date>{_DATE})\]{_SP}",
    re.IGNORECASE,
)
# The cheap test before the patterns: a digit, or a word and a digit.
OPENING = re.compile(rf"{_MARKS}\[?(?:\d|(?:{_HALF}){_SP}?\d|{_WORD}\.?,?{_SP}(?:{_WORD}\.?,?{_SP})?\d)", re.IGNORECASE)
MARK = re.compile(f"[{EDGE_MARKS}]")
NUMBERS = re.compile(r"\d+")
NAME = re.compile(_WORD)


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What stands before a name: the date and the clock as written, the half of the day, and what follows.

    `bracket`: it stands in brackets, as on an iPhone, where every record has a name.
    """

    date: str
    clock: str
    half: str | None
    rest: str
    bracket: bool


def match_head(line: str) -> RecordHead | None:
    """The head of a record, in either order, or None for a line that continues one.

    Invisible marks may stand anywhere in it, as in exports of right-to-left languages.
    """
    front = line[:LONGEST]
    marked = not front.isascii() and bool(MARK.search(front))
    if marked:
        front = MARK.sub("", front)
    if not OPENING.match(front):
        return None
    match = HEAD.match(front) or WEB_COPY.match(front)
    if match is None or not _names_a_month(match["date"]):
        return None
    rest = line[_end(line, match.end()) if marked else match.end() :]
    return RecordHead(match["date"], match["clock"], match["before"] or match["after"], rest, "]" in match[0])


def _end(line: str, visible: int) -> int:
    """Where in `line` the first `visible` characters that show end."""
    place = visible
    while (seen := place - len(MARK.findall(line, 0, place))) < visible:
        place += visible - seen
    return place


@lru_cache(maxsize=4096)
def _names_a_month(date: str) -> bool:
    """Whether the words of a date that has two numbers only name a month."""
    if len(NUMBERS.findall(date)) == 3:
        return True
    return any(is_month(word) for word in NAME.findall(date))


class WrittenDates:
    """Dates of one file with their months as numbers, in the one language that fits the file."""

    def __init__(self, dates: list[str]) -> None:
        words = {word for date in dates if len(NUMBERS.findall(date)) == 2 for word in NAME.findall(date)}
        self._months = months_among(words) if words else {}

    def numbers(self, date: str) -> str:
        """Three numbers with strokes between: as written, or year, month and day where the month has a name."""
        found = NUMBERS.findall(date)
        if len(found) == 3:
            return "/".join(found)
        month = next((self._months[key] for word in NAME.findall(date) if (key := fold(word)) in self._months), 0)
        year, day = (found[0], found[1]) if len(found[0]) == 4 else (found[1], found[0])
        return f"{int(year) + (2000 if len(year) < 3 else 0)}/{month}/{day}"
