"""Signal as text: four tools, quotes that become links, reactions, attachments."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import read_text, words


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Log]:
    return partial(read_text, tmp_path, FORMATS)


FORMATS = ("signal-text", "sigtop")


def test_markdown_of_signal_export(read):
    log = read(
        "[2019-05-29 15:04:05] Ann: Are you coming\nor not?\n[2019-05-29 15:05:05] Me: > Are you coming\n> or not?\n"
        "\nYes: soon\n"
        "(- Ann: 😂, Bo: 👍 -)\n[2019-05-29 15:06:05] Ann: ![](./media/a.jpg)\n[2019-05-29 15:07:05] Me: > typed so\n"
    )
    assert words(log) == [
        ("Ann", "Are you coming\nor not?"), ("Me", "Yes: soon"), ("Ann", "![](./media/a.jpg)"), ("Me", "> typed so")
    ]  # fmt: skip
    assert [m.reply_to for m in log.messages] == [None, 0, None, None]
    assert log.messages[2].kind is Kind.MEDIA and log.messages[1].time == datetime(2019, 5, 29, 15, 5, 5)


def test_short_text_of_sigtop(read):
    log = read(
        "2020-01-02 15:04 Ann: hello\n2020-01-02 15:05 You: [reply to Ann on 2020-01-02 15:04, edited] hi: there\n"
        "more\n"
        "2020-01-02 15:06 Ann: [1 attachment]\n"
    )
    assert words(log)[:2] == [("Ann", "hello"), ("You", "hi: there\nmore")]
    assert log.messages[1].reply_to == 0 and log.messages[2].kind is Kind.MEDIA


def test_fields_of_sigtop(read):
    log = read(
        "Conversation: Ann (+1 234)\n\nFrom: Ann (+1234)\nType: incoming\nSent: Thu, 2 Jan 2020 15:04:05 +0900\n"
        "Received: Thu, 2 Jan 2020 15:04:06 +0900\n\nhello\n\nFrom: nowhere\n\nFrom: You\nType: outgoing\n"
        "Sent: Thu, 2 Jan 2020 15:05:05 +0900\n\n> hello\n\nhi\n\nFrom: Ann\nType: incoming\n"
        "Sent: Thu, 2 Jan 2020 15:06:05 +0900\nAttachment: a.jpg (image/jpeg, 3 bytes)\n"
    )
    assert log.format.id == "sigtop" and log.partner == "Ann"
    assert words(log)[:2] == [("Ann", "hello\n\nFrom: nowhere"), ("You", "hi")]
    assert log.messages[2].kind is Kind.MEDIA and log.messages[0].time == datetime(2020, 1, 2, 15, 4, 5)


def test_whatsapp_in_the_same_shape_stays_whatsapp(tmp_path):
    path = tmp_path / "_chat.txt"
    path.write_bytes("[2019-05-29 15:04:05] Ann: \u200eimage omitted\n[2019-05-29 15:05:05] Bo: hi\n".encode())
    assert read_log(path).format.id == "whatsapp"


def test_sample_of_signal_backup(shared):
    log = read_log(shared / "samples" / "signal" / "chatminer_test_export.txt")
    assert words(log) == [("Jane Doe", "Hello John!"), ("John Doe", "Hello\nJane!")]
    assert log.messages[0].time == datetime(2019, 12, 24, 12, 23) and log.lines.missing == 0
