"""Discord as plain text: words below the head, blocks of attachments, service sentences, the frame."""

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


FORMATS = ("discord-text",)
TALK = f"""{"=" * 62}
Guild: My server
Channel: Text / general
Topic: note: bring cake
{"=" * 62}

[15/01/2024 10:30] ann#1234
Hello

two: lines

[16/01/2024 10:31] Bo B. (pinned)
look
{{Attachments}}
https://cdn.example/x.png

[16/01/2024 10:32] ann#1234

{{Stickers}}
https://cdn.example/wave

[16/01/2024 10:33] ann#1234
Started a call that lasted 3 minutes.

{"=" * 62}
Exported 4 message(s)
{"=" * 62}
"""


def test_messages_blocks_and_frame(read):
    log = read(TALK)
    assert [(m.sender, m.kind) for m in log.messages] == [
        ("ann#1234", Kind.TEXT), ("Bo B.", Kind.TEXT), ("ann#1234", Kind.STICKER), (None, Kind.CALL)
    ]  # fmt: skip
    assert log.messages[0].text == "Hello\n\ntwo: lines" and log.messages[1].text == "look"
    assert log.messages[0].time == datetime(2024, 1, 15, 10, 30) and log.messages[0].line == 7
    assert not log.unread() and log.lines.marks == 8


def test_american_dates(read):
    log = read("[1/15/2024 10:30 PM] ann\na\n\n[1/16/2024 12:05 AM] bo\nb\n")
    assert [m.time for m in log.messages] == [datetime(2024, 1, 15, 22, 30), datetime(2024, 1, 16, 0, 5)]


@pytest.mark.parametrize(
    ("name", "messages", "kind"),
    [
        ("basic", [("alice", "Hello world"), ("bob", "Hi there")], Kind.TEXT),
        ("multiline", [("alice", "Line 1\nLine 2\nLine 3")], Kind.TEXT),
        ("with_attachments", [("alice", "Message")], Kind.TEXT),
        ("with_stickers", [("alice", "{Stickers}\ncool_sticker")], Kind.STICKER),
    ],
)
def test_sample_exports(shared, name, messages, kind):
    log = read_log(shared / "samples" / "discord" / f"chatpack_test_parse_txt_{name}.txt")
    assert log.format.id == "discord-text" and words(log) == messages and log.lines.missing == 0
    assert {m.kind for m in log.messages} == {kind} and log.messages[0].time == datetime(2024, 1, 15, 10, 30)
