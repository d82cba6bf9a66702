"""Teams, WeFlow's text, QQ between two, edited messages, tapbacks, old dates of Discord, and zones."""

import json
from datetime import datetime
from functools import partial
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


def read_as(folder: Path, text: str, **answers: "Unpack[LogAnswers]") -> Log:
    path = folder / "upload"
    path.write_bytes(text.encode())
    log = read_log(path, **answers)
    assert log.lines.missing == 0
    return log


@pytest.fixture
def read(tmp_path: Path):
    return partial(read_as, tmp_path)


def texts(log: Log) -> list[tuple[str | None, str]]:
    return [(m.sender, m.text) for m in log.messages if m.kind is Kind.TEXT]


def graph(identity: str, name: str | None, content: str, **more: object) -> dict[str, object]:
    person = {"user": {"id": f"u-{name}", "displayName": name}} if name else None
    body = {"contentType": "html", "content": content}
    time = f"2025-03-04T01:0{identity}:00.123Z"
    return {"id": identity, "messageType": "message", "createdDateTime": time, "from": person, "body": body} | more


def test_teams_as_graph_gives_it(read):
    quote = '<attachment id="1"></attachment><p>yes &amp; no</p><p>two <emoji alt="😀"></emoji></p>'
    messages = [
        graph("5", None, "", messageType="systemEventMessage"),
        graph("4", "Sora", '<img src="x">', attachments=[{"id": "f", "contentType": "reference", "name": "plan.docx"}]),
        graph("3", "Hana", "gone", deletedDateTime="2025-03-04T02:00:00Z"),
        graph("2", "Sora", quote, attachments=[{"id": "1", "contentType": "messageReference"}]),
        graph("1", "Hana", "<div>hello<br>there</div>"),
    ]
    for text in (json.dumps({"value": messages}), json.dumps(messages)):
        log = read(text)
        assert log.format.id == "teams"
        assert texts(log) == [("Hana", "hello\nthere"), ("Sora", "yes & no\ntwo 😀")]
        assert [m.kind for m in log.messages[2:]] == [Kind.UNSENT, Kind.MEDIA, Kind.SYSTEM]
        assert log.messages[1].reply_to == 0


def test_teams_for_private_use_is_skypes_file(read):
    words = {"messagetype": "RichText/Html", "content": "<p>a</p><p>b</p>", "displayName": "Hana", "from": "8:hana"}
    one = words | {"id": "1", "originalarrivaltime": "2025-03-04T01:00:00Z"}
    log = read(json.dumps({"userId": "8:me", "conversations": [{"id": "8:hana", "MessageList": [one]}]}))
    assert log.format.id == "skype" and texts(log) == [("Hana", "a\nb")]


def test_text_of_weflow(read):
    log = read(
        "2025-03-04 10:01:00 '小雨'\n你好\n\n第二行\n\n2025-03-04 10:02:00 '我'\n[图片]\n\n2025-03-04 10:03:00 '我'\n"
        "[表情包：笑哭]\n\n2025-03-04 10:04:00 '小雨'\n\"小雨\"撤回了一条消息\n\n2025-03-04 10:05 '我'\n[好的] 走\n"
    )
    assert log.format.id == "wechat-text"
    assert texts(log) == [("小雨", "你好\n\n第二行"), ("我", "[好的] 走")]
    assert [m.kind for m in log.messages[1:4]] == [Kind.MEDIA, Kind.STICKER, Kind.UNSENT]


def test_qq_between_two_has_names_without_numbers(read):
    log = read(
        "消息记录（此消息记录为文本格式，不支持重新导入）\n\n================\n消息分组:好友\n================\n"
        "消息对象:小雨\n================\n\n2025-03-04 10:01:00 小雨\n你好\n第二行\n\n2025-03-04 下午 1:02:00 我\n"
        "[图片]\n\n2025-03-04 13:03:00 我\n好的\n"
    )
    assert log.format.id == "qq" and log.partner == "小雨"
    assert texts(log) == [("小雨", "你好\n第二行"), ("我", "好的")]
    assert [m.time.hour for m in log.messages] == [10, 13, 13]


def instagram(*messages: tuple[str, int, str]) -> str:
    entries = [
        {"sender_name": name, "timestamp_ms": 1_741_053_600_000 + 60_000 * at, "content": text}
        for name, at, text in messages
    ]
    return json.dumps(
        {"participants": [{"name": "A"}, {"name": "B"}], "messages": entries[::-1], "title": "A", "thread_path": "x"}
    )


def test_edited_messages_come_once(read):
    log = read(
        instagram(
            ("A", 0, "Last yaer"), ("A", 1, "Last year (edited)"), ("B", 2, "oh"), ("A", 3, "Last year! (edited)")
        )
    )
    assert texts(log) == [("B", "oh"), ("A", "Last year!")]
    assert [m.kind for m in log.messages[:2]] == [Kind.SYSTEM, Kind.SYSTEM] and len(log.messages) == 4


def test_who_writes_edited_in_brackets_means_it(read):
    log = read(
        instagram(
            ("A", 0, "nothing like it"), ("B", 1, "my photo (edited)"), ("A", 200, "x (edited)"), ("B", 300, "ok")
        )
    )
    assert [text for _, text in texts(log)] == ["nothing like it", "my photo (edited)", "x (edited)", "ok"]


@pytest.mark.parametrize(
    "words",
    [
        "Loved “see you”",
        'Laughed at "see\nyou"',
        "Reacted 😂 to “see you”",
        "Removed a heart from “see you”",
        "Liked an image",
    ],
)
def test_tapbacks_are_no_words(read, words):
    log = read(f"Mar 04, 2025 10:01:00 AM\nHana\n{words}\n\nMar 04, 2025 10:02:00 AM\nMe\nLoved it, “see you”!\n\n")
    assert log.format.id == "imessage" and texts(log) == [("Me", "Loved it, “see you”!")]


@pytest.mark.parametrize("date", ["01-Jan-20 01:33 PM", "1-janv.-2020 13:33", "01 januari 2020 13:33"])
def test_discord_dates_with_the_name_of_a_month(read, date):
    table = read(f'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","hana#0001","{date}","hi","",""\n')
    assert table.messages[0].time == datetime(2020, 1, 1, 13, 33) and table.messages[0].sender == "hana#0001"


def test_discord_text_with_the_name_of_a_month(read):
    log = read("[01-Jan-20 01:33 AM] hana#0001\nhi\n\n[13-Jan-20 01:34 PM] sora#0000\nyo\n\n")
    assert log.format.id == "discord-text"
    assert [(m.sender, m.time) for m in log.messages] == [
        ("hana#0001", datetime(2020, 1, 1, 1, 33)), ("sora", datetime(2020, 1, 13, 13, 34)),
    ]  # fmt: skip


def test_times_in_utc_are_put_on_the_clocks_of_a_place(read):
    text = instagram(("A", 0, "hi"), ("B", 1, "yo"))  # 2025-03-04 02:00 UTC
    log = read(text)
    (guess,) = log.guesses
    assert log.in_utc and guess.about == "zone" and guess.value == ("UTC",) and not guess.certain
    assert log.messages[0].time == datetime(2025, 3, 4, 2)
    moved = read(text, zone="America/New_York")
    assert moved.messages[0].time == datetime(2025, 3, 3, 21) and moved.guesses[0].value == ("America/New_York",)
    with pytest.raises(InputError, match="no time zone “Mars/Olympus”"):
        read(text, zone="Mars/Olympus")


def test_zones_follow_the_changes_of_summer_time(read):
    log = read(instagram(("A", 0, "winter"), ("B", 60 * 24 * 60, "summer")), zone="Europe/Berlin")
    assert [m.time.hour for m in log.messages] == [3, 4]


def discord(*stamps: str) -> str:
    author = {"id": "1", "name": "hana"}
    messages = [
        {"id": str(i), "type": "Default", "timestamp": at, "content": "hi", "author": author}
        for i, at in enumerate(stamps)
    ]
    return json.dumps({"guild": {"id": "0"}, "channel": {"id": "2", "type": "x", "name": "c"}, "messages": messages})


def test_discord_is_in_utc_only_where_its_stamps_say_so(read):
    local = read(discord("2025-03-04T10:00:00+09:00"), zone="Asia/Tokyo")
    assert not local.in_utc and local.messages[0].time == datetime(2025, 3, 4, 10) and not local.guesses
    utc = read(discord("2025-03-04T10:00:00+00:00", "2025-03-04T10:00:00Z"), zone="Asia/Tokyo")
    assert utc.in_utc and utc.messages[0].time == datetime(2025, 3, 4, 19)


def test_labels_in_another_script_are_no_names(read):
    log = read("Bob:買い物いこう\nAndy:いいね\n注意:雨です\n荷物:傘\n持ち物:傘\nBob:傘ある\nAndy:ある\n")
    assert texts(log)[1] == ("Andy", "いいね\n注意:雨です\n荷物:傘\n持ち物:傘")
    assert [name for name, _ in texts(read("花子:あ\n太郎:い\n花子:う\n太郎:え\n次郎:お\n"))][-1] == "次郎"
