"""Messages written as LINE and WhatsApp write them are read back the same, whatever people type."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.logs.detect import FALLBACK, READERS
from core.logs.formats.line import desktop as line_desktop
from core.logs.formats.line import phone as line_phone
from core.logs.formats.whatsapp import chat as whatsapp
from core.logs.log import Hints, Log
from core.logs.parsing.decode import decode, edges
from core.messages import Kind

Written = Sequence[tuple[str, datetime, str]]
NAMES = ("花子", "Ann", "H Village", "山田@仕事", "🐈‍⬛ねこ")
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))
PIECES = st.sampled_from(
    [
        *(
            "やあ",
            "10:30",
            "10:30\t花子\t偽物",
            "2024/01/05(金)",
            "25/07/2026, 13:32",
            '"',
            '""',
            ": ",
            "：",
            " ",
            "\t",
            "、",
        ),
        *(
            "[写真",
            "スタンプです",
            "https://example.com/a?b=c",
            "Note: x",
            "(emoji",
            "☎",
            "<",
            "が退会しました",
            "了解",
        ),
    ]
)
WORDS = st.lists(PIECES | st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=6).map("".join)
LIMITS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def talks(words: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, datetime, str]]]:
    """Three to a dozen messages in the order of time, a minute to two days apart."""
    steps = st.tuples(st.sampled_from(NAMES), st.integers(1, 2880), words)

    def timed(steps: Sequence[tuple[str, int, str]]) -> list[tuple[str, datetime, str]]:
        now, talk = datetime(2024, 1, 1, 7), []
        for name, minutes, text in steps:
            now += timedelta(minutes=minutes)
            talk.append((name, now, text))
        return talk

    return st.lists(steps, min_size=3, max_size=12).map(timed)


def lines_of(words: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(words, min_size=1, max_size=most).map("\n".join)


def read_back(log: Log) -> list[tuple[str | None, datetime | None, str]]:
    assert log.lines.missing == 0
    return [(message.sender, message.time, message.text) for message in log.messages]


def phone(talk: Written) -> str:
    lines, day = ["[LINE] 花子とのトーク履歴", "保存日時：2026/08/21 11:59"], None
    for name, time, text in talk:
        if time.date() != day:
            day = time.date()
            lines += ["", f"{day:%Y/%m/%d}({'月火水木金土日'[day.weekday()]})"]
        body = '"' + text.replace('"', '""') + '"' if "\n" in text else text
        lines.append(f"{time:%H:%M}\t{name}\t{body}")
    return "\n".join(lines) + "\n"


def fits_in_a_phone_export(talk: Written) -> bool:
    """Whether it holds nothing that LINE's own file cannot tell apart: marks typed by hand, an opening quote
    that a later line closes, a pasted record that fits the clock.
    """
    for name, _, text in talk:
        kind, words = line_phone.classify(text, name)
        if kind is not Kind.TEXT or words != text or text.startswith("\n"):
            return False
        if text.startswith('"') and "\n" not in text:
            return False
        if any(map(line_phone.HEAD.match, text.split("\n")[1:])):  # a pasted record that fits the clock is one
            return False
    return True


@LIMITS
@given(talks(lines_of(WORDS, 4)))
def test_line_phone(talk):
    talk = [one for one in talk if fits_in_a_phone_export([one])]
    text = phone(talk)
    assert read_back(line_phone.read(text, Hints())) == talk
    mixed = "\r\n".join(text[:-1].split("\n")) if not any("\n" in words for _, _, words in talk) else text
    assert read_back(line_phone.read(mixed, Hints())) == talk


def desktop(talk: Written) -> str:
    lines, day = [], None
    for name, time, text in talk:
        if time.date() != day:
            day = time.date()
            lines += [f"{day:%Y.%m.%d} {'月火水木金土日'[day.weekday()]}曜日"]
        lines.append(f"{time:%H:%M} {name} {text}")
    return "\n".join(lines) + "\n"


@LIMITS
@given(talks(WORDS))
def test_line_desktop_with_known_names(talk):
    def plain(name: str, text: str) -> bool:
        kind, words = line_desktop.classify(text, name)
        mark = text.strip() in line_desktop.MARKS or (name == "Ann" and text.startswith(" "))
        return kind is Kind.TEXT and words == text and not mark and bool(text.strip())

    talk = [(name, time, text) for name, time, text in talk if plain(name, text)]
    if talk:
        assert read_back(line_desktop.read(desktop(talk), Hints(names=NAMES))) == talk


@LIMITS
@given(talks(lines_of(WORDS, 3)), st.sampled_from(["{0:%Y/%m/%d, %H:%M} - ", "[{0:%d/%m/%Y, %H:%M:%S}] "]))
def test_whatsapp(talk, head):
    def typed(text: str) -> bool:
        kind, words = whatsapp.classify(text, True)
        lines = text.split("\n")
        if lines[0] != lines[0].rstrip():  # blanks at the end of a first line are not kept
            return False
        return (
            kind is Kind.TEXT and words == text and not any(map(whatsapp.match_head, lines)) and bool(lines[-1].strip())
        )

    talk = [(edges(name), time, text) for name, time, text in talk if typed(text)]
    if not talk:
        return
    day_first = [*talk, ("Ann", datetime(2024, 12, 31, 7), "x")]  # a day above 12 settles the order
    text = "".join(f"{head.format(time)}{name}: {words}\n" for name, time, words in day_first)
    assert read_back(whatsapp.read(text, Hints())) == day_first


LINES = (
    *("2021년 12월 29일 오후 8:36", "2021년 12월 29일 오후 8:36, 하나 : 안녕", "[하나] [오후 8:36] 안녕"),
    *(
        "하나님이 나갔습니다.",
        "--------------- 2021년 12월 29일 수요일 ---------------",
        "Date,User,Message",
        '2021-12-29 20:36:00,"a","x',
    ),
    *(
        "May 17, 2022  5:29:42 PM",
        "    May 17, 2022  5:31:00 PM",
        "Me",
        "This message responded to an earlier message.",
    ),
    *("Tapbacks:", "[15/01/2024 10:30] ann", "{Attachments}", "=" * 62, "Exported 4 message(s)", "<ann> hi"),
    *("12:00 -!- x has joined #y", "--- Day changed Tue Jan 02 2024", "2024-01-01 12:00:00\tann\thi", "消息对象:小明"),
    *("2019-07-16 18:15:05 小明(23333)", "[2019-05-29 15:04:05] Ann: > hi", "2020-01-02 15:04 Ann: [edited] x"),
    *("From: Ann (+1234)", "Type: incoming", "Sent: Thu, 2 Jan 2020 15:04:05 +0900", "Conversation: Ann", "花子「やあ"),
    *("」", "【花子】はい", "**Ann:** hi", "Ann: hi", "Ann", '10:00\tA\t"open', "2024/01/01(月)", "[LINE] Aとのトーク"),
    *("18:04 H V x", "", " ", "\t", "id;name;text", '1;Ann;"x', "name,text"),
)


@pytest.mark.parametrize("reader", [*READERS, FALLBACK], ids=lambda reader: reader.FORMAT.id)
@settings(max_examples=25, deadline=None)
@given(
    lines=st.lists(st.sampled_from(LINES) | st.text(max_size=12), min_size=1, max_size=14),
    ends=st.sampled_from([("\n",), ("\r\n",), ("\r",), ("\r\n", "\n"), ("\n", "\r")]),
    wound=st.tuples(st.integers(0, 10_000), st.binary(max_size=3)),
)
def test_any_mixture_is_read_or_refused(reader, lines, ends, wound):
    """Random and mutilated bytes never raise anything but the clear error, and no line is lost."""
    data = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines)).encode("utf-8", "replace")
    place = wound[0] % (len(data) + 1)
    try:
        text = decode(data[:place] + wound[1] + data[place + len(wound[1]) :]).text
    except InputError:
        return
    reader.score(re.split(r"\r\n|\r|\n", text))
    try:
        log = reader.read(text, Hints())
    except InputError:
        return
    assert log.lines.missing == 0
    assert all(message.reply_to is None or 0 <= message.reply_to < place for place, message in enumerate(log.messages))
