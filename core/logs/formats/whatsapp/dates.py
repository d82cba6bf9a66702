"""Dates of WhatsApp exports: their order follows the phone, so the whole file decides it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import pairwise

from core.logs.log import DateOrder, Guess
from core.logs.parsing.calendar import NOON, gregorian, is_afternoon
from core.text import Text


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date and time as written: three numbers in the order of the file, and the clock."""

    parts: tuple[int, int, int]
    clock: tuple[int, int, int]
    widths: tuple[int, int, int]
    """Digits of each part: a first part of four is a year, and 6/3/23 is written so in the US."""
    upper_half: bool
    """The half of the day is written AM or PM, in capitals."""

    def moment(self, order: DateOrder) -> datetime | None:
        """The moment in `order`; None when there is no such day or time."""
        a, b, c = self.parts
        year, month, day = {"ymd": (a, b, c), "dmy": (c, b, a), "mdy": (c, a, b)}[order]
        day_of = gregorian(year + 2000 if year < 100 else year, month, day)
        try:
            return datetime.combine(day_of, time(*self.clock)) if day_of else None
        except ValueError:
            return None


def stamp(date: str, clock: str, half: str | None) -> Stamp:
    """Read what the header pattern found; `half` is AM or PM in any language."""
    numbers = re.findall(r"\d+", date)
    hour, minute, second = (*map(int, re.findall(r"\d+", clock)), 0)[:3]
    if half:
        late = hour in (12, 1) if half == NOON else bool(is_afternoon(half))
        hour = hour % 12 + 12 * late
    a, b, c = map(int, numbers)
    wa, wb, wc = map(len, numbers)
    capitals = bool(half) and half.isascii() and half.isupper()
    return Stamp((a, b, c), (hour, minute, second), (wa, wb, wc), capitals)


def date_order(stamps: Sequence[Stamp], chosen: DateOrder | None) -> tuple[DateOrder, Guess | None]:
    """The order for a whole file, from its stamps in file order, and the guess to show (None if plain).

    In turn: a year in front; a part above 12; the order in which time never runs back; the part
    that changes more often is the day; the American way of writing; else day first, and say so.
    """
    if stamps and all(s.widths[0] == 4 for s in stamps):
        return "ymd", None
    if chosen in ("dmy", "mdy"):
        return chosen, _guess(chosen, True)
    firsts, seconds = [s.parts[0] for s in stamps], [s.parts[1] for s in stamps]
    over = (max(firsts, default=0) > 12, max(seconds, default=0) > 12)
    if over in ((True, False), (False, True)):
        return ("dmy" if over[0] else "mdy"), None
    back = _steps_back(stamps, "dmy") - _steps_back(stamps, "mdy")
    if back:
        order: DateOrder = "mdy" if back > 0 else "dmy"
        return order, _guess(order, True)
    changes = _changes(firsts) - _changes(seconds)
    if changes:
        order = "dmy" if changes > 0 else "mdy"
        return order, _guess(order, False)
    order = "mdy" if any(map(_american, stamps)) else "dmy"
    return order, _guess(order, False)


def _american(s: Stamp) -> bool:
    return s.upper_half and s.widths[2] == 2 and s.widths[0] == 1


def _steps_back(stamps: Sequence[Stamp], order: DateOrder) -> int:
    """How often the day runs backwards."""
    days = [moment.date() for s in stamps if (moment := s.moment(order))]
    return sum(b < a for a, b in pairwise(days))


def _changes(numbers: Sequence[int]) -> int:
    return sum(a != b for a, b in pairwise(numbers))


def _guess(order: DateOrder, certain: bool) -> Guess:
    first, first_ja = ("day", "日/月") if order == "dmy" else ("month", "月/日")
    sure = "" if certain else " The file itself does not settle it; change it if the dates look wrong."
    sure_ja = "" if certain else "ファイルからは決まらないため、日付が違って見えるときは変えてください。"
    note = Text(f"Dates were read with the {first} first.{sure}", f"日付は{first_ja}の順で読みました。{sure_ja}")
    return Guess("date_order", (order,), ("dmy", "mdy"), certain, note)
