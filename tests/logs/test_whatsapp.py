"""WhatsApp exports: header shapes, the order of day and month, senders, kinds."""

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import LogAnswers
from tests.helpers.typed import present

if TYPE_CHECKING:
    from typing_extensions import Unpack


@pytest.fixture
def read(tmp_path: Path):
    def read(*lines: str, file_name: str = "chat.txt", **answers: "Unpack[LogAnswers]") -> Log:
        path = tmp_path / "upload.txt"
        path.write_bytes("\n".join(lines).encode())
        log = read_log(path, file_name=file_name, **answers)
        assert log.format.id == "whatsapp" and log.lines.missing == 0
        return log

    return read


@pytest.mark.parametrize(
    "header",
    [
        "[2026/07/25 13:32:05] 花子: ", "[25/07/2026, 13:32:05] 花子: ", "[7/25/26, 1:32:05 PM] 花子: ",
        "25/07/2026, 13:32 - 花子: ",
        "2026/07/25, 13:32 - 花子: ", "7/25/26, 1:32\u202fPM - 花子: ", "[13:32, 2026/7/25] 花子: ",
        "25.07.26 13:32:05: 花子: ",
        "2026-07-25, 1:32:05 PM: 花子: ", "25.7.2026 klo 13.32.05 - 花子: ", "25/7/26, 1:32 p. m. - 花子: ",
        "2026/7/25 午後1:32 - 花子: ", "\u200e[25/07/2026, 13:32:05] \u200e花子: ",
        "[25.07.26, 13:32:05] ~\u202f花子: ",
    ],
)  # fmt: skip
def test_header_shapes(read, header):
    log = read(header + "やあ", header + "元気？", header + "ね")
    first = log.messages[0]
    assert (first.sender, first.text, first.kind) == ("花子", "やあ", Kind.TEXT)
    assert first.time.replace(second=0) == datetime(2026, 7, 25, 13, 32)


def test_lines_without_a_header_continue_the_message(read):
    log = read(
        "25/07/2026, 13:32 - A: one",
        "2016-04-29 10:30:00",
        "",
        "two",
        "25/07/2026, 13:33 - B: b",
        "25/07/2026, 13:33 - B: c",
    )
    assert log.messages[0].text == "one\n2016-04-29 10:30:00\n\ntwo"
    assert [m.line for m in log.messages] == [1, 5, 6]


def month_and_day(log: Log) -> list[tuple[int, int]]:
    return [(time.month, time.day) for time in (present(m.time) for m in log.messages)]


def lines(*dates: str) -> list[str]:
    return [f"{date}, 13:32 - {'AB'[i % 2]}: text" for i, date in enumerate(dates)]


def test_one_part_above_12_settles_the_order_of_the_whole_file(read):
    assert month_and_day(read(*lines("3/4/23", "5/4/23", "13/4/23"))) == [(4, 3), (4, 5), (4, 13)]
    assert month_and_day(read(*lines("3/4/23", "3/5/23", "3/13/23"))) == [(3, 4), (3, 5), (3, 13)]


def test_time_does_not_run_backwards(read):
    log = read(*lines("01/02/23", "01/03/23", "02/01/23"))  # month first: Jan 2, Jan 3, Feb 1
    assert month_and_day(log) == [(1, 2), (1, 3), (2, 1)]
    assert log.guesses[0].value == ("mdy",) and log.guesses[0].certain


def test_an_open_order_is_shown_as_a_guess_and_can_be_changed(read):
    text = lines("03/04/2023", "03/04/2023", "03/04/2023")
    guess = read(*text).guesses[0]
    assert guess.value == ("dmy",) and guess.choices == ("dmy", "mdy") and not guess.certain
    assert month_and_day(read(*text, date_order="mdy"))[0] == (3, 4)


def record(body: str) -> list[str]:
    return [f"[25/07/2026, 13:32:05] A: {body}", "[25/07/2026, 13:33:05] B: うん", "[25/07/2026, 13:34:05] A: ok"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<Media omitted>", Kind.MEDIA), ("<メディアなし>", Kind.MEDIA), ("\u200eimage omitted", Kind.MEDIA),
        ("\u200e画像は含まれていません", Kind.MEDIA), ("\u200eスタンプは含まれていません", Kind.STICKER),
        ("sticker omitted", Kind.STICKER),
        ("\u200e<attached: 00000042-PHOTO-2020-06-07-15-13-20.jpg>", Kind.MEDIA),
        ("\u200eIMG-20210428-WA0001.jpg (添付ファイル有り)", Kind.MEDIA),
        ("STK-20210428-WA0001.webp (file attached)", Kind.STICKER),
        ("This message was deleted.", Kind.UNSENT), ("\u200eこのメッセージは削除されました。", Kind.UNSENT),
        ("\u200eMissed voice call", Kind.CALL), ("null", Kind.UNKNOWN),
        ("位置情報: https://maps.google.com/?q=1,2", Kind.MEDIA),
        ("Messages and calls are end-to-end encrypted. No one outside of this chat can read them.", Kind.SYSTEM),
        ("\u200eYou added Bob", Kind.SYSTEM),
    ],
)  # fmt: skip
def test_what_is_no_text(read, body, kind):
    log = read(*record(body))
    assert log.messages[0].kind is kind
    assert (log.messages[0].sender is None) == (kind is Kind.SYSTEM)


@pytest.mark.parametrize(
    "body",
    ["I added sugar and left", "この写真は削除しました", "video call me later?", "null pointer", "He said: no", "画像"],
)
def test_ordinary_words_stay_words(read, body):
    first = read(*record(body)).messages[0]
    assert (first.sender, first.text, first.kind) == ("A", body, Kind.TEXT)


def test_caption_and_edit_mark(read):
    log = read(
        "25/07/2026, 13:32 - A: IMG-20210428-WA0001.jpg (file attached)",
        "きれいでしょ",
        *lines("25/07/2026"),
        "25/07/2026, 13:35 - B: 直した <This message was edited>",
    )
    assert log.messages[0].text == "きれいでしょ" and log.messages[0].kind is Kind.TEXT
    assert log.messages[2].text == "直した"


def test_quoted_colon_in_a_system_line_makes_no_sender(read):
    log = read('25/07/2026, 13:32 - Alice created group "Team: A"', *lines("25/07/2026", "25/07/2026"))
    assert log.messages[0].kind is Kind.SYSTEM and {s.name for s in log.speakers()} == {"A", "B"}


def test_empty_message_has_no_words(read):
    log = read("25/07/2026, 13:32 - A:.", "25/07/2026, 13:32 - A: ", *lines("25/07/2026"))
    assert [m.text for m in log.messages[:2]] == ["", ""] and log.messages[0].sender == "A"


def test_partner_from_the_file_name(read):
    assert read(*lines("25/07/2026", "25/07/2026"), file_name="WhatsApp Chat with B.txt").partner == "B"


def make_zip(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return path


def test_zip_with_media_beside_the_text(tmp_path):
    path = make_zip(tmp_path / "x.zip", _chat__txt="\n".join(lines("25/07/2026", "25/07/2026")), photo__jpg="\0\1")
    log = read_log(path, file_name="WhatsApp Chat - B.zip")
    assert len(log.messages) == 2 and log.partner == "B" and log.file_name == "WhatsApp Chat - B.zip"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"photo__jpg": "x"}, "no text"),
        ({"a__txt": "x", "b__txt": "y"}, "several"),
        ({"_chat__txt": "x" * 3_000_000}, "larger than"),
    ],
)
def test_zip_that_cannot_be_read(tmp_path, files, words):
    with pytest.raises(InputError, match=words):
        read_log(make_zip(tmp_path / "x.zip", **files), max_bytes=1_000_000)


def test_damaged_zip(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(InputError, match="cannot be opened"):
        read_log(tmp_path / "x.zip")


def test_samples_of_another_parser(shared):
    """Five header shapes of one chat: the texts and times which that parser's own tests expect."""
    folder = shared / "samples" / "whatsapp"
    target = json.loads((folder / "chatminer_target.json").read_text(encoding="utf-8"))
    expected = [(m["timestamp"], m["author"], m["message"]) for m in reversed(target)]
    files = sorted(folder.glob("chatminer_*.txt"))
    assert len(files) == 5
    for path in files:
        log = read_log(path)
        texts = [m for m in log.messages if m.kind is Kind.TEXT and m.text]
        assert [(present(m.time).isoformat(), m.sender, m.text.replace("\n", " ")) for m in texts] == expected
        assert [m.kind for m in log.messages if m.sender is None] == [Kind.SYSTEM, Kind.SYSTEM]


def test_other_samples(shared):
    folder = shared / "samples" / "whatsapp"
    alice = read_log(folder / "selfie_alice-whatsapp.txt")
    assert [(s.name, s.texts, s.messages) for s in alice.speakers()] == [
        ("Alice Johnson", 14, 15),
        ("Bob Smith", 14, 15),
    ]
    us = read_log(folder / "chatpack_whatsapp_us.txt")
    assert [(s.name, s.texts, s.messages) for s in us.speakers()] == [("Alice", 4, 5), ("Bob", 2, 2)]
    assert us.messages[0].time == datetime(2024, 1, 15, 10, 30)


@pytest.mark.parametrize("words", ["Good.", "hm...", "...", "OK。", "."])
def test_short_words_keep_their_stops(read, words):
    first = read(f"4/13/23, 9:15 AM - A: {words}", "4/13/23, 9:16 AM - B: yes").messages[0]
    assert first.text == ("" if words == "." else words)  # a lone stop is how WhatsApp writes "shown once"


def test_a_poll_is_nobodys_words(tmp_path):
    path = tmp_path / "WhatsApp Chat with Ken.txt"
    path.write_text(
        "3/13/24, 9:05 PM - Mika: hi\n3/13/24, 9:06 PM - Ken: POLL:\nEat?\nOPTION: yes (1 vote)\nOPTION: no (0 votes)\n"
        "3/13/24, 9:07 PM - Mika: 投票:\n何時？\nオプション: 9 時 (2 票)\nオプション: 10 時 (0 票)\n"
        "3/13/24, 9:08 PM - Ken: list:\nbread (2)\nmilk (1)\n",
        encoding="utf-8",
    )
    assert [m.kind.value for m in read_log(path).messages] == ["text", "media", "media", "text"]
