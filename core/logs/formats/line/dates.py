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
_WORD = "|".join(sorted(map(re.escape, WEEKDAY), key=len, reverse=True))
YEAR_FIRST = re.compile(
    rf"(\d{{4}})(?:[/.]|年\s?)(\d{{1,2}})(?:[/.]|月\s?)(\d{{1,2}})日?\s*[(（]?\s*({_WORD})\s*[)）]?\s*", re.IGNORECASE
)
YEAR_LAST = re.compile(rf"({_WORD}),?\s+(\d{{1,2}})/(\d{{1,2}})/(\d{{4}})\s*", re.IGNORECASE)
# Halves and, in Chinese, smaller parts of the day. 中午 covers 11:00 to 13:59.
BEFORE_NOON = ("午前", "上午", "오전", "凌晨", "清晨", "早上", "ก่อนเที่ยง")
AFTERNOON = ("午後", "下午", "오후", "傍晚", "晚上", "หลังเที่ยง")
NOON = "中午"
HALVES = "|".join((*BEFORE_NOON, *AFTERNOON, NOON))
TIME = re.compile(rf"({HALVES})?\s?(\d{{1,2}}):(\d{{2}})(?:\s?([AaPp]\.?[Mm]\.?)|\s?น\.)?")
BUDDHIST = 543  # Thai phones may count years so
LONGEST_HEADER = 40
LONGEST_CLOCK = 20
FIRST_CHARACTERS = frozenset("0123456789") | {c for word in WEEKDAY for c in (word[0], word[0].upper())}
MINUTE = tuple(timedelta(minutes=n) for n in range(25 * 60))


@lru_cache(maxsize=4096)
def minutes(clock: str) -> int | None:
    """Minutes since midnight, up to 24:59 (some exports write 24:53 for 00:53); None if no time.

    >>> minutes("午前12:05"), minutes("8:15AM"), minutes("25:00")
    (5, 495, None)
    """
    match = TIME.fullmatch(clock) if len(clock) <= LONGEST_CLOCK else None
    if match is None:
        return None
    half, hour, minute, meridiem = match[1], int(match[2]), int(match[3]), match[4]
    if half or meridiem:
        late = half in AFTERNOON or (meridiem or "").lower().startswith("p") or (half == NOON and hour < 11)
        late = late or (half == NOON and hour == 12)
        hour = hour % 12 + (12 if late else 0)
    return hour * 60 + minute if hour <= 24 and minute < 60 else None


def at(day: date, minute_of_day: int) -> datetime:
    """The moment; minute 1440 and later belong to the next day."""
    return datetime.combine(day, time()) + MINUTE[minute_of_day]


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year - BUDDHIST if year >= 2400 else year, month, day)
    except ValueError:
        return None


def looks_like_header(line: str) -> bool:
    """Whether `line` has the form of a date line with a weekday."""
    return len(line) <= LONGEST_HEADER and bool(YEAR_FIRST.fullmatch(line) or YEAR_LAST.fullmatch(line))


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
        self._trusted: bool | None = None

    def date_of(self, line: str, around: Callable[[], tuple[str, str]]) -> date | None:
        """The date that `line` announces, or None when it is ordinary text. `around` gives its two neighbours."""
        if len(line) > LONGEST_HEADER or line[:1] not in FIRST_CHARACTERS:
            return None
        first = YEAR_FIRST.fullmatch(line)
        if first:
            day, weekday = _date(int(first[1]), int(first[2]), int(first[3])), WEEKDAY[first[4].lower()]
            agrees = day is not None and day.weekday() == weekday
            return day if agrees or self._stands_apart(*around()) or not self._weekdays_trusted() else None
        last = YEAR_LAST.fullmatch(line)
        return self._year_last(last) if last else None

    def _year_last(self, match: re.Match[str]) -> date | None:
        dmy, mdy = _both_orders(match)
        if dmy is None or mdy is None:
            return dmy or mdy
        self.order = self.order or self._vote()
        return mdy if self.order == "mdy" else dmy

    def _vote(self) -> Literal["dmy", "mdy"]:
        """The order whose weekdays agree more often over the file."""
        score = 0
        for match in filter(None, map(YEAR_LAST.fullmatch, self._candidates())):
            weekday = WEEKDAY[match[1].lower()]
            dmy, mdy = _both_orders(match)
            score += (dmy is not None and dmy.weekday() == weekday) - (mdy is not None and mdy.weekday() == weekday)
        return "mdy" if score < 0 else "dmy"

    def _stands_apart(self, above: str, below: str) -> bool:
        """After a blank line (or at the top) and right before a message: where exports put it."""
        return not above.strip() and bool(self._is_head(below))

    def _weekdays_trusted(self) -> bool:
        """Whether most date lines of the file name the right weekday."""
        if self._trusted is None:
            right = wrong = 0
            for match in filter(None, map(YEAR_FIRST.fullmatch, self._candidates())):
                day = _date(int(match[1]), int(match[2]), int(match[3]))
                agrees = day is not None and day.weekday() == WEEKDAY[match[4].lower()]
                right, wrong = right + agrees, wrong + (not agrees)
            self._trusted = right >= wrong
        return self._trusted


def _both_orders(match: re.Match[str]) -> tuple[date | None, date | None]:
    a, b, year = int(match[2]), int(match[3]), int(match[4])
    return _date(year, b, a), _date(year, a, b)
