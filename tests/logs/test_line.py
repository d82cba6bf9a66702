"""LINE exports, phone and desktop: records, quoting, dates, kinds, and where every line went."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, file_name: str = "talk.txt", **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes(text.encode())
        log = read_log(path, file_name=file_name, **answers)
        assert log.lines.missing == 0
        return log

    return read


def said(log: Log) -> list[tuple[str | None, str]]:
    return [(message.sender, message.text) for message in log.messages]


def kinds(log: Log) -> list[Kind]:
    return [message.kind for message in log.messages]


def phone(*records: str, header: str = "2024/01/01(月)") -> str:
    return "\n".join(("[LINE] 花子とのトーク履歴", "保存日時：2026/08/21 11:59", "", header, *records)) + "\n"


def test_phone_export_has_senders_times_lines_and_the_partner(read):
    log = read(
        phone("12:08\t花子\tやあ", "12:09\t太郎\tどうも\tタブも本文", "", "2024/01/02(火)", "9:20\t花子\tおはよう")
    )
    assert log.format.id == "line" and log.partner == "花子" == log.suggested_persona()
    assert said(log) == [("花子", "やあ"), ("太郎", "どうも\tタブも本文"), ("花子", "おはよう")]
    assert [m.time for m in log.messages] == [
        datetime(2024, 1, 1, 12, 8), datetime(2024, 1, 1, 12, 9), datetime(2024, 1, 2, 9, 20)
    ]  # fmt: skip
    assert [m.line for m in log.messages] == [5, 6, 9]
    assert (log.lines.total, log.lines.messages, log.lines.marks, log.lines.blank) == (9, 3, 4, 2)


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ('10:00\tA\t"一行目\n\n""引用""だよ\n"', '一行目\n\n"引用"だよ\n'),
        ('10:00\tA\t"名誉棄損"', '"名誉棄損"'),
        ('10:00\tA\t"閉じない', '"閉じない'),
        ('10:00\tA\t"前半" と後半\n続き', '"前半" と後半\n続き'),
        ('10:00\tA\t""二重""\n続き', '""二重""\n続き'),
        ("10:00\tA\tふつうの\n続き\n\n二段落目", "ふつうの\n続き\n\n二段落目"),
        ("10:00\tA\t始まり\n\tタブの続き", "始まり\nタブの続き"),
        ("10:00\tA\t始まり\n2024/01/01\n25:00\tB\t時刻ではない", "始まり\n2024/01/01\n25:00\tB\t時刻ではない"),
        # A whole log pasted into one message: its times do not fit the clock.
        ('23:00\tA\t"見て\n2023/12/30(土)\n10:00\tB\tおやすみ"', "見て\n2023/12/30(土)\n10:00\tB\tおやすみ"),
        ('23:00\tA\t"見て\n10:00\tB\tおやすみ"', "見て\n10:00\tB\tおやすみ"),
    ],
)
def test_message_of_several_lines(read, record, text):
    log = read(phone("09:00\tB\tはい", record, "23:59\tB\tうん"))
    assert said(log) == [("B", "はい"), ("A", text), ("B", "うん")]


def test_open_quote_does_not_swallow_the_records_after_it(read):
    log = read(phone('10:00\tA\t"開いたまま', "10:01\tB\tはい", "10:02\tB\t背は5'11\"", "10:03\tA\tそう"))
    assert [text for _, text in said(log)] == ['"開いたまま', "はい", "背は5'11\"", "そう"]


def test_crlf_ends_records_where_bare_lf_stands_inside_messages(read):
    inner = "10:00\tA\t貼る\n2024/01/02(火)\n11:00\tB\t中身"
    log = read("\r\n".join(("2024/01/03(水)", inner, "12:00\tB\t外", "12:01\tA\tうん", "")))
    assert [text for _, text in said(log)] == ["貼る\n2024/01/02(火)\n11:00\tB\t中身", "外", "うん"]
    assert [m.line for m in log.messages] == [2, 5, 6]


def test_one_stray_crlf_does_not_glue_a_whole_file(read):
    log = read("2024/01/03(水)\n12:00\tA\tひとつ\r\n12:01\tB\tふたつ\n12:02\tA\tみっつ\n")
    assert [text for _, text in said(log)] == ["ひとつ", "ふたつ", "みっつ"]


@pytest.mark.parametrize(
    "header",
    ["2018/07/10(火)", "2018/7/10(火)", "2018/07/10（火）", "2018.07.10 火曜日", "2018.07.10 Tuesday",
    "2018/07/10 Tue",
     "2018年7月10日(火)", "2018/7/10周二", "2018/07/10（二）", "Tue, 10/07/2018", "Tue, 07/10/2018"],
)  # fmt: skip
def test_date_lines(read, header):
    log = read(phone("12:00\tA\ta", "12:01\tB\tb", header=header))
    assert log.messages[0].time == datetime(2018, 7, 10, 12, 0)


def test_weekdays_of_the_whole_file_decide_day_or_month_first(read):
    # 04/03/2025 and 03/04/2025 are both possible; only as April 3 (a Thursday) does the first one fit.
    text = "Thu, 04/03/2025\n10:00\tA\ta\n\nFri, 04/04/2025\n10:00\tB\tb\n"
    log = read(text)
    assert [m.time.strftime("%m-%d") for m in log.messages] == ["04-03", "04-04"]
    assert log.guesses[0].value == ("mdy",)


def test_date_with_the_wrong_weekday_inside_a_message_is_text(read):
    log = read(
        phone("10:00\tA\t予定", "2024/01/05(月)", "に会おう", "10:01\tB\tうん", "", "2024/01/02(火)", "9:00\tA\tあ")
    )
    assert log.messages[0].text == "予定\n2024/01/05(月)\nに会おう"


def test_wrong_weekdays_of_a_whole_file_are_taken_as_dates(read):
    log = read("2024/01/01(日)\n10:00\tA\ta\n10:01\tB\tb\n2024/01/02(日)\n10:00\tA\tc\n")
    assert [m.time.day for m in log.messages] == [1, 1, 2]


@pytest.mark.parametrize(
    ("clock", "hour", "minute"),
    [
        ("7:59", 7, 59),
        ("午後3:04", 15, 4),
        ("午前12:05", 0, 5),
        ("8:15AM", 8, 15),
        ("04:35PM", 16, 35),
        ("10:00 AM", 10, 0),
    ],
)
def test_clock_forms(read, clock, hour, minute):
    log = read(phone(f"{clock}\tA\ta", "23:00\tB\tb"))
    assert log.messages[0].time == datetime(2024, 1, 1, hour, minute)


def test_24_53_is_in_the_next_day(read):
    assert read(phone("24:53\tA\ta", "1:00\tB\tb")).messages[0].time == datetime(2024, 1, 2, 0, 53)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ("A\t[スタンプ]", Kind.STICKER), ("A\t[写真]", Kind.MEDIA), ("A\t[Photo]", Kind.MEDIA),
        ("A\t[ノート] 持ち物のこと", Kind.MEDIA), ("A\t(emoji)", Kind.STICKER), ("A\t☎ 通話時間 1:23", Kind.CALL),
        ("A\t通話時間 1:02:03", Kind.CALL), ("A\t不在着信", Kind.CALL),
        ("A\t☎ 通話に応答がありませんでした。", Kind.CALL),
        ("A\tグループ音声通話が開始されました。", Kind.CALL), ("A\t☎ No answer", Kind.CALL),
        ("A\tメッセージの送信を取り消しました", Kind.UNSENT), ("A\tAがメッセージの送信を取り消しました", Kind.UNSENT),
        ("Aがメッセージの送信を取り消しました", Kind.UNSENT), ("A unsent a message.", Kind.UNSENT),
        ("☎ 通話時間 1:23", Kind.CALL), ("\tAが参加しました。", Kind.SYSTEM), ("A\tAが退会しました。", Kind.SYSTEM),
        ("A\tⓘ Decrypting...", Kind.SYSTEM),
    ],
)  # fmt: skip
def test_what_is_no_text(read, columns, kind):
    log = read(phone(f"10:00\t{columns}", "10:01\tB\tうん"))
    assert kinds(log) == [kind, Kind.TEXT]


@pytest.mark.parametrize(
    "words",
    ["メモを削除しました", "Bが参加しました。", "通話時間 1:23 だった", "写真", "[スタンプ]押した",
    "[写真]の件", "No answer from him",
     "Bがメッセージの送信を取り消しました"],
)  # fmt: skip
def test_ordinary_words_stay_words(read, words):
    log = read(phone(f"10:00\tA\t{words}", "10:01\tB\tうん"))
    assert kinds(log) == [Kind.TEXT, Kind.TEXT] and log.messages[0].text == words


def test_emoji_token_leaves_the_words(read):
    assert read(phone("10:00\tA\t了解です(emoji)", "10:01\tB\tb")).messages[0].text == "了解です"


def test_invisible_marks_and_width_make_no_second_person(read):
    log = read(phone("10:00\tＡｋｉ\ta", "10:01\tAki\u200b\tb", "10:02\t\u2068Aki\u2069\tc"))
    assert [speaker.name for speaker in log.speakers()] == ["Ａｋｉ"]


def test_lines_before_any_message_are_kept_with_their_number(read):
    log = read("なにかの説明\nもう一行\n\n2024/01/01(月)\n10:00\tA\ta\n10:01\tB\tb\n")
    (block,) = log.unread()
    assert (block.line, block.text, log.lines.unread) == (1, "なにかの説明\nもう一行", 2)


def test_without_banner_and_dates(read):
    log = read("10:00\tA\ta\n10:01\tB\tb\n10:02\tA\tc\n")
    assert log.format.id == "line" and [m.time for m in log.messages] == [None] * 3


@pytest.mark.parametrize(
    ("banner", "file_name", "partner"),
    [
        ("[LINE] Aとのトーク", "x.txt", "A"), ("[LINE] Chat history with A", "x.txt", "A"),
        ("[LINE] 家族のトーク履歴", "[LINE] Aとのトーク.txt", None), ("", "[LINE] Aとのトーク (1).txt", "A"),
        ("", "talk.txt", None),
        ("[LINE] 与A的聊天记录", "x.txt", "A"),
    ],
)  # fmt: skip
def test_partner(read, banner, file_name, partner):
    log = read(f"{banner}\n\n2024/01/01(月)\n10:00\tA\ta\n10:01\tB\tb\n10:02\tB\tc\n", file_name)
    assert log.partner == partner


DESKTOP = """2024.03.31 日曜日
18:04 H Village はじめまして！
続きの行
18:10 集合ね
18:05 三郎 どうも
18:06 H Village 画像
18:07 三郎 おお
18:08 H Village 元気？
18:09 H Villageがメッセージの送信を取り消しました
09:00 三郎 スタンプ
"""


def test_desktop_export_works_out_names_with_spaces(read):
    log = read(DESKTOP)
    assert log.format.id == "line-desktop"
    assert log.guesses[0].value == ("H Village", "三郎")
    assert said(log)[:2] == [("H Village", "はじめまして！\n続きの行\n18:10 集合ね"), ("三郎", "どうも")]
    assert kinds(log) == [Kind.TEXT, Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.TEXT, Kind.UNSENT, Kind.STICKER]


def test_desktop_names_can_be_corrected(read):
    log = read(DESKTOP, names=("H", "三郎"))
    assert said(log)[0] == ("H", "Village はじめまして！\n続きの行\n18:10 集合ね")
    assert log.guesses[0].certain


def test_desktop_name_from_the_file_name(read):
    text = "2024.03.31 日曜日\n18:04 Ann Lee hi\n18:05 Bo yes\n18:06 Bo ok\n"
    log = read(text, "[LINE]Ann Lee.txt")
    assert {speaker.name for speaker in log.speakers()} == {"Ann Lee", "Bo"}


def test_desktop_keeps_somebody_who_wrote_once(read):
    log = read("2024.03.31 Sunday\n18:04 Ann hi\n18:05 Carol hello you\n18:06 Ann ok\n18:07 Ann so\n")
    assert ("Carol", "hello you") in said(log)


def test_sample_exports(shared):
    phone_log = read_log(shared / "samples" / "line" / "linelog2py_example.txt")
    assert [(s.name, s.texts, s.messages) for s in phone_log.speakers()] == [("A", 5, 6), ("B", 4, 4)]
    assert phone_log.partner == "B" and not phone_log.unread() and phone_log.lines.missing == 0
    desktop = read_log(shared / "samples" / "line" / "meyfa_readme_windows_en.txt")
    assert [m.sender for m in desktop.messages] == ["Bob", "Alice", "Bob", "Bob", "Bob", "Alice"]
    assert desktop.messages[0].text.count("\n") == 1 and desktop.messages[4].kind is Kind.MEDIA


LANGUAGES = {
    "ja": ("[LINE] Annaとのトーク履歴\n保存日時：2026/08/21 11:59", "2024/01/15(月)", "午後3:04"),
    "en": ("[LINE] Chat history with Anna\nSaved on: 15/01/2024, 03:05PM", "Mon, 15/01/2024", "03:04PM"),
    "zh-TW": ("[LINE] 與Anna的聊天記錄\n儲存日期：2024/01/16 上午 9:00", "2024/01/15（一）", "下午3:04"),
    "zh-CN": ("[LINE] 与Anna的聊天记录\n保存日期：2024/01/16 09:00", "2024/1/15周一", "15:04"),
    "th": ("[LINE] ประวัติการแชทกับ Anna\nบันทึกวันที่ 16/01/2024 09:00", "จ. 15/01/2024", "15:04 น."),
    "th, its own years": ("[LINE] ประวัติการสนทนากับ Anna", "2567/01/15(จ.)", "15:04"),
    "desktop ja": ("", "2024.01.15 月曜日", "午後3:04"),
    "desktop en": ("", "2024.01.15 Monday", "3:04 PM"),
    "desktop zh": ("", "2024.01.15 星期一", "下午3:04"),
    "desktop th": ("", "2024.01.15 วันจันทร์", "15:04"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages(read, language):
    banner, header, clock = LANGUAGES[language]
    between = " " if language.startswith("desktop") else "\t"
    records = (between.join((clock, name, text)) for name, text in (("Anna", "a"), ("Ben", "b"), ("Anna", "c")))
    log = read("\n".join((*filter(None, [banner]), "", header, *records)), "[LINE] Chat with Anna.txt")
    assert [(m.sender, m.text, m.time) for m in log.messages] == [
        (name, text, datetime(2024, 1, 15, 15, 4)) for name, text in (("Anna", "a"), ("Ben", "b"), ("Anna", "c"))
    ]
    assert log.partner == "Anna" and not log.unread()


@pytest.mark.parametrize(("clock", "hour"), [("凌晨12:05", 0), ("清晨5:05", 5), ("中午11:05", 11), ("中午12:05", 12),
                                            ("中午1:05", 13), ("晚上9:05", 21)])  # fmt: skip
def test_parts_of_the_day(read, clock, hour):
    assert read(phone(f"{clock}\tA\ta", "23:59\tB\tb")).messages[0].time == datetime(2024, 1, 1, hour, 5)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ("A\t[貼圖]", Kind.STICKER), ("A\t[สติกเกอร์]", Kind.STICKER), ("A\t[影片]", Kind.MEDIA),
        ("A\t[รูป]", Kind.MEDIA), ("A\t[位置訊息] 台北市", Kind.MEDIA), ("A\t☎ 取消通話", Kind.CALL),
        ("A\t☎ 通話時間 0:07", Kind.CALL), ("A\t☎ ไม่มีการตอบรับ", Kind.CALL), ("A\t☎ Call time 0:07", Kind.CALL),
        ("A已收回訊息", Kind.UNSENT), ("A\t已收回訊息。", Kind.UNSENT), ("A ยกเลิกข้อความ", Kind.UNSENT),
        ("\tA加入群組。", Kind.SYSTEM), ("A joined the group.", Kind.SYSTEM), ("A\tA退出群組。", Kind.SYSTEM),
        ("A\tA เข้าร่วมกลุ่มแล้ว", Kind.SYSTEM), ("A\t☎ 03-1234-5678", Kind.TEXT), ("A\tA加油", Kind.TEXT),
        ("A\t取消了", Kind.TEXT), ("A\tได้เลย", Kind.TEXT),
    ],
)  # fmt: skip
def test_what_is_no_text_in_other_languages(read, columns, kind):
    assert kinds(read(phone(f"10:00\t{columns}", "10:01\tB\tok"))) == [kind, Kind.TEXT]


def test_messages_of_a_large_log_are_made_when_asked_for_and_stay_the_same(read):
    log = read(phone("10:00\tA\ta", "10:01\tB\t[写真]", "10:02\tA\tb", "続き"))
    once, again = list(log.messages), list(log.messages)
    assert once == again == [log.messages[i] for i in range(3)] == list(log.messages[:3])
    assert log.messages[-1].text == "b\n続き" and log.messages[1].kind is Kind.MEDIA and len(log.messages) == 3
    assert [(s.name, s.texts, s.messages) for s in log.speakers()] == [("A", 2, 2), ("B", 0, 1)]


def test_years_of_an_era(tmp_path):
    path = tmp_path / "talk.txt"
    path.write_text(
        "[LINE] みどりとのトーク履歴\n保存日時：令和6年3月12日 21:15\n\n"
        "平成31年4月30日(火)\n午前9:05\tみどり\tまだ平成\n\n"
        "令和元年5月1日(水)\n午前0:09\tそら\t「今日は\n\n令和だ」\n\n"
        "令和6年3月12日(火)\n午後9:10\tみどり\tうん\n",
        encoding="utf-8",
    )
    log = read_log(path)
    assert [(m.text, m.time) for m in log.messages] == [
        ("まだ平成", datetime(2019, 4, 30, 9, 5)),
        ("「今日は\n\n令和だ」", datetime(2019, 5, 1, 0, 9)),
        ("うん", datetime(2024, 3, 12, 21, 10)),
    ]  # fmt: skip
