"""Written dates and clocks of text logs, each spelling worked out once.

A clock alone gets its day from the date line above it; a date whose order is open (03/04/2025) gets
it from the whole file, as in `whatsapp_dates`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

from core.logs.formats.line.dates import WEEKDAY
from core.logs.formats.whatsapp.dates import Stamp, date_order, stamp
from core.logs.log import DateOrder, Guess
from core.logs.parsing.calendar import fold, months_among

HALF = "午前|午後|上午|下午|오전|오후"
DATE = r"\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}年\s?\d{1,2}月\s?\d{1,2}日"
CLOCK = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?(?:[.,]\d{1,9})?"
_DAY = "|".join(sorted(map(re.escape, WEEKDAY), key=len, reverse=True))
_WEEKDAY = rf"[ 　]?(?:[(（](?:{_DAY})[)）]|(?:{_DAY})(?!\w))"
STAMP = rf"(?:(?:{DATE})(?:{_WEEKDAY})?(?:[ ,、T]|, ){{1,2}})?(?:{HALF})?[ ]?{CLOCK}(?:[ ]?[AaPp]\.?[Mm]\.?)?"
WRITTEN = re.compile(
    rf"(?:(?P<date>{DATE})(?:{_WEEKDAY})?[ ,、T]*)?(?P<before>{HALF})?[ ]?(?P<clock>{CLOCK})"
    rf"(?:[ ]?(?P<after>[AaPp]\.?[Mm]\.?))?(?:Z|[ ]?(?:UTC|JST|GMT)?[ ]?(?:[+-]\d{{2}}:?\d{{2}})?)",
    re.IGNORECASE,
)
DATE_LINE = re.compile(
    rf"[-=—─ \[【#*]*(?:(?P<front>{_DAY}),?[ ]+)?(?P<date>{DATE})(?:{_WEEKDAY})?[-=—─ \]】*]*", re.IGNORECASE
)


_MONTH = r"[^\W\d_]{3,14}\.?"
_FRONT = r"(?:[^\W\d_]{2,14}\.?,? )?"  # a weekday
_DAY_FIRST = rf"(?P<day>\d{{1,2}})\.?[- ](?:de )?(?P<month>{_MONTH})[- ,](?:de )?(?P<year>\d{{4}}|\d{{2}})"
_MONTH_FIRST = rf"(?P<month>{_MONTH}) (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})"
NAMED_MONTHS = tuple(re.compile(rf"{_FRONT}{date}(?P<rest>\D.*)") for date in (_DAY_FIRST, _MONTH_FIRST))
AT = re.compile(r"^[ ,]{0,2}(?:at|à|um|alle|a las|às|om|kl\.?|klo|в)? ?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The moments of one file: spelling → Stamp (date and clock) or time (clock alone)."""

    known: dict[str, Stamp | time | None]
    order: DateOrder
    guess: Guess | None

    def moment(self, written: str, day: date | None) -> datetime | None:
        """When that was; None when it is no moment, or has no day."""
        value = self.known.get(written)
        if isinstance(value, Stamp):
            return value.moment("ymd" if value.widths[0] == 4 else self.order)
        return datetime.combine(day, value) if value is not None and day is not None else None

    def day(self, line: str) -> date | None:
        """The day that a date line announces."""
        match = DATE_LINE.fullmatch(line.strip())
        moment = stamp(match["date"], "0:00", None).moment(_order(match["date"], self.order)) if match else None
        return moment.date() if moment else None


def clocks(written: Iterable[str], chosen: DateOrder | None) -> Clocks:
    """Every spelling of one file, in the order of the file."""
    known: dict[str, Stamp | time | None] = {}
    stamps: list[Stamp] = []
    for spelling in written:
        if spelling not in known:
            known[spelling] = _parse(spelling)
        value = known[spelling]
        if isinstance(value, Stamp):
            stamps.append(value)
    open_order = [one for one in stamps if one.widths[0] != 4] or stamps
    order, guess = date_order(open_order, chosen) if stamps else (chosen or "dmy", None)
    return Clocks(known, order, guess)


def _order(written: str, order: DateOrder) -> DateOrder:
    return "ymd" if re.match(r"\d{4}", written) else "dmy" if order == "ymd" else order


def _month_in_numbers(written: str) -> str:
    """01-Jan-20, or Wednesday, January 1, 2020 at, as 2020/1/01; anything else unchanged."""
    match = next(filter(None, (form.fullmatch(written) for form in NAMED_MONTHS)), None)
    month = months_among((match["month"],)).get(fold(match["month"])) if match else None
    if match is None or month is None:
        return written
    year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
    return f"{year}/{month}/{match['day']} {AT.sub('', match['rest'])}"


def _parse(written: str) -> Stamp | time | None:
    written = _month_in_numbers(written.strip())
    match = WRITTEN.fullmatch(written)
    if match is None:
        return None
    clock = re.sub(r"[.,]\d+$", "", match["clock"])
    half = match["before"] or match["after"]
    value = stamp(match["date"] or "1/1/2000", clock, half)
    if match["date"]:
        return value
    try:
        return time(*value.clock)
    except ValueError:
        return None
