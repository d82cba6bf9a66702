"""KakaoTalk exports: four sources, notices, marks, and line breaks inside messages."""

from datetime import datetime
from pathlib import Path

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, name: str = "talk.txt") -> Log:
        path = tmp_path / name
        path.write_bytes(text.encode())
        log = read_log(path)
        assert log.lines.missing == 0 and log.format.id.startswith("kakaotalk")
        return log

    return read


def said(log: Log) -> list[tuple[str | None, str]]:
    return [(message.sender, message.text) for message in log.messages]


HEADERS = {
    "Android, Korean": ("하나 님과 카카오톡 대화\n저장한 날짜 : 2021년 12월 18일\n\n\n2021년 12월 29일 오후 8:36",
                        "2021년 12월 29일 오후 8:36, {0} : {1}"),
    "Android, English": ("KakaoTalk Chats with 하나\nDate Saved : January 1, 2022\n\nDecember 29, 2021, 8:36 PM",
                         "December 29, 2021, 8:36 PM, {0} : {1}"),
    "Android, English, clock first": ("KakaoTalk Chats with 하나\n\n8:36pm, December 29, 2021",
                                      "8:36pm, December 29, 2021, {0} : {1}"),
    "iPhone, Korean": ("하나 님과 카카오톡 대화\n저장한 날짜 : 2021. 12. 30. 오전 1:00\n\n2021년 12월 29일 수요일",
                       "2021. 12. 29. 오후 8:36, {0} : {1}"),
    "iPhone, Korean, short": ("하나 님과 카카오톡 대화\n\n2021년 12월 29일 수요일", "오후 8:36, {0} : {1}"),
    "iPhone, English": ("Talk_2026.4.25 10:20-1.txt\nDate Saved : Apr 25, 2026\n\nWednesday, December 29, 2021",
                        "Dec 29, 2021 at 20:36, {0} : {1}"),
    "iPhone, English, PM": ("\nWednesday, December 29, 2021", "Dec 29, 2021, 8:36 PM, {0} : {1}"),
    "Windows, Korean": ("하나 님과 카카오톡 대화\n\n--------------- 2021년 12월 29일 수요일 ---------------",
                        "[{0}] [오후 8:36] {1}"),
    "Windows, English": ("\n--------------- Wednesday, December 29, 2021 ---------------", "[{0}] [8:36 PM] {1}"),
}  # fmt: skip


@pytest.mark.parametrize("source", HEADERS)
def test_sources(read, source):
    banner, record = HEADERS[source]
    words = ("Day 1 : https://example.com/a\n둘째 : 줄", "네, 12:30", "끝")
    log = read("\n".join((banner, *(record.format(*pair) for pair in zip(("하나", "나", "하나"), words, strict=True)))))
    assert said(log) == list(zip(("하나", "나", "하나"), words, strict=True))
    assert {message.time for message in log.messages} == {datetime(2021, 12, 29, 20, 36)}
    assert not log.unread() and log.partner == ("하나" if "하나" in banner else None)


def test_record_ends_are_crlf_and_line_breaks_inside_are_not(read):
    head = "2021년 12월 29일 오후 8:36, 하나 : "
    log = read(f"2021년 12월 29일 오후 8:36\r\n{head}보기\n{head}인용\r\n{head}끝\r\n")
    assert [text for _, text in said(log)] == [f"보기\n{head}인용", "끝"]
    assert [m.line for m in log.messages] == [2, 4]


@pytest.mark.parametrize(
    ("words", "kind"),
    [("사진", Kind.MEDIA), ("사진 3장", Kind.MEDIA), ("파일: a.pdf", Kind.MEDIA), ("이모티콘", Kind.STICKER),
     ("보이스톡 해요", Kind.CALL), ("페이스톡 1:23", Kind.CALL), ("삭제된 메시지입니다.", Kind.UNSENT),
     ("사진 보내줘", Kind.TEXT), ("Photo of me", Kind.TEXT), ("사진\n이야", Kind.TEXT)],
)  # fmt: skip
def test_marks_match_the_whole_record(read, words, kind):
    head = "2021년 12월 29일 오후 8:36, 하나 : "
    log = read(f"2021년 12월 29일 오후 8:36\n{head}{words}\n{head}끝\n")
    assert [m.kind for m in log.messages] == [kind, Kind.TEXT]


def test_notices_have_no_sender(read):
    phone = read(
        "2021년 12월 29일 오후 8:36\n2021년 12월 29일 오후 8:36, 하나님이 나갔습니다.\n"
        "2021년 12월 29일 오후 8:36: 하나님이 들어왔습니다.\n2021년 12월 29일 오후 8:37, 하나 : 하나님이 나갔습니다.\n"
    )
    assert [(m.sender, m.kind) for m in phone.messages] == [
        (None, Kind.SYSTEM), (None, Kind.SYSTEM), ("하나", Kind.TEXT)
    ]  # fmt: skip
    windows = read(
        "--------------- 2021년 12월 29일 수요일 ---------------\n[하나] [오후 8:36] 안녕\n두나님이 나갔습니다.\n"
    )
    assert [(m.sender, m.kind, m.time.hour) for m in windows.messages] == [
        ("하나", Kind.TEXT, 20), (None, Kind.SYSTEM, 20)
    ]  # fmt: skip


def test_mac_table(read):
    log = read(
        'Date,User,Message\n2021-12-29 20:36:00,"하나","안녕\n""인용"""\n2021-12-29 20:37:00,"하나","하나 invited 나."'
        '\n2021-12-29 20:38:00,"나","하나 invited us to dinner."\n2021-12-29 20:39:00,"","공지"\n',
        "chat.csv",
    )
    assert said(log)[0] == ("하나", '안녕\n"인용"')
    assert [m.kind for m in log.messages] == [Kind.TEXT, Kind.SYSTEM, Kind.TEXT, Kind.SYSTEM]
    assert [m.line for m in log.messages] == [2, 4, 5, 6] and log.messages[0].time == datetime(2021, 12, 29, 20, 36)


# File → (people and their texts in order, notices).
SAMPLES = {
    "android_01.txt": ([("테스트", "ㅎㅇ")], 0),
    "android_02.txt": ([("테스트", "ㅎㅇ\n이어지는 줄"), ("나", "반가워")], 2),
    "android_03.txt": ([("테스트", "이후 메시지")], 1),
    "android_04.txt": ([("지민", "스크린샷용 데모 한번 뽑아보자"), ("나", "날짜 헤더는 한 번만 보여야 함")], 0),
    "android_05.txt": ([("테스트", "Day 1 : https://example.com/one\nDay 2 : https://example.com/two")], 0),
    "ios_01.txt": ([("테스트", "ㅎㅇ")], 0),
    "ios_02.txt": ([("테스트", "hello")], 0),
    "ios_03.txt": ([("테스트", "ㅎㅇ\n이어지는 줄"), ("나", "반가워"), ("테스트", "다시 말함"), ("나", "다음날")], 2),
    "ios_04.txt": ([("P1", "부먹? 찍먹?"), ("P2", "전 솔직히 둘다 좋아해요")], 0),
    "ios_05.txt": ([("테스트", "hello\ncontinued line"), ("iPad", "Photo")], 2),
    "windows_01.txt": ([("테스트", "ㅎㅇ\n이어지는 줄"), ("나", "반가워"), ("나", "또 말함")], 3),
    "windows_02.txt": ([("테스트", "첫째 날"), ("지민", "둘째 날")], 0),
    "mac_01.csv": (
        [("테스트", 'ㅎㅇ\n"인용" 포함'), ("나", "반가워"), ("테스트", "다시 말함"), ("수아", "다음날 메시지")],
        6,
    ),
    "mac_02.csv": ([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], 0),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_exports(shared, name):
    log = read_log(shared / "samples" / "kakaotalk" / f"zeikar_test_{name}")
    people, notices = SAMPLES[name]
    assert [pair for pair in said(log) if pair[0]] == people
    assert sum(m.kind is Kind.SYSTEM for m in log.messages) == notices and log.lines.missing == 0


def test_sample_with_long_messages(shared):
    log = read_log(shared / "samples" / "kakaotalk" / "zeikar_test_android_06.txt")
    assert len(log.messages) == 5 and log.messages[4].text.count("\n") == 11 and log.messages[4].line == 12


def test_windows_without_banner_and_dates(read):
    log = read("[하나] [오후 8:36] 안녕\n[나] [오후 8:37] 응\n")
    assert said(log) == [("하나", "안녕"), ("나", "응")] and log.messages[0].time is None
