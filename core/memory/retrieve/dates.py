"""When a question is about: "先週", "三日前", "last Friday" or "in May" become a span of days.

Spans are of the server's own clock, as the dates of remembered turns are. Today and what comes are no span: they ask
for no memory.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)
KANJI = {c: n for n, c in enumerate("〇一二三四五六七八九十")}
SMALL = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
         "a couple of": 2, "a few": 3}  # fmt: skip
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december")  # fmt: skip
SHORT_MONTHS = tuple(name[:3].title() for name in MONTHS)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBER = r"(\d{1,3}|[一二三四五六七八九十]{1,3})"
MANY = r"(\d{1,3}|an?|one|two|three|four|five|six|seven|a few|a couple of)"
MONTH = rf"({'|'.join(f'{name}|{name[:3]}' for name in MONTHS)})\b\.?"


@dataclass(frozen=True)
class Span:
    """Days from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class DateQuery:
    """A question: the time it names, if it names one, and its other words."""

    span: Span | None
    words: str


def parse_date_query(text: str, now: datetime) -> DateQuery:
    """Read the first time that `text` names, seen from `now`."""
    plain = unicodedata.normalize("NFKC", text)
    for pattern, span_of in PATTERNS:
        if match := pattern.search(plain):
            span = span_of(match, now.replace(hour=0, minute=0, second=0, microsecond=0))
            if span is not None:
                return DateQuery(span, f"{plain[: match.start()]} {plain[match.end() :]}")
    return DateQuery(None, text)


def day_words(day: datetime, *, japanese: bool) -> str:
    """A date as it is written: 2026年5月3日, or 3 May 2026."""
    if japanese:
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {SHORT_MONTHS[day.month - 1]} {day.year}"


def _number(text: str) -> int:
    if text in SMALL:
        return SMALL[text]
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (KANJI.get(tens, 1) * 10 if ten else 0) + (KANJI.get(ones, 0) if ones else 0)


def _days(start: datetime, count: int = 1) -> Span:
    return Span(start, start + count * DAY)


def _ago(days: int) -> Callable[[re.Match, datetime], Span]:
    return lambda match, today: _days(today - days * DAY)


def _week(weeks: int) -> Callable[[re.Match, datetime], Span]:
    return lambda match, today: _days(today - (today.weekday() + 7 * weeks) * DAY, 7)


def _month(match: re.Match | None, today: datetime, back: int = 1) -> Span:
    count = today.year * 12 + today.month - 1 - back
    return _whole_month(count // 12, count % 12 + 1)


def _year(match: re.Match | None, today: datetime, back: int = 1) -> Span:
    return Span(datetime(today.year - back, 1, 1), datetime(today.year - back + 1, 1, 1))


def _whole_month(year: int, month: int) -> Span:
    return Span(datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1))


def _days_ago(match: re.Match, today: datetime) -> Span:
    return _days(today - _number(match[1].lower()) * DAY)


def _weeks_ago(match: re.Match, today: datetime) -> Span:
    """People mean about then: three days more or less."""
    return _days(today - (7 * _number(match[1].lower()) + 3) * DAY, 7)


def _months_ago(match: re.Match, today: datetime) -> Span:
    return _month(None, today, _number(match[1].lower()))


def _years_ago(match: re.Match, today: datetime) -> Span | None:
    back = _number(match[1].lower())
    return _year(None, today, back) if back < today.year else None


def _weekday(match: re.Match, today: datetime) -> Span:
    """The last such day before today."""
    name = match[1].lower()
    day = "月火水木金土日".index(name) if name in "月火水木金土日" else WEEKDAYS.index(name)
    return _days(today - ((today.weekday() - day - 1) % 7 + 1) * DAY)


def _date(year: str | None, month: int, day: str | None, today: datetime) -> Span | None:
    """A month, or a day of it; without a year the last one that has begun. None where there is no such day."""
    try:
        start = datetime(int(year) if year else today.year, month, int(day) if day else 1)
        if not year and start > today:
            start = start.replace(year=start.year - 1)
    except ValueError:
        return None
    return _days(start) if day else _whole_month(start.year, start.month)


def _english(year: str | None, month: str, day: str | None, today: datetime) -> Span | None:
    return _date(year, [name[:3] for name in MONTHS].index(month.lower()[:3]) + 1, day, today)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


# The first that is found counts, so the more definite stand before those they hold.
PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match, datetime], Span | None]], ...] = tuple(
    (_pattern(text), span_of)
    for text, span_of in (
        (r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", lambda m, today: _date(m[1], int(m[2]), m[3], today)),
        (r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日", lambda m, today: _date(m[1], int(m[2]), m[3], today)),
        (rf"\b{MONTH} (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?", lambda m, t: _english(m[3], m[1], m[2], t)),
        (
            rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{MONTH}(?:,? (\d{{4}}))?",
            lambda m, t: _english(m[3], m[2], m[1], t),
        ),
        (rf"{NUMBER}日前", _days_ago),
        (rf"{NUMBER}週間?前", _weeks_ago),
        (rf"{NUMBER}[かヶカケ箇]月前", _months_ago),
        (rf"{NUMBER}年前", _years_ago),
        (r"一昨日|おととい", _ago(2)),
        (r"昨日|きのう|昨夜|昨晩|ゆうべ", _ago(1)),
        (r"先々週", _week(2)),
        (r"先週", _week(1)),
        (r"先々月", lambda m, today: _month(m, today, 2)),
        (r"先月", _month),
        (r"一昨年|おととし", lambda m, today: _year(m, today, 2)),
        (r"去年|昨年", _year),
        (r"(?<!来週の)(?<!次の)(?<!今度の)([月火水木金土日])曜日?", _weekday),
        (r"(?:(\d{4})年)?(\d{1,2})月(?!\d)", lambda m, today: _date(m[1], int(m[2]), None, today)),
        (r"\bthe day before yesterday\b", _ago(2)),
        (r"\byesterday\b|\blast night\b", _ago(1)),
        (rf"\b{MANY} days? ago\b", _days_ago),
        (rf"\b{MANY} weeks? ago\b", _weeks_ago),
        (rf"\b{MANY} months? ago\b", _months_ago),
        (rf"\b{MANY} years? ago\b", _years_ago),
        (r"\blast week\b", _week(1)),
        (r"\blast month\b", _month),
        (r"\blast year\b", _year),
        (rf"\b(?:last|on) ({'|'.join(WEEKDAYS)})\b", _weekday),
        (rf"\b(?:in|last|since|during) {MONTH}(?: (\d{{4}}))?", lambda m, t: _english(m[2], m[1], None, t)),
    )
)
