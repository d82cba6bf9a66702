"""Zoom's chat of a meeting, in the form with the words behind the name and the one with them below."""

from datetime import datetime
from pathlib import Path

from core.logs.detect import read_log
from tests.helpers.log_files import said


def read(tmp_path: Path, text: str):
    path = tmp_path / "meeting_saved_chat.txt"
    path.write_text(text, encoding="utf-8")
    return read_log(path)


def test_words_below_the_head(tmp_path: Path) -> None:
    log = read(tmp_path, "2024-03-12 09:05:00 From Mika M to Everyone:\r\n\thi\r\n\tsecond: line\r\n"
                         "2024-03-12 09:06:00 From Ken to Mika M(Direct Message):\r\n\tyo\r\n"
                         "2024-03-12 09:07:00 From Ken to Everyone:\r\n\t[File] a.pdf\r\n")  # fmt: skip
    assert log.format.id == "zoom" and log.lines.missing == 0
    assert said(log) == [
        ("Mika M", "text", "hi\nsecond: line"),
        ("Ken", "text", "yo"),
        ("Ken", "media", "[File] a.pdf"),
    ]
    assert log.messages[0].time == datetime(2024, 3, 12, 9, 5)


def test_words_behind_the_name(tmp_path: Path) -> None:
    log = read(tmp_path, "09:05:00\t From Mika : hi\n09:06:00\t From Ken to Mika(Privately) : yo\nstill\n"
                         "09:07:00\t 開始 花子 宛先 全員:\n\tはい\n")  # fmt: skip
    assert said(log) == [("Mika", "text", "hi"), ("Ken", "text", "yo\nstill"), ("花子", "text", "はい")]
    assert log.messages[0].time is None and any("no date" in note.en for note in log.notes)
