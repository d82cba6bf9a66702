"""Dates and times of LINE exports: the date lines between days, and the clock before a message.

A date line always names the weekday. That tells it from a date that somebody wrote in a message,
and it decides whether 04/03/2025 is in March or in April.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from core.logs.log import DateOrder
from core.logs.parsing.calendar import is_afternoon, weekday_forms

WEEKDAYS = (
    "月 月曜 月曜日 一 周一 週一 星期一 월 월요일 mon monday จ. จ จันทร์ วันจันทร์",
    "火 火曜 火曜日 二 周二 週二 星期二 화 화요일 tue tues tuesday อ. อ อังคาร วันอังคาร",
    "水 水曜 水曜日 三 周三 週三 星期三 수 수요일 wed wednesday พ. พ พุธ วันพุธ",
    "木 木曜 木曜日 四 周四 週四 星期四 목 목요일 thu thur thurs thursday พฤ. พฤ พฤหัสบดี วันพฤหัสบดี",
    "金 金曜 金曜日 五 周五 週五 星期五 금 금요일 fri friday ศ. ศ ศุกร์ วันศุกร์",
    "土 土曜 土曜日 六 周六 週六 星期六 토 토요일 sat saturday ส. ส เสาร์ วันเสาร์",
    "日 日曜 日曜日 天 周日 週日 星期日 星期天 일 일요일 sun sunday อา. อา อาทิตย์ วันอาทิตย์",
)
WEEKDAY = {word: day for day, words in enumerate(WEEKDAYS) for word in words.split()}
# A word of two letters or more in any language; a few are two days in two languages.
DAYS_OF = {word: days for word, days in weekday_forms().items() if len(word) > 1} | {
    word: frozenset((day,)) for word, day in WEEKDAY.items()
}
_WORD = "|".join(sorted(map(re.escape, DAYS_OF), key=len, reverse=True))
YEAR_FIRST = re.compile(
    rf"(\d{{4}})(?:[/.]|年\s?)(\d{{1,2}})(?:[/.]|月\s?)(\d{{1,2}})日?\s{{0,9}}[(（]?\s{{0,9}}({_WORD})\.?"
    r"\s{0,9}[)）]?\s*",
    re.IGNORECASE,
)
ERA = re.compile(r"(令和|平成)(\d{1,2}|元)(?=年)")  # of phones that count years as Japan does
YEARS_BEFORE = {"令和": 2018, "平成": 1988}
YEAR_LAST = re.compile(rf"({_WORD})\.?,?\s+(\d{{1,2}})[/.-](\d{{1,2}})[/.-](\d{{4}})\s*", re.IGNORECASE)
# A weekday in a language that is not among these: only between a blank line and a message.
OTHER_WEEKDAY = re.compile(
    r"(?P<first>\d{4})[/.-](?P<month>\d{1,2})[/.-](?P<day>\d{1,2})[ (（,]{1,2}[^\d\s][^\d\n]{0,18}"
    r"|[^\d\s][^\d\n]{0,16}\d?[.,]{0,2} (?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<last>\d{4})"
)
# Halves and, in Chinese, smaller parts of the day. 中午 covers 11:00 to 13:59.
BEFORE_NOON = ("午前", "上午", "오전", "凌晨", "清晨", "早上", "ก่อนเที่ยง")
AFTERNOON = ("午後", "下午", "오후", "傍晚", "晚上", "หลังเที่ยง")
NOON = "中午"
HALVES = "|".join((*BEFORE_NOON, *AFTERNOON, NOON))
TIME = re.compile(rf"({HALVES})?\s?(\d{{1,2}}):(\d{{2}})(?:\s?([AaPp]\.?[Mm]\.?)|\s?น\.)?")
BUDDHIST = 543  # Thai phones may count years so
LONGEST_HEADER = 40
LONGEST_CLOCK = 20
FIRST_CHARACTERS = frozenset("0123456789令平") | {c for word in DAYS_OF for c in (word[0], word[0].upper())}
OTHER_TIME = re.compile(r"(\D{0,14}?)[ \u202f]?(\d{1,2}):(\d{2})[ \u202f]?(\D{0,14})")
MINUTE = tuple(timedelta(minutes=n) for n in range(25 * 60))


@lru_cache(maxsize=4096)
def minutes(clock: str) -> int | None:
    """Minutes since midnight, up to 24:59 (some exports write 24:53 for 00:53); None if no time.

    >>> minutes("午前12:05"), minutes("8:15AM"), minutes("25:00")
    (5, 495, None)
    """
    match = TIME.fullmatch(clock) if len(clock) <= LONGEST_CLOCK else None
    if match is None:
        return _other_minutes(clock) if len(clock) <= LONGEST_CLOCK else None
    half, hour, minute, meridiem = match[1], int(match[2]), int(match[3]), match[4]
    if half or meridiem:
        late = half in AFTERNOON or (meridiem or "").lower().startswith("p") or (half == NOON and hour < 11)
        late = late or (half == NOON and hour == 12)
        hour = hour % 12 + (12 if late else 0)
    return hour * 60 + minute if hour <= 24 and minute < 60 else None


def _other_minutes(clock: str) -> int | None:
    """Minutes since midnight where the half of the day is named in another language, or the digits are others."""
    match = OTHER_TIME.fullmatch(clock)
    if match is None:
        return None
    hour, minute, halves = int(match[2]), int(match[3]), [word for word in (match[1], match[4]) if word.strip()]
    late = is_afternoon(halves[0]) if halves else False
    if len(halves) > 1 or late is None:
        return None
    hour = hour % 12 + 12 * late if halves else hour
    return hour * 60 + minute if hour <= 24 and minute < 60 else None


def at(day: date, minute_of_day: int) -> datetime:
    """The moment; minute 1440 and later belong to the next day."""
    return datetime.combine(day, time()) + MINUTE[minute_of_day]


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year - BUDDHIST if year >= 2400 else year, month, day)
    except ValueError:
        return None


def _year_first(line: str) -> "re.Match[str] | None":
    """The parts of a date line that begins with a year, which may be one of an era."""
    era = ERA.match(line)
    if era:
        line = f"{YEARS_BEFORE[era[1]] + (1 if era[2] == '元' else int(era[2]))}{line[era.end() :]}"
    return YEAR_FIRST.fullmatch(line)


def looks_like_header(line: str) -> bool:
    """Whether `line` has the form of a date line with a weekday."""
    return len(line) <= LONGEST_HEADER and bool(_year_first(line) or YEAR_LAST.fullmatch(line))


class DateHeaders:
    """The date lines of one file. What one line cannot settle, all lines of the file vote on.

    `candidates` gives every line that may be a date line; it is asked only when a vote is needed.
    """

    def __init__(
        self,
        candidates: Callable[[], Iterable[str]],
        is_head: Callable[[str], object],
        order: DateOrder | None = None,
    ) -> None:
        self._candidates = candidates
        self._is_head = is_head
        self.order = order
        """Day or month first; None while no date line asked for it."""
        self.agreed = True
        """Whether weekdays settled the order."""
        self._trusted: bool | None = None

    def date_of(self, line: str, around: Callable[[], tuple[str, str]]) -> date | None:
        """The date that `line` announces, or None when it is ordinary text. `around` gives its two neighbours.

        A message stands right below a date line, so one above other words is part of a message.
        """
        if len(line) > LONGEST_HEADER:
            return None
        known = line[:1] in FIRST_CHARACTERS
        first = _year_first(line) if known else None
        last = YEAR_LAST.fullmatch(line) if known and first is None else None
        if first is None and last is None:
            other = OTHER_WEEKDAY.fullmatch(line.strip())
            return self._other(other) if other and self._stands_apart(*around()) else None
        above, below = around()
        if below.strip() and not self._is_head(below):
            return None
        if first is None:
            return self._year_last(last) if last else None
        day = _date(int(first[1]), int(first[2]), int(first[3]))
        agrees = day is not None and day.weekday() in DAYS_OF[first[4].lower()]
        return day if agrees or self._stands_apart(above, below) or not self._weekdays_trusted() else None

    def _year_last(self, match: re.Match[str]) -> date | None:
        return self._one_of(*_both_orders(int(match[2]), int(match[3]), int(match[4])))

    def _other(self, match: re.Match[str]) -> date | None:
        if match["first"]:
            return _date(int(match["first"]), int(match["month"]), int(match["day"]))
        return self._one_of(*_both_orders(int(match["a"]), int(match["b"]), int(match["last"])))

    def _one_of(self, dmy: date | None, mdy: date | None) -> date | None:
        if dmy is None or mdy is None:
            return dmy or mdy
        self.order = self.order or self._vote()
        return mdy if self.order == "mdy" else dmy

    def _vote(self) -> Literal["dmy", "mdy"]:
        """The order whose weekdays agree more often over the file; of weekdays that are not known, the one in
        which more of the dates exist.
        """
        score = exist = 0
        for line in self._candidates():
            match = YEAR_LAST.fullmatch(line)
            other = None if match else OTHER_WEEKDAY.fullmatch(line.strip())
            if match:
                weekdays = DAYS_OF[match[1].lower()]
                dmy, mdy = _both_orders(int(match[2]), int(match[3]), int(match[4]))
                score += _on(dmy, weekdays) - _on(mdy, weekdays)
            elif other and other["last"]:
                dmy, mdy = _both_orders(int(other["a"]), int(other["b"]), int(other["last"]))
                exist += (dmy is not None) - (mdy is not None)
        self.agreed = score != 0
        return "mdy" if (score or exist) < 0 else "dmy"

    def _stands_apart(self, above: str, below: str) -> bool:
        """After a blank line (or at the top) and right before a message: where exports put it."""
        return not above.strip() and bool(self._is_head(below))

    def _weekdays_trusted(self) -> bool:
        """Whether most date lines of the file name the right weekday."""
        if self._trusted is None:
            right = wrong = 0
            for match in filter(None, map(_year_first, self._candidates())):
                day = _date(int(match[1]), int(match[2]), int(match[3]))
                agrees = day is not None and day.weekday() in DAYS_OF[match[4].lower()]
                right, wrong = right + agrees, wrong + (not agrees)
            self._trusted = right >= wrong
        return self._trusted


def _on(day: date | None, weekdays: frozenset[int]) -> bool:
    return day is not None and day.weekday() in weekdays


def _both_orders(a: int, b: int, year: int) -> tuple[date | None, date | None]:
    return _date(year, b, a), _date(year, a, b)
