"""No message is joined to another in silence: lines that look like a head are counted and shown."""

from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind


@pytest.fixture
def read(tmp_path: Path):
    def read(*lines: str) -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes("\n".join(lines).encode())
        log = read_log(path)
        assert log.lines.missing == 0
        return log

    return read


KAKAO = (
    "하늘 님과 카카오톡 대화",
    "저장한 날짜 : 2025-03-05 21:00:00",
    "",
    "--------------- 2025년 3월 4일 화요일 ---------------",
)


def test_kakaotalk_names_may_hold_brackets(read):
    log = read(*KAKAO, "[[팀] 하늘] [오후 8:36] 안녕 [진짜] [오후 8:37]", "[바다 [팀]] [오후 8:37] 응", "이어짐")
    assert [(m.sender, m.text) for m in log.messages] == [
        ("[팀] 하늘", "안녕 [진짜] [오후 8:37]"), ("바다 [팀]", "응\n이어짐"),
    ]  # fmt: skip
    assert not log.notes and not log.lines.doubtful


@pytest.mark.parametrize(
    ("format", "lines", "doubtful"),
    [
        ("kakaotalk", (*KAKAO, "[하늘] [오후 8:36] 안녕", 
 "[바다] [저녁 8:38] 뭐", "[바다][오후 8:39] 뭐", "끝"), [6, 7]),
        ("whatsapp", ("25/03/2025, 10:00 - A: x", "25/03/2025, 10:00 - B: y",
                      "26/03/2025 um die 11:00 - A: z"), [3]),
        ("line", ("2025/03/04(火)", "10:00\tA\tx", "朝方 10:01\tB\ty", "10:02\tA\tz"), [3]),
        ("line-desktop", ("2025.03.04 火曜日", "18:04 H K a",
                          "18:05 M b", "18:06 H K c",
  "10:30 集合", "18:07 M d"), [5]),
    ],
)  # fmt: skip
def test_what_looks_like_a_head_is_counted_and_shown(read, format, lines, doubtful):
    log = read(*lines)
    assert log.format.id == format and log.lines.doubtful == len(doubtful)
    (note,) = log.notes
    assert all(f"(line {number})" in note.en and f"（{number} 行目）" in note.ja for number in doubtful)
    assert all(any(lines[number - 1].strip() in m.text for m in log.messages) for number in doubtful)


def test_dates_without_words_behind_them_are_no_heads(read):
    log = read(
        "25/03/2025, 10:00 - A: dates:",
        "26/03/2025",
        "27/03/2025, 10:00",
        "25/03/2025, 10:00 - B: y",
        "25/03/2025, 10:00 - B: z",
    )
    assert not log.lines.doubtful and log.messages[0].kind is Kind.TEXT
