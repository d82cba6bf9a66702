"""Names of months and weekdays, and the halves of the day, in the languages that phones write them in.

`calendar.tsv` holds a line a language: its code, months, weekdays from Monday on, and the words before and
after noon, from Unicode CLDR (Unicode License v3), as Babel 2.19 gives them. Forms of one name are parted by
`|`, names by `,`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("calendar.tsv")
# What phones write beside CLDR's words, and what its older versions gave.
MORE_BEFORE = (
    "a.m.", "上午", "凌晨", "清晨", "早上", "पूर्वाह्न", "म.पू.", "முற்பகல்", "ಪೂರ್ವಾಹ್ನ",
    "قبل دوپہر", "ق.ظ", "לפנה״צ", "לפנה\"צ", "vorm.", "vm.", "пр.об.", "fm.", "f.m.", "e.k.", "in the morning",
)  # fmt: skip
MORE_AFTER = (
    "p.m.", "下午", "晚上", "傍晚", "अपराह्न", "म.उ.", "பிற்பகல்", "ಅಪರಾಹ್ನ", "بعد دوپہر", "ب.ظ", "אחה״צ",
    "אחה\"צ", "nachm.", "nm.", "сл.об.", "em.", "e.m.", "p.k.", "in the afternoon",
)  # fmt: skip
SINGLE_LETTERS = ("ص", "م")
NOON = "中午"  # 11:00 to 13:59
BUDDHIST, BUDDHIST_YEARS = 543, range(2400, 2700)
PERSIAN_YEARS = range(1380, 1420)
MONTH_DAYS = (31, 31, 31, 31, 31, 31, 30, 30, 30, 30, 30, 29)  # of the Persian year
SPACES = str.maketrans(dict.fromkeys(" .\u00a0\u202f\u2009\u200c"))


def fold(word: str) -> str:
    """`word` as names are compared: small, without the dots and spaces of abbreviations."""
    return unicodedata.normalize("NFC", word).casefold().translate(SPACES)


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split("\t")) for line in TABLE.read_text(encoding="utf-8").splitlines())


def _forms(column: str) -> Iterator[tuple[int, str]]:
    """(position, form) for each form of each name in a column."""
    for position, forms in enumerate(column.split(",")):
        yield from ((position, form) for form in forms.split("|") if form)


@lru_cache(maxsize=1)
def _months() -> tuple[dict[str, int], ...]:
    return tuple({fold(form): number + 1 for number, form in _forms(row[1])} for row in _table() if row[1])


def months_among(words: Collection[str]) -> Mapping[str, int]:
    """Month by folded name, in the language that knows most of `words`: “listopad” is October in Croatian
    and November in Polish, so a file is read in one language.
    """
    folded = {fold(word) for word in words}
    return max(_months(), key=lambda names: sum(word in names for word in folded))


@lru_cache(maxsize=256)
def is_month(word: str) -> bool:
    """Whether `word` is a month in some language."""
    return any(fold(word) in names for names in _months())


@lru_cache(maxsize=1)
def weekday_forms() -> dict[str, frozenset[int]]:
    """Which weekdays (Monday is 0) a name can be, small as in the table; a few are two in two languages."""
    found: dict[str, set[int]] = {}
    for row in _table():
        for day, form in _forms(row[2]):
            found.setdefault(form, set()).add(day)
    return {form: frozenset(days) for form, days in found.items()}


@lru_cache(maxsize=1)
def _halves() -> dict[str, bool]:
    """Whether a folded word means the afternoon."""
    found: dict[str, bool] = {}
    for row in _table():
        for late, column in enumerate(row[3:5]):
            found.update({fold(word): bool(late) for word in column.split("|") if len(fold(word)) > 1})
    found |= {fold(word): False for word in MORE_BEFORE} | {fold(word): True for word in MORE_AFTER}
    return found | dict(zip(SINGLE_LETTERS, (False, True), strict=True))


def is_afternoon(word: str) -> bool | None:
    """Whether AM or PM, in any language, is the afternoon; None for a word that is neither."""
    return _halves().get(fold(word))


@lru_cache(maxsize=1)
def halves_pattern() -> str:
    """An alternation of every word for a half of the day, longest first; matched without regard to case."""
    words = {word for row in _table() for column in row[3:5] for word in column.split("|") if len(fold(word)) > 1}
    words |= {*MORE_BEFORE, *MORE_AFTER, *SINGLE_LETTERS, NOON}
    rest = sorted(words - {"am", "pm", "a.m.", "p.m.", "a. m.", "p. m."}, key=lambda word: (-len(word), word))
    return "|".join((r"[ap]\.?[ \u00a0\u202f]?m\b\.?", *map(re.escape, rest)))


def gregorian(year: int, month: int, day: int) -> date | None:
    """The day, where the year may be counted as in Thailand or in Iran; None where there is no such day."""
    try:
        if year in PERSIAN_YEARS:
            return _from_persian(year, month, day)
        return date(year - BUDDHIST if year in BUDDHIST_YEARS else year, month, day)
    except ValueError:
        return None


def _from_persian(year: int, month: int, day: int) -> date:
    """Counted from 1 Farvardin 1380, 21 March 2001; every fourth year from 1383 to 1419 has 366 days, but 1408
    is that of its four (after 1403), as after seven rounds the leap year comes a year later.
    """
    leap = {1383, 1387, 1391, 1395, 1399, 1403, 1408, 1412, 1416}
    if not 1 <= month <= 12 or not 1 <= day <= MONTH_DAYS[month - 1] + (month == 12 and year in leap):
        raise ValueError(f"no day {year}/{month}/{day}")
    years = sum(366 if one in leap else 365 for one in range(PERSIAN_YEARS.start, year))
    return date.fromordinal(date(2001, 3, 21).toordinal() + years + sum(MONTH_DAYS[: month - 1]) + day - 1)
