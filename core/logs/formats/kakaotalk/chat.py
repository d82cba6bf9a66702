"""KakaoTalk exports as text: Android, iPhone and Windows, in Korean and English.

Phones write `<date and clock>, name : words` (a space on both sides of the colon), Windows
`[name] [clock] words` under a line of dashes with the date. The CSV of a Mac is in `csv_known`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from functools import lru_cache

from core.logs.formats.kakaotalk.kinds import NOTICE, classify, join_talk
from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import EDGE_MARKS, split_records
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("kakaotalk", Text("KakaoTalk", "カカオトーク"))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_EN = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DAY = (
    r"(?:\d{4}년 \d{1,2}월 \d{1,2}일(?: [월화수목금토일]요일)?"
    r"|\d{4}年 ?\d{1,2}月 ?\d{1,2}日(?: ?[月火水木金土日]曜日)?"
    r"|\d{4}\. ?\d{1,2}\. ?\d{1,2}\.?(?: [월화수목금토일]요일)?"
    rf"|(?:{_WEEKDAY_EN}, )?[A-Z][a-z]{{2,8}} \d{{1,2}}, \d{{4}})"
)
_CLOCK = r"(?:(?:오전|오후|AM|PM|午前|午後) ?)?\d{1,2}:\d{2}(?:[ \u202f]?[AaPp][Mm])?"
HEAD = re.compile(
    rf"(?P<when>{_DAY}(?:,| at)? {_CLOCK}|{_CLOCK}, {_DAY}|(?:오전|오후) \d{{1,2}}:\d{{2}})"
    r"(?P<mark>[,:]) ?(?P<rest>.*)",
    re.DOTALL,
)
WINDOWS = re.compile(rf"\[(?P<name>[^\n]{{0,60}}?)\] \[(?P<when>{_CLOCK})\] ?(?P<words>.*)", re.DOTALL)
DATE_LINE = re.compile(rf"(?:-{{5,}} )?(?:{_DAY}(?:,? {_CLOCK})?|{_CLOCK}, {_DAY})(?: -{{5,}})?\s*")
PARTNER = re.compile(r"(?:(.{1,200}) 님과 카카오톡 대화|KakaoTalk Chats with (.{1,200}))\s{0,9}")
BANNER = re.compile(
    rf"[{EDGE_MARKS}]{{0,9}}(?:{PARTNER.pattern}|.{{0,200}}카카오톡 대화\s*"
    r"|Talk_[\d. :_-]+\.txt\s*|(?:저장한 날짜|Date Saved) ?: .*)"
)
DEPTH = 5  # lines in which the banner is looked for


def match_head(line: str) -> re.Match[str] | None:
    """The head of a record, of a phone or of Windows."""
    return HEAD.match(line) or WINDOWS.match(line)


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines. A banner or a date line makes one message enough; the two brackets of
    Windows are like no other format.
    """
    heads = sum(bool(match_head(line)) for line in lines)
    framed = any(map(BANNER.fullmatch, lines[:DEPTH])) or any(map(DATE_LINE.fullmatch, lines))
    return heads if framed or sum(bool(WINDOWS.match(line)) for line in lines) >= 2 else 0


def read(text: str, hints: Hints) -> Log:
    """Every record; the notices that KakaoTalk writes have no sender."""
    records = split_records(text, match_head)
    windows = any(map(WINDOWS.match, records.texts[:50]))  # there a notice is a line without a head
    found, day, partner = Collector(join_talk), None, None
    for i, (line, number) in enumerate(zip(records.texts, records.starts, strict=True)):
        taken = line.count("\n") + 1
        match = match_head(line)
        if match:
            found.add(_message(match, number, day), taken)
        elif i < DEPTH and BANNER.fullmatch(line):
            named = PARTNER.fullmatch(line.strip(EDGE_MARKS))
            partner = partner or (next(filter(None, named.groups())) if named else None)
            found.mark(taken)
        elif DATE_LINE.fullmatch(line):
            day = _day(line) or day
            found.mark(taken)
        elif windows and NOTICE.fullmatch(line):
            last = found.messages[-1].time if found.messages else None
            found.add(Message(None, line, number, Kind.SYSTEM, last), taken)
        else:
            found.line(line, number)
    count, messages = found.finish(records), tuple(found.messages)
    speakers = {message.sender for message in messages}
    return Log(FORMAT, messages, count, partner=partner if partner in speakers else None)


def _message(match: re.Match[str], number: int, day: date | None) -> Message:
    moment = _moment(match["when"], day)
    if match.re is WINDOWS:
        name, words = match["name"].strip(), match["words"]
    elif match["mark"] == ":":
        name, words = "", match["rest"]
    else:
        name, colon, words = f" {match['rest']}".partition(" : ")
        name, words = (name.strip(), words) if colon else ("", match["rest"])
    if not name:
        return Message(None, words, number, Kind.SYSTEM, moment)
    return Message(name, words, number, classify(words), moment)


@lru_cache(maxsize=4096)
def _moment(when: str, day: date | None) -> datetime | None:
    """Date and clock; the clock alone is on `day`."""
    on = _day(when) or day
    match = re.search(r"(?:(오전|오후|AM|PM|午前|午後) ?)?(\d{1,2}):(\d{2})[ \u202f]?([AaPp][Mm])?", when)
    if on is None or match is None:
        return None
    hour, half = int(match[2]), match[1] or (match[4] or "").upper()
    if half:
        hour = hour % 12 + 12 * (half in ("오후", "PM", "午後"))
    try:
        return datetime.combine(on, time(hour, int(match[3])))
    except ValueError:
        return None


def _day(line: str) -> date | None:
    """The day in a date line or stamp."""
    year_first = re.search(r"(\d{4})[년年.] ?(\d{1,2})[월月.] ?(\d{1,2})", line)
    named = re.search(r"([A-Z][a-z]{2,8}) (\d{1,2}), (\d{4})", line)
    try:
        if year_first:
            return date(int(year_first[1]), int(year_first[2]), int(year_first[3]))
        return date(int(named[3]), MONTHS.index(named[1][:3].lower()) + 1, int(named[2])) if named else None
    except ValueError:
        return None
