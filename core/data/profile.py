"""How somebody writes, in plain numbers for pictures: lengths, bursts, hours, endings, emoji, words, delays.

Shown before anything is trained, and the same for what a model says, so that the two can be laid side by side.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import fmean, median

from core.data.favourite_words import Favourite, favourites
from core.data.rows import clean
from core.data.sessions import sessions, talking_order
from core.logs.log import Log
from core.messages import Kind, Message

LENGTHS = (1, 4, 7, 11, 16, 21, 31, 41, 61, 81, 121, 201)  # letters at which a class begins
DELAYS = (0, 1, 2, 5, 10, 30, 60, 180, 720, 1440, 10080)  # minutes
LONGEST_TYPING = 60.0  # seconds; what comes later was not being typed all the time
FEWEST_TYPED = 20  # messages from which a speed is told
BURSTS = tuple(range(1, 11))  # messages; the last class has no end
TOP = 20
TAIL, NEAR = 40, 12  # letters of a message in which its ending is looked for, and in which a part of it is

_PICTURE = "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u3030\u303d\u2049\u203c\u2139\u231a-\u23ff]"
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3"
    f"|{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?(?:\u200d{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?)*"
)
KAOMOJI = re.compile(
    r"[（(](?=[^()（）\n]{2,12}[)）])[^()（）\n]*[´`｀^＾ω∀д▽∇;；>＞<＜≧≦゜ﾟ°・･T＿_][^()（）\n]*[)）][ﾉノ♪☆ｗw]?"
)
# How a message ends: marks first, then the word that stands before them. The longer ones first.
MARKS = (
    ("笑", r"[（(]?笑[)）]?|笑+"),
    ("w", r"(?<![A-Za-zwｗ])[wｗ]+|草"),
    ("！？", r"[!！?？]*(?:[!！][?？]|[?？][!！])[!！?？]*"),
    ("！", r"[!！]+"),
    ("？", r"[?？]+"),
    ("。", r"[。｡]|(?<!\.)\."),
    ("…", r"…+|\.{2,}|・{2,}|。{2,}"),
    ("〜", r"[〜～~]+"),
    ("ー", r"ー+"),
    ("♪", r"[♪♡♥☆★]+"),
)
ENDINGS = (
    "でしょう", "でしょ", "だろう", "です", "ます", "ました", "ません", "だよね", "だよ", "だね", "よね", "かな",
    "けど", "から", "だ", "よ", "ね", "な", "の", "か", "わ", "さ", "ぞ", "ぜ", "じゃん", "って",
    "lol", "haha", "ok", "okay", "yeah", "though", "right", "xx", "x",
)  # fmt: skip
_MARK = re.compile("(?:" + "|".join(f"(?P<m{k}>{pattern})" for k, (_, pattern) in enumerate(MARKS)) + r")\Z")
_WORD = re.compile(
    "(?:"
    + "|".join(rf"(?<![A-Za-z]){e}" if e.isascii() else e for e in sorted(ENDINGS, key=len, reverse=True))
    + r")\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Something that was seen `count` times, in `share` of the messages at most."""

    text: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie in [start, end); `end` is None for the last class."""

    start: float
    end: float | None
    count: int


@dataclass(frozen=True)
class Distribution:
    """How values are spread."""

    count: int
    mean: float
    median: float
    p90: float
    """Nine in ten values are at most this."""
    max: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Profile:
    """How one person of a log writes."""

    name: str
    messages: int
    """With words."""
    length: Distribution
    """Letters of a message."""
    bursts: Distribution
    """Messages in a row."""
    hours: tuple[int, ...]
    """Messages by hour of the day, 24 numbers; all 0 without times."""
    delays: Distribution
    """Minutes from the last message of somebody else to the answer, within a day."""
    marks: tuple[Counted, ...]
    """What messages end with, of MARKS; "" for none."""
    endings: tuple[Counted, ...]
    """The words before these, of ENDINGS."""
    emoji: tuple[Counted, ...]
    kaomoji: tuple[Counted, ...]
    with_emoji: float
    """Share of the messages that hold one."""
    words: tuple[Favourite, ...]
    """Said more often than the others say them."""
    typing: float = 0.0
    """Letters a second from one message to the next in a row, the median; 0 where the log does not tell."""


def profile(log: Log, name: str, *, gap_minutes: float = 60.0) -> Profile:
    """How `name` writes in `log`; all zeros for somebody who writes nothing."""
    texts, others = [], []
    for message in log.messages:
        if message.kind is Kind.TEXT and message.sender is not None and (text := clean(message.text)):
            (texts if message.sender == name else others).append(text)
    emoji, kaomoji = Counter(), Counter()
    holding = 0
    for text in texts:
        found = EMOJI.findall(text)
        emoji.update(found)
        holding += bool(found)
        kaomoji.update(KAOMOJI.findall(text))
    marks, endings = _ends(texts)
    return Profile(
        name=name,
        messages=len(texts),
        length=distribution(map(len, texts), LENGTHS),
        bursts=distribution(_bursts(log.messages, name, gap_minutes), BURSTS),
        hours=_hours(log.messages, name),
        delays=distribution(_delays(log.messages, name), DELAYS),
        marks=_top(marks, len(texts)),
        endings=_top(endings, len(texts)),
        emoji=_top(emoji, len(texts)),
        kaomoji=_top(kaomoji, len(texts)),
        with_emoji=holding / max(len(texts), 1),
        words=favourites(texts, others),
        typing=typing_pace(log.messages, name),
    )


def distribution(values: Iterable[float], starts: Sequence[float]) -> Distribution:
    """The spread of `values`, in classes that begin at `starts`; values below the first are counted there."""
    ordered = sorted(values)
    ends = (*starts[1:], None)
    counted = Counter(max(bisect_right(starts, value) - 1, 0) for value in ordered)
    bins = tuple(Bin(start, end, counted[k]) for k, (start, end) in enumerate(zip(starts, ends, strict=True)))
    if not ordered:
        return Distribution(0, 0.0, 0.0, 0.0, 0.0, bins)
    n = len(ordered)
    return Distribution(n, fmean(ordered), median(ordered), ordered[-(-9 * n // 10) - 1], ordered[-1], bins)


def end_of(text: str) -> tuple[str, str]:
    """(the mark, the word) a message ends with; "" where it is none of those known.

    >>> end_of("そうだよね〜"), end_of("行くよ笑"), end_of("おはよう😊"), end_of("ok!")
    (('〜', 'だよね'), ('笑', 'よ'), ('', ''), ('！', 'ok'))
    """
    bare = EMOJI.sub("", text[-TAIL:]).rstrip()
    mark = _MARK.search(bare, len(bare) - NEAR)
    label = MARKS[int(mark.lastgroup[1:])][0] if mark and mark.lastgroup else ""
    before = bare
    while mark and mark.start() < len(before):
        before = before[: mark.start()].rstrip()
        mark = _MARK.search(before, len(before) - NEAR)
    word = _WORD.search(before, len(before) - NEAR)
    return label, word[0].lower() if word else ""


def _ends(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    marks, endings = Counter(), Counter()
    for text in texts:
        mark, word = end_of(text)
        marks[mark] += 1
        if word:
            endings[word] += 1
    return marks, endings


def _top(counted: Counter[str], messages: int) -> tuple[Counted, ...]:
    return tuple(Counted(text, n, min(n / max(messages, 1), 1.0)) for text, n in counted.most_common(TOP))


def _talk(messages: Sequence[Message]) -> list[Message]:
    """Messages of people in the order of talking."""
    people = (messages[i] for i in talking_order(messages))
    return [m for m in people if m.sender is not None and m.kind not in (Kind.SYSTEM, Kind.UNKNOWN)]


def _bursts(messages: Sequence[Message], name: str, gap_minutes: float) -> Iterable[int]:
    for session in sessions(messages, gap_minutes):
        said = (messages[i] for i in session.positions)
        words = (m.sender for m in said if m.kind is Kind.TEXT and m.sender is not None)
        yield from (len(list(run)) for sender, run in groupby(words) if sender == name)


def _hours(messages: Sequence[Message], name: str) -> tuple[int, ...]:
    timed = Counter(m.time.hour for m in messages if m.time and m.sender == name and m.kind is Kind.TEXT)
    # Midnight on every day is a clock that tells days only.
    only_days = not any(m.time and (m.time.hour or m.time.minute) for m in messages)
    return tuple(0 if only_days else timed[hour] for hour in range(24))


def typing_pace(messages: Sequence[Message], name: str) -> float:
    """Letters a second from one message of somebody to the next, within a burst; 0 where that cannot be told."""
    if not any(message.time and message.time.second for message in messages):
        return 0.0  # a clock of minutes
    speeds = []
    for before, message in pairwise(_talk(messages)):
        in_a_row = before.sender == message.sender == name and before.part == message.part
        if in_a_row and message.kind is Kind.TEXT and before.time and message.time:
            seconds = (message.time - before.time).total_seconds()
            if 0 < seconds <= LONGEST_TYPING:
                speeds.append(len(message.text) / seconds)
    return median(speeds) if len(speeds) >= FEWEST_TYPED else 0.0


def _delays(messages: Sequence[Message], name: str) -> Iterable[float]:
    before = None
    for message in _talk(messages):
        answers = before and before.sender != name and message.sender == name and before.part == message.part
        if before and answers and before.time and message.time:
            minutes = (message.time - before.time).total_seconds() / 60
            if minutes <= 1440:
                yield minutes
        before = message
