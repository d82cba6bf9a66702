"""IRC logs: `<nick> words`, with or without a clock, as irssi, ZNC, XChat, HexChat and WeeChat write them."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from core.logs.log import Format, Hints, Log
from core.logs.parsing.collect import Collector
from core.logs.parsing.decode import split_records
from core.logs.parsing.stamps import STAMP, clocks
from core.messages import Kind, Message
from core.text import Text

FORMAT = Format("irc", Text("IRC (<nick> words)", "IRC（<ニックネーム> 本文）"))
_WHEN = rf"(?:\[?(?P<when>{STAMP}|[A-Z][a-z]{{2}} \d\d \d\d:\d\d:\d\d)\]?[ \t]+)?"
_NICK = r"[@+%&~ ]?(?P<nick>[^<>\s/@][^<>\n/]{0,39}?)"
SAID = re.compile(rf"{_WHEN}<{_NICK}>[ \t](?P<words>.*)")
DID = re.compile(rf"{_WHEN}[*•][ \t]+(?P<nick>[^\s*<>]{{1,40}})[ \t]+(?P<words>(?:[^ \t].*)?)")
TABS = re.compile(r"(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\t(?P<nick>[^\t]*)\t(?P<words>.*)")  # WeeChat
NOTICE = re.compile(
    rf"{_WHEN}(?:(?:-!-|\*\*\*|-->|<--|--|==|!)[ \t].*"
    r"|[*•][ \t]+\S+(?: \(\S+\))? (?:has (?:joined|quit|left)|is now known as|sets mode|gives|removes|changed)"
    r"\b.*)"
)
DAY = re.compile(r"(?:---|\*{4}) (?:Day changed|Log (?:opened|closed)|BEGIN LOGGING AT|ENDING LOGGING AT) (?P<day>.+)")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
HTML = frozenset({"html", "body", "p", "div", "li", "br", "span", "td", "tr", "h1", "h2", "a"})
PLAIN_MARKS = frozenset({"-->", "<--", "--", "=!=", ""})


def _head(line: str) -> re.Match[str] | None:
    return SAID.fullmatch(line) or TABS.fullmatch(line)


def score(lines: Sequence[str]) -> int:
    """Hits among sampled lines. Without clocks the nicks must repeat, and it must be no HTML."""
    heads = [match for line in lines if (match := _head(line))]
    written = sum(bool(line.strip()) for line in lines)
    nicks = Counter(head["nick"] for head in heads)
    html = any("</" in line for line in lines) or not HTML.isdisjoint(map(str.lower, nicks))
    if html and not any(head["when"] for head in heads):
        return 0
    stamped = sum(bool(head["when"]) for head in heads)
    enough = stamped >= 2 or (len(heads) >= 3 and max(nicks.values()) >= 2) or (heads and 2 * len(heads) > written)
    others = sum(bool(NOTICE.fullmatch(line) or DID.fullmatch(line)) for line in lines) if stamped else 0
    return len(heads) + others if enough and 4 * (len(heads) + others) > written else 0


def read(text: str, hints: Hints) -> Log:
    """Every line somebody wrote; joins, topics and the like have no sender. Actions (/me) count as words."""
    records = split_records(text, _head)
    matches = [_head(line) or NOTICE.fullmatch(line) or DID.fullmatch(line) for line in records.texts]
    times = clocks((match["when"] for match in matches if match and match["when"]), hints.date_order)
    found, day = Collector(), None
    for line, number, match in zip(records.texts, records.starts, matches, strict=True):
        taken = line.count("\n") + 1
        changed = DAY.fullmatch(line)
        new_day = _day(changed["day"].strip()) if changed else times.day(line)
        if changed or (new_day and not match):
            day = new_day or day
            found.mark(taken)
        elif match is None:
            found.line(line, number)
        else:
            time = _moment(match["when"], day, times.moment(match["when"] or "", day))
            found.add(_message(match, line, number, time), taken)
    return Log(FORMAT, tuple(found.messages), found.finish(records), (times.guess,) if times.guess else ())


def _message(match: re.Match[str], line: str, number: int, time: datetime | None) -> Message:
    nick = (match.groupdict().get("nick") or "").strip().lstrip("@+%&~")
    if match.re is NOTICE or (match.re is TABS and match["nick"].strip() in PLAIN_MARKS) or not nick:
        return Message(None, line, number, Kind.SYSTEM, time)
    if match.re is TABS and match["nick"].strip() == "*":  # an action: the nick begins the words
        nick, _, words = match["words"].partition(" ")
        return Message(nick, words, number, Kind.TEXT, time)
    return Message(nick, match["words"], number, Kind.TEXT, time)


def _moment(when: str | None, day: date | None, known: datetime | None) -> datetime | None:
    """`known`, or XChat's `Jan 01 12:00:00` in the year of `day`."""
    if known or not when or not day:
        return known
    named = re.fullmatch(r"([A-Z][a-z]{2}) (\d\d) (\d\d):(\d\d):(\d\d)", when)
    try:
        if named is None:
            return None
        month = MONTHS.index(named[1].lower()) + 1
        return datetime(day.year, month, int(named[2]), int(named[3]), int(named[4]), int(named[5]))
    except ValueError:
        return None


def _day(words: str) -> date | None:
    """The day in `Mon Jan 01 12:00:00 2024` or `Tue Jan 02 2024`."""
    match = re.search(r"([A-Z][a-z]{2})\s+(\d{1,2})\b.*?\b(\d{4})$", words)
    try:
        return date(int(match[3]), MONTHS.index(match[1].lower()) + 1, int(match[2])) if match else None
    except ValueError:
        return None
