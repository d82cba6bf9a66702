"""Pages of Telegram, DiscordChatExporter, Messenger and Instagram: one file, several, in zips, and damaged ones."""

import io
import zipfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.formats.html import telegram
from core.logs.log import Log
from core.logs.parsing.conversations import LogConversation
from core.messages import Kind
from tests.helpers.log_files import LogAnswers

if TYPE_CHECKING:
    from typing_extensions import Unpack


def read_as(folder: Path, text: str | dict[str, str], name: str = "upload", **answers: "Unpack[LogAnswers]") -> Log:
    path = folder / "upload"
    if isinstance(text, str):
        path.write_bytes(text.encode())
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for inner, words in text.items():
                archive.writestr(inner, words)
    log = read_log(path, file_name=name, **answers)
    assert log.lines.missing == 0
    return log


@pytest.fixture
def read(tmp_path: Path):
    return partial(read_as, tmp_path)


def texts(log: Log) -> list[tuple[str | None, str]]:
    return [(m.sender, m.text) for m in log.messages if m.kind is Kind.TEXT]


def telegram_page(*messages: str, title: str = "Hana") -> str:
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"/><title>Exported Data</title></head><body>'
        '<div class="page_wrap">'
        f'<div class="page_header"><div class="content"><div class="text bold">\n{title}\n</div></div></div>'
        f'<div class="page_body chat_page"><div class="history">{"".join(messages)}</div></div></div></body></html>'
    )


def said(number: int, name: str | None, inner: str, clock: str = "10:01:00") -> str:
    joined = "" if name else " joined"
    head = f'<div class="from_name">\n{name} </div>' if name else ""
    return (
        f'<div class="message default clearfix{joined}" id="message{number}">\n'
        '<div class="pull_left userpic_wrap"><div class="userpic"><div class="initials">H</div></div></div>'
        f'<div class="body"><div class="pull_right date details" title="04.03.2025 {clock} UTC+09:00">10:01</div>'
        f"{head}{inner}</div></div>"
    )


SERVICE = '<div class="message service" id="message-1"><div class="body details">\n4 March 2025\n</div></div>'
PHOTO = (
    '<div class="media_wrap clearfix"><a class="photo_wrap clearfix pull_left" href="p.jpg">'
    '<img class="photo" src="p"></a></div>'
)
STICKER = (
    '<div class="media_wrap clearfix"><a class="sticker_wrap clearfix pull_left">'
    '<img class="sticker" src="s"></a></div>'
)
CALL = (
    '<div class="media_wrap clearfix"><div class="media clearfix pull_left media_call"><div class="body">'
    '<div class="title bold">Hana</div><div class="status details">Outgoing (5 seconds)</div></div></div></div>'
)
FORWARDED = (
    '<div class="pull_left forwarded userpic_wrap"></div><div class="forwarded body"><div class="from_name">News'
    '<span class="date details" title="01.01.2020 00:00:00"> 01.01.2020</span></div>'
    '<div class="text">headline</div></div>'
)
REPLY = '<div class="reply_to details">\nIn reply to <a href="#go_to_message1">this message</a></div>'


def test_telegram(read):
    log = read(
        telegram_page(
            SERVICE,
            said(1, "Hana", '<div class="text">\nhello <b>bold</b><br>there &amp; <a href="x">here</a>\n</div>'),
            said(2, None, f'{PHOTO}<div class="text">a caption</div>'),
            said(3, None, PHOTO),
            said(4, "Sora", f'{REPLY}<div class="text">yes</div>', "10:05:00"),
            said(5, "Sora", STICKER), said(6, "Sora", CALL), said(7, "Sora", FORWARDED),
        )
    )  # fmt: skip
    assert log.format.id == "telegram-html" and log.partner == "Hana"
    assert texts(log) == [("Hana", "hello bold\nthere & here"), ("Hana", "a caption"), ("Sora", "yes")]
    assert [m.kind for m in log.messages if m.kind is not Kind.TEXT] == [
        Kind.SYSTEM, Kind.MEDIA, Kind.STICKER, Kind.CALL, Kind.MEDIA,
    ]  # fmt: skip
    assert next(m.time for m in log.messages if m.text == "yes") == datetime(2025, 3, 4, 10, 5)
    answer = next(m for m in log.messages if m.text == "yes")
    assert log.messages[answer.reply_to].text.startswith("hello")


def test_telegram_goes_on_from_page_to_page(read):
    pages = {
        "ChatExport/messages.html": telegram_page(said(1, "Hana", '<div class="text">one</div>')),
        "ChatExport/messages10.html": telegram_page(said(3, None, '<div class="text">three</div>', "10:03:00")),
        "ChatExport/messages2.html": telegram_page(said(2, None, '<div class="text">two</div>', "10:02:00")),
        "ChatExport/css/style.html": "<html></html>",
    }
    assert texts(read(pages)) == [("Hana", "one"), ("Hana", "two"), ("Hana", "three")]


def test_telegram_accounts_hold_chats_by_folder(read):
    page = telegram_page(said(1, "Hana", '<div class="text">one</div>'), title="")
    log = read({"chats/chat_1/messages.html": page, "chats/chat_2/messages.html": page})
    assert log.parts == ("chat_1", "chat_2") and [m.part for m in log.messages] == [1, 2]


def dce_message(number: int, first: str, words: str) -> str:
    return (
        f"<div id=chatlog__message-container-{number} class=chatlog__message-container data-message-id={number}>"
        f"<div class=chatlog__message><div class=chatlog__message-aside>{'' if first else SHORT}</div>"
        f"<div class=chatlog__message-primary>{first}{words}</div></div></div>"
    )


SHORT = '<div class=chatlog__short-timestamp title="Wednesday, January 1, 2020 1:34 AM">1:34 AM</div>'
HEADER = (
    '<div class=chatlog__header><span class=chatlog__author title="hana#0001" data-user-id=1>Hana</span> '
    "<span class=chatlog__timestamp><a href=#x>{}</a></span></div>"
)
SORA = HEADER.replace("hana#0001", "sora").replace("=1>Hana", "=2>Sora")
CONTENT = '<div class="chatlog__content chatlog__markdown"><span class=chatlog__markdown-preserve>{}</span></div>'
DCE_REPLY = (
    '<div class=chatlog__reply><div class=chatlog__reply-author title="sora">Sora</div>'
    "<div class=chatlog__reply-content>"
    ""
    "<span class=chatlog__reply-link onclick=\"scrollToMessage(event, '123456789012345678')\">"
    "old words</span></div></div>"
)


def test_discord(read):
    edited = 'x <img loading=lazy class="chatlog__emoji" alt="😀" title=smile><img class=chatlog__emoji alt=pepe>'
    notice = "<span class=chatlog__system-notification-author data-user-id=2>Sora</span>"
    notice += "<span class=chatlog__system-notification-content><span>joined the server.</span></span>"
    log = read(
        "<!DOCTYPE html><html><head><title>c</title><style>.chatlog__message{}</style></head><body>"
        "<div class=preamble><div class=preamble__entry>Guild</div><div class=preamble__entry>chat</div></div>"
        "<div class=chatlog><div class=chatlog__message-group>"
        + dce_message(123456789012345678, HEADER.format("1/1/2020 1:33 AM"), CONTENT.format("one\n  two &lt;3"))
        + dce_message(2, "", CONTENT.format(edited + "</span> <span class=chatlog__edited-timestamp>(edited)"))
        + dce_message(3, "", '<div class=chatlog__attachment><img class=chatlog__attachment-media alt="Image"></div>')
        + "</div><div class=chatlog__message-group>"
        + dce_message(4, DCE_REPLY + SORA.format("1/13/2020 1:33 PM"), CONTENT.format("re"))
        + "</div><div class=chatlog__message-group>" + dce_message(5, notice, "")
        + "</div></div></body></html>"
    )  # fmt: skip
    assert log.format.id == "discord-html"
    assert texts(log) == [("Hana", "one\n  two <3"), ("Hana", "x 😀:pepe:"), ("Sora", "re")]
    assert [m.kind for m in log.messages if m.kind is not Kind.TEXT] == [Kind.MEDIA, Kind.SYSTEM]
    assert [m.time for m in log.messages[:2]] == [datetime(2020, 1, 1, 1, 33), datetime(2020, 1, 1, 1, 34)]
    answer = next(m for m in log.messages if m.text == "re")
    assert answer.time == datetime(2020, 1, 13, 13, 33) and log.messages[answer.reply_to].text.startswith("one")


def test_discord_of_older_exporters(read):
    group = (
        '<div class="chatlog__message-group"><div class="chatlog__author-avatar-container"></div>'
        '<div class="chatlog__messages">'
        '<span class="chatlog__author-name" title="hana#0001" data-user-id="1">hana</span>'
        '<span class="chatlog__timestamp">01-Jan-20 01:33 AM</span><div class="chatlog__message" data-message-id="7">'
        '<div class="chatlog__content"><span class="markdown">one<br>two</span></div></div>'
        '<div class="chatlog__message" data-message-id="8"><div class="chatlog__content">three</div></div></div></div>'
    )
    log = read(f'<html><body><div class="chatlog">{group}</div></body></html>')
    assert texts(log) == [("hana", "one\ntwo"), ("hana", "three")]
    assert {m.time for m in log.messages} == {datetime(2020, 1, 1, 1, 33)}


def meta_box(name: str, inner: str, time: str) -> str:
    return (
        f'<div class="pam _3-95 _2ph- _a6-g uiBoxWhite noborder"><h2 class="_3-95 _2pim _a6-h _a6-i">{name}</h2>'
        f'<div class="_3-95 _a6-p"><div><div></div>{inner}<div></div><div><ul class="_a6-q"><li>❤Sora</li>'
        f"</ul></div></div></div>"
        f'<div class="_3-94 _a6-o">{time}</div></div>'
    )


def meta_page(*boxes: str) -> str:
    people = (
        '<div class="pam _3-95 _2ph- _a6-g uiBoxWhite noborder">'
        '<h2 class="_a6-h _a6-i">Participants: A and B</h2></div>'
    )
    return f"<html><head><title>みどり</title></head><body><h1>みどり</h1>{people}{''.join(boxes)}</body></html>"


@pytest.mark.parametrize(
    "date", ["Sep 22, 2017 {} am", "22 sept. 2017 {}", "2017/09/22 {}", "22 de sep. de 2017 {}", "2017年9月22日 {}"]
)
def test_messenger_and_instagram(read, date):
    log = read(
        meta_page(
            meta_box("そら", "<div>last<br>line</div>", date.format("6:40")),
            meta_box("そら", "<div></div><div><a><img src=x></a></div>", date.format("6:35")),
            meta_box("みどり", "<div>Liked a message</div>", date.format("6:34")),
            meta_box("みどり", "<div>a &amp; b</div>", date.format("6:33")),
        )
    )
    assert log.format.id == "meta-html" and log.partner == "みどり"
    assert texts(log) == [("みどり", "a & b"), ("そら", "last\nline")]
    assert log.messages[0].time == datetime(2017, 9, 22, 6, 33)
    assert sorted(m.kind.value for m in log.messages[1:3]) == ["media", "system"]


def test_threads_of_meta_by_folder(read):
    box = partial(meta_box, "A")
    log = read(
        {
            "messages/inbox/a_1/message_1.html": meta_page(box("<div>new</div>", "Sep 22, 2017 6:33 am")),
            "messages/inbox/a_1/message_2.html": meta_page(box("<div>old</div>", "Sep 21, 2017 6:33 am")),
            "messages/inbox/b_2/message_1.html": meta_page(box("<div>other</div>", "Sep 22, 2017 6:33 am")),
            "posts/posts_1.html": meta_page(box("<div>post</div>", "Sep 22, 2017 6:33 am")),
        }
    )
    assert [text for _, text in texts(log)] == ["old", "new", "other"] and len(log.parts) == 2


@pytest.mark.parametrize("tail", ["", "<div", "<!-- never", "</div></div>", "<div>" * 5_000, "<b " + "a=" * 20_000])
def test_damaged_pages_keep_what_was_whole(read, tail):
    whole = telegram_page(said(1, "Hana", '<div class="text">one</div>'), said(2, None, '<div class="text">two</div>'))
    assert ("Hana", "one") in texts(read(whole[: whole.index("two") - 10] + tail))


def test_a_tag_that_never_ends_is_refused_before_it_costs_much():
    page = telegram.TelegramPage(LogConversation(""), {}, None)
    with pytest.raises(InputError, match="one of its tags never ends"):
        page.read(lambda: io.BytesIO(b"<div title='" + b"x" * 12_000_000))


def test_a_page_of_no_messenger_is_no_log(read):
    with pytest.raises(InputError):
        read("<!DOCTYPE html><html><body><p>words</p></body></html>")
