"""Tables: columns by name and by content, quoting, delimiters, and the tables of known tools."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, encoding: str = "utf-8", **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        log = read_log(path, **answers)
        assert log.lines.missing == 0
        return log

    return read


def said(log: Log) -> list[tuple[str | None, str]]:
    return [(message.sender, message.text) for message in log.messages]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", ["日時 発言者 本文", "timestamp sender message", "Date Name Text", "送信日時 送信者名 内容"]
)
def test_columns_by_name(read, header, delimiter):
    rows = (header.split(" "), ("2025/04/18 14:13", "花子", '"やあ\n""引用"""'), ("2025/04/18 14:14", "太郎", "うん"))
    log = read("\r\n".join(map(delimiter.join, rows)))
    assert log.format.id == "csv" and said(log) == [("花子", 'やあ\n"引用"'), ("太郎", "うん")]
    assert [m.time for m in log.messages] == [datetime(2025, 4, 18, 14, 13), datetime(2025, 4, 18, 14, 14)]
    assert [m.line for m in log.messages] == [2, 4]
    time, sender, text = header.split(" ")
    (guess,) = log.guesses
    assert guess.about == "columns" and guess.value == (sender, text, time) and not guess.certain
    assert set(guess.choices) == {time, sender, text}


def test_columns_can_be_confirmed_and_changed(read):
    text = "id,name,note,text\n1,Ann,first,hi\n2,Bo,second,yo\n"
    assert said(read(text)) == [("Ann", "hi"), ("Bo", "yo")]
    log = read(text, format="csv", columns=("name", "note", ""))
    assert said(log) == [("Ann", "first"), ("Bo", "second")] and log.guesses[0].certain


def test_columns_by_content_where_names_say_nothing(read):
    rows = "".join(f"2025-04-{day:02},{'ab'[day % 2]},some longer words number {day}\n" for day in range(1, 9))
    named = read("x,y,z\n" + rows, format="csv")
    assert named.guesses[0].value == ("y", "z", "x") and said(named)[0] == ("b", "some longer words number 1")
    bare = read(rows, format="csv")
    assert said(bare)[0] == ("b", "some longer words number 1") and len(bare.messages) == 8
    assert bare.messages[0].time == datetime(2025, 4, 1)


def test_rows_above_the_header_and_a_column_of_clocks(read):
    log = read(
        "アカウント名,わたしの店\nタイムゾーン,+09:00\n\n送信者タイプ,送信者名,送信日,送信時刻,内容\n"
        "User,花子,2025/04/18,14:13:05,予約したいです\nAccount,店,2025/04/18,14:14:00,はい\n",
        "cp932",
    )
    assert said(log) == [("花子", "予約したいです"), ("店", "はい")]
    assert log.messages[0].time == datetime(2025, 4, 18, 14, 13, 5)
    assert (log.lines.marks, log.lines.blank) == (3, 1)


def test_order_of_day_and_month_is_decided_by_the_whole_table(read):
    log = read("date,name,text\n04/03/2025 10:00,A,a\n25/03/2025 10:00,B,b\n")
    assert log.messages[0].time == datetime(2025, 3, 4, 10, 0)


def test_rows_without_words_are_kept_and_counted(read):
    log = read("name,text\nAnn,hi\nBo,\n,lost\nAnn,so\n")
    assert [(m.line, m.text) for m in log.unread()] == [(3, "Bo,"), (4, ",lost")] and log.lines.unread == 2


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "One, two, three.\nFour, five, six.\n", "price,count\n3,4\n5,6\n"])
def test_other_tables_and_prose_are_no_logs(read, text):
    with pytest.raises(InputError):
        read(text)


def test_open_quote_and_enormous_cell_do_not_break_the_table(read):
    assert said(read('name,text\nAnn,hi\nBo,"open\nand on\n')) == [("Ann", "hi"), ("Bo", "open\nand on\n")]
    long = "x" * 200_000
    assert said(read(f"name,text\nAnn,{long}\nBo,b\n")) == [("Ann", long), ("Bo", "b")]


def test_discord_table(read):
    log = read(
        'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","Ann#1234","2024-01-15T10:30:00.1230000+00:00","hi\n""q""",'
        '"",""\n"2","bo","2024-01-15T10:31:00.0000000+00:00","","https://cdn.example/x.png",""\n'
        '"2","bo","2024-01-15T10:32:00.0000000+00:00","Pinned a message.","",""\n'
    )
    assert log.format.id == "discord-csv"
    assert [(m.sender, m.kind) for m in log.messages] == [
        ("Ann#1234", Kind.TEXT), ("bo", Kind.MEDIA), (None, Kind.SYSTEM)
    ]  # fmt: skip
    assert log.messages[0].text == 'hi\n"q"' and log.messages[0].time == datetime(2024, 1, 15, 10, 30)
    old = read('AuthorID,Author,Date,Content,Attachments,Reactions\n"1","Ann","25/01/2020 01:33 AM","hi","",""\n')
    assert old.messages[0].time == datetime(2020, 1, 25, 1, 33)


def test_wechat_table(read):
    log = read(
        "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n"
        "1,7000000000000000001,文本,0,wx_a,wx_a,你好,,2024/10/4 21:25\n"
        "2,7000000000000000002,图片,0,wx_a,wx_a,a.jpg,,2024/10/4 21:26\n"
        '3,7000000000000000003,引用回复,1,wx_b,wx_a,"好啊\n\n[引用](2024-10-04 21:25:04)小明:你好",,2024/10/4 21:27\n'
        "4,7000000000000000004,系统通知,0,wx_a,wx_a,<revokemsg>x</revokemsg>,,2024/10/4 21:28\n"
    )
    assert log.format.id == "wechat"
    assert said(log)[::2] == [("wx_a", "你好"), ("我", "好啊")] and log.messages[2].reply_to == 0
    assert [m.kind for m in log.messages] == [Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.UNSENT]
    assert log.messages[0].time == datetime(2024, 10, 4, 21, 25)


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("chatpack_discord.csv", [("Alice", "Hello Discord!"), ("bob", "Hi Alice!"), ("Alice", "How are you?")]),
        ("chatpack_test_parse_csv_skips_empty.csv", [("alice", "Hello"), ("bob", "")]),
        ("chatpack_test_parse_csv_with_attachments.csv", [("alice", "Check this")]),
    ],
)
def test_sample_exports(shared, name, messages):
    log = read_log(shared / "samples" / "discord" / name)
    assert log.format.id == "discord-csv" and said(log) == messages and log.lines.missing == 0
