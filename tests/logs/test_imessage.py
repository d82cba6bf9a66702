"""iMessage as text: replies that stand twice, tapbacks, announcements, blank lines inside messages."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import read_text, words


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Log]:
    return partial(read_text, tmp_path, FORMATS)


FORMATS = ("imessage",)
TALK = """May 17, 2022  5:29:42 PM (Read by you after 1 minute, 2 seconds)
Ann
Dinner?

I cook: pasta
Tapbacks:
Loved by Me

    May 17, 2022  5:31:00 PM
    Me
    Yes please

May 17, 2022  5:30:10 PM
Ann
/Users/me/photo.jpeg

May 17, 2022  5:31:00 PM
Me
Yes please
This message responded to an earlier message.

May 17, 2022 11:32:00 PM You renamed the conversation to Food

"""


def test_replies_are_read_once_and_linked(read):
    log = read(TALK)
    assert words(log) == [
        ("Ann", "Dinner?\n\nI cook: pasta"), ("Ann", "/Users/me/photo.jpeg"), ("Me", "Yes please"),
        (None, "You renamed the conversation to Food"),
    ]  # fmt: skip
    assert [m.kind for m in log.messages] == [Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.SYSTEM]
    assert [m.reply_to for m in log.messages] == [None, None, 0, None]
    assert log.lines.marks == 3 and "twice" in log.notes[0].en
    assert log.messages[0].time == datetime(2022, 5, 17, 17, 29, 42) and log.messages[3].time.hour == 23


def test_reply_that_stands_only_under_its_message_is_kept(read):
    log = read(
        "May 17, 2022  5:29:42 PM\nAnn\nDinner?\n\n    May 17, 2022  5:31:00 PM\n    Me\n    Yes\n    and more\n\n"
        "May 17, 2022  5:32:00 PM\nAnn\nGood\n"
    )
    assert words(log) == [("Ann", "Dinner?"), ("Me", "Yes\nand more"), ("Ann", "Good")]
    assert log.messages[1].reply_to == 0 and not log.notes
