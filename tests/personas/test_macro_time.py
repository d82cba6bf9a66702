"""Macros of a card that somebody else wrote: nested ones work, and none of them can hold the server."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from core.personas.macros import LONGEST_TEXT, Macros, expand


def expanded(text: str, char: str = "Mio") -> str:
    return expand(text, char=char, user="Ken", seed="s")


def test_nested_macros_are_replaced_from_the_inside() -> None:
    assert expanded("{{reverse:{{char}}}} {{// to {{user}} }}{{random:{{char}},{{char}}}} {{odd}} }} {{") == (
        "oiM Mio {{odd}} }} {{"
    )


def test_a_roll_of_very_many_digits_is_a_number() -> None:
    assert expanded("{{roll:" + "9" * 5000 + "}}").isdecimal()


@pytest.mark.parametrize("piece", ["{{", "}}", "{{char", "{{{{a}}", "{{char}}", "{{random:", "<user", "{{//"])
def test_the_time_of_a_hostile_card_is_linear(piece: str) -> None:
    started = time.process_time()
    expanded((piece * 400_000)[:400_000])
    assert time.process_time() - started < 5


def test_a_long_name_cannot_make_the_text_endless() -> None:
    assert len(expanded("{{char}}" * 5000, "x" * 10_000)) <= LONGEST_TEXT
    assert len(expanded("<bot>" * 5000, "x" * 10_000)) <= LONGEST_TEXT


NOW = datetime(2026, 3, 5, 21, 7, tzinfo=timezone(timedelta(hours=9)))


def said(text: str, idle: timedelta = timedelta(0)) -> str:
    return Macros("Mio", "Ken", "s", now=NOW, idle=idle).expand(text)


@pytest.mark.parametrize(("text", "plain"), [
    ("{{time}}|{{date}}|{{weekday}}", "9:07 PM|March 5, 2026|Thursday"),
    ("今は{{date}}（{{weekday}}）{{time}}", "今は2026年3月5日（木曜日）21:07"),
    ("{{isodate}}T{{isotime}}", "2026-03-05T21:07"),
    ("{{time_UTC-2}} {{time_UTC+99}} {{time_UTCx}}", "10:07 AM {{time_UTC+99}} {{time_UTCx}}"),
    ("a{{newline}}b{{noop}}{{trim}}c", "a\nbc"),
])  # fmt: skip
def test_the_clock_is_told_in_the_language_of_the_text(text: str, plain: str) -> None:
    assert said(text) == plain


@pytest.mark.parametrize(("idle", "english", "japanese"), [
    (timedelta(seconds=30), "just now", "ついさっき"), (timedelta(minutes=1), "1 minute", "1分"),
    (timedelta(hours=5, minutes=50), "5 hours", "5時間"), (timedelta(days=3), "3 days", "3日"),
    (timedelta(days=70), "2 months", "2か月"), (timedelta(days=-1), "just now", "ついさっき"),
])  # fmt: skip
def test_how_long_the_user_was_silent(idle: timedelta, english: str, japanese: str) -> None:
    assert said("{{idle_duration}} ago", idle) == f"{english} ago"
    assert said("沈黙は{{idle_duration}}", idle) == f"沈黙は{japanese}"


def test_variables_are_shared_by_the_texts_of_a_persona() -> None:
    macros = Macros("Mio", "Ken", "s", now=NOW)
    text = "{{setvar::mood::{{random:glad}}}}{{getvar::mood}} {{addvar::n::2}}{{addvar::n::1.5}}{{getvar::n}}"
    assert macros.expand(text) == "glad 3.5"
    assert macros.expand("{{incvar::k}}{{incvar::k}}{{decvar::k}} {{addvar::mood::der}}{{getvar::mood}}") == (
        "121 gladder"
    )
    assert macros.expand("{{setglobalvar::x::{{char}}}}{{getglobalvar::x}}{{getvar::none}}") == "Mio"


@pytest.mark.parametrize("dice", ["d6", "6", "2d3+4", "1d20-3", "999d2", "x", ""])
def test_dice_are_summed(dice: str) -> None:
    least, most = {"d6": (1, 6), "6": (1, 6), "2d3+4": (6, 10), "1d20-3": (-2, 17), "999d2": (100, 200)}.get(
        dice, (1, 1)
    )
    assert least <= int(said(f"{{{{roll:{dice}}}}}")) <= most


def test_variables_that_double_end_in_time_and_length() -> None:
    started = time.process_time()
    text = "{{setvar::x::ab}}" + "{{setvar::x::{{getvar::x}}{{getvar::x}}}}{{addvar::x::{{getvar::x}}}}" * 6000
    assert len(said(text + "{{getvar::x}}" * 1000)) <= LONGEST_TEXT + len(text)
    assert time.process_time() - started < 5
