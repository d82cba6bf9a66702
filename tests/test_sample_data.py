"""The sample data and the built-in personas, checked without the app's own readers.

Each talk is read here with one plain pattern, so that a mistake in `core.logs` cannot hide a mistake in the file.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.typed import present

ROOT = Path(__file__).resolve().parents[1]
TALK = ROOT / "datasets" / "sample_line_aoi.txt"
CHAT = ROOT / "datasets" / "sample_whatsapp_wren.txt"
PERSONAS = ROOT / "datasets" / "personas"
PERSONA, FRIEND = "葵", "湊"
WRITERS = ("Wren", "Otis")

DAY = re.compile(r"(\d{4})/(\d\d)/(\d\d)\(([月火水木金土日])\)")
# A body in quotes that spans lines (quotes inside are doubled), or one line.
RECORD = re.compile(r'^(\d\d:\d\d)\t(?:([^\t\n]+)\t)?("(?:[^"\n]|"")*\n(?:[^"]|"")*"|[^\n]*)\n', re.MULTILINE)
STAMP = re.compile(r"^(\d{1,2}/\d{1,2}/\d\d, \d{1,2}:\d\d [AP]M) - ", re.MULTILINE)


class Record(NamedTuple):
    """One message of the export; `sender` is empty where the app itself speaks."""

    time: datetime
    sender: str
    body: str


def read_days(text: str) -> Iterator[tuple[str, str]]:
    """(date line, the text below it) for each day of the export."""
    parts = re.split(r"^(\d{4}/\d\d/\d\d\([^)]\))\n", text, flags=re.MULTILINE)[1:]
    return zip(parts[::2], parts[1::2], strict=True)


@pytest.fixture(scope="module")
def text() -> str:
    return TALK.read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def records(text: str) -> list[Record]:
    found = []
    for header, below in read_days(text):
        assert RECORD.sub("", below).strip() == "", f"lines that are no message below {header}"
        for clock, sender, body in RECORD.findall(below):
            found.append(Record(datetime.strptime(f"{header[:10]} {clock}", "%Y/%m/%d %H:%M"), sender, body))
    return found


def test_it_opens_as_a_phone_export_does(text: str) -> None:
    banner, saved, blank, first_day = text.split("\n")[:4]
    assert banner == f"[LINE] {PERSONA}とのトーク履歴"
    assert re.fullmatch(r"保存日時：\d{4}/\d\d/\d\d \d\d:\d\d", saved)
    assert blank == ""
    assert DAY.fullmatch(first_day)
    assert "\r" not in text and "\ufeff" not in text


def test_every_weekday_is_that_of_its_date(text: str) -> None:
    headers = [present(DAY.fullmatch(header)) for header, _ in read_days(text)]
    for header in headers:
        year, month, day, weekday = header.groups()
        assert "月火水木金土日"[date(int(year), int(month), int(day)).weekday()] == weekday, header.group()
    assert len(headers) >= 45
    assert text.count("\n\n2025/") == len(headers), "a blank line stands before every date"


def test_it_is_a_long_talk_in_order_between_two(records: list[Record]) -> None:
    assert len(records) >= 1000
    times = [record.time for record in records]
    assert times == sorted(times)
    assert 90 <= (times[-1] - times[0]).days <= 160
    counts = Counter(record.sender for record in records)
    assert set(counts) == {PERSONA, FRIEND, ""}
    assert min(counts[PERSONA], counts[FRIEND]) >= 400


def test_readme_tells_the_true_size(records: list[Record]) -> None:
    readme = (TALK.parent / "README.md").read_text(encoding="utf-8")
    assert f"{len(records):,} messages on {len({record.time.date() for record in records})} days" in readme


def test_both_write_in_bursts(records: list[Record]) -> None:
    runs = [(sender, len(list(run))) for sender, run in groupby(record.sender for record in records)]
    assert sum(length >= 2 for sender, length in runs if sender == PERSONA) >= 100
    assert sum(length >= 2 for sender, length in runs if sender == FRIEND) >= 50
    assert max(length for _, length in runs) >= 5


@pytest.mark.parametrize(
    ("shape", "least"),
    [
        (r"\[スタンプ\]", 5),
        (r"\[写真\]", 5),
        (r"\[動画\]", 1),
        (r"\[ボイスメッセージ\]", 1),
        (r"\[ファイル\]", 1),
        (r"☎ 通話時間 \d+:\d\d", 2),
        (r"☎ 不在着信", 1),
        (r"☎ 通話をキャンセルしました", 1),
        (r"☎ 通話に応答がありませんでした", 1),
        (r".*[^\s]\(emoji\)", 5),
    ],
)
def test_special_messages_are_there(records: list[Record], shape: str, least: int) -> None:
    assert sum(bool(re.fullmatch(shape, record.body)) for record in records if record.sender) >= least


def test_unsent_messages_have_two_columns(records: list[Record]) -> None:
    bodies = Counter(record.body for record in records if not record.sender)
    assert set(bodies) == {"葵がメッセージの送信を取り消しました", "メッセージの送信を取り消しました"}
    assert "取り消しました" not in "".join(record.body for record in records if record.sender)


def test_messages_of_several_lines_are_quoted(records: list[Record]) -> None:
    several = [record for record in records if "\n" in record.body]
    assert {record.sender for record in several} == {PERSONA, FRIEND}
    assert len(several) >= 5
    for record in several:
        assert record.body[0] == record.body[-1] == '"'
        assert '"' not in record.body[1:-1].replace('""', "")
    assert any('""' in record.body for record in several), "a quote inside a quoted message"
    assert any("\n\n" in record.body for record in several), "a blank line inside a message"
    assert any(r.body.startswith('"') and "\n" not in r.body for r in records), "one line that opens with a quote"


def test_sentences_are_not_repeated(records: list[Record]) -> None:
    words = Counter(r.body for r in records if r.sender and not r.body.startswith(("[", "☎")))
    assert not [body for body, count in words.items() if count > 1 and len(body) > 8]
    assert len(words) / words.total() > 0.95


def test_the_two_can_be_told_apart(records: list[Record]) -> None:
    said = {who: [r.body for r in records if r.sender == who and r.body[0] not in "[☎"] for who in (PERSONA, FRIEND)}
    ends = {who: sum("。" in body for body in bodies) / len(bodies) for who, bodies in said.items()}
    assert ends[PERSONA] < 0.01 and ends[FRIEND] > 0.5
    assert sum("ふは" in body for body in said[PERSONA]) >= 10
    assert not any("ふは" in body for body in said[FRIEND])


def test_nothing_private_is_in_it(text: str) -> None:
    english = CHAT.read_text(encoding="utf-8")
    for pattern in (r"\d{2,4}-\d{2,4}-\d{3,4}", r"0\d{9,10}", r"\S@\S", r"https?:", r"〒"):
        assert not re.search(pattern, text + english), pattern


@pytest.fixture(scope="module")
def chat() -> list[Record]:
    """The WhatsApp chat; month first, as the test of its dates holds."""
    text = CHAT.read_bytes().decode("utf-8")
    assert "\r" not in text and "\ufeff" not in text and text.endswith("\n")
    parts = STAMP.split(text.removesuffix("\n"))
    assert parts[0] == "", "the first line has a date"
    found = []
    for stamp, rest in zip(parts[1::2], parts[2::2], strict=True):
        sender, colon, body = rest.removesuffix("\n").partition(": ")
        who, said = (sender, body) if colon and sender in WRITERS else ("", rest.removesuffix("\n"))
        found.append(Record(datetime.strptime(stamp, "%m/%d/%y, %I:%M %p"), who, said))
    return found


def test_chat_is_a_long_one_in_order_between_two(chat: list[Record]) -> None:
    times = [record.time for record in chat]
    assert times == sorted(times)
    assert 80 <= (times[-1] - times[0]).days <= 110
    counts = Counter(record.sender for record in chat)
    assert set(counts) == {*WRITERS, ""}
    assert counts.total() >= 600 and min(counts[who] for who in WRITERS) >= 250


def test_chat_has_many_conversations(chat: list[Record]) -> None:
    times = [record.time for record in chat]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert sum(pause > timedelta(hours=1) for pause in pauses) + 1 >= 45
    assert len({time.date() for time in times}) >= 45
    assert sum(timedelta(minutes=5) < pause < timedelta(hours=1) for pause in pauses) >= 5, "a pause within a talk"
    assert any(b.date() > a.date() and b - a < timedelta(hours=1) for a, b in pairwise(times))


def test_order_of_the_chats_dates_is_certain(chat: list[Record]) -> None:
    assert sum(record.time.day > 12 for record in chat) >= 100
    firsts = [int(first) for first in re.findall(r"^(\d+)/\d+/\d\d, ", CHAT.read_text(encoding="utf-8"), re.MULTILINE)]
    assert max(firsts) <= 12


def test_chat_opens_with_the_notice_about_encryption(chat: list[Record]) -> None:
    assert chat[0].sender == "" and "end-to-end encrypted" in chat[0].body
    assert Counter(record.body for record in chat[1:] if not record.sender) == {"Missed voice call": 2}


@pytest.mark.parametrize(
    ("shape", "least"),
    [
        (r"<Media omitted>", 5),
        (r"This message was deleted", 1),
        (r"You deleted this message", 1),
        (r".+ <This message was edited>", 1),
        (r".+\n\n.+", 1),
        (r".+\n.+", 8),
    ],
)
def test_special_messages_are_in_the_chat(chat: list[Record], shape: str, least: int) -> None:
    assert sum(bool(re.fullmatch(shape, r.body, re.DOTALL)) for r in chat if r.sender) >= least


def test_both_send_messages_of_several_lines(chat: list[Record]) -> None:
    assert {record.sender for record in chat if "\n" in record.body} == set(WRITERS)


def test_wren_writes_in_bursts(chat: list[Record]) -> None:
    runs = [(sender, len(list(run))) for sender, run in groupby(record.sender for record in chat)]
    assert sum(2 <= length <= 4 for sender, length in runs if sender == "Wren") >= 100
    assert max(length for _, length in runs) <= 6


def test_wren_and_otis_can_be_told_apart(chat: list[Record]) -> None:
    said = {who: [r.body for r in chat if r.sender == who and r.body[0] != "<"] for who in WRITERS}
    stops = {who: sum(body[-1] in ".?!" for body in bodies) / len(bodies) for who, bodies in said.items()}
    small = {who: sum(body[0].islower() for body in bodies) / len(bodies) for who, bodies in said.items()}
    assert stops["Otis"] > 0.9 and stops["Wren"] < 0.1
    assert small["Otis"] < 0.02 and small["Wren"] > 0.8


def test_chat_does_not_repeat_itself(chat: list[Record]) -> None:
    words = Counter(r.body for r in chat if r.sender and r.body[0] != "<")
    assert not [body for body, count in words.items() if count > 1 and len(body) > 14]
    assert len(words) / words.total() > 0.95


def test_readme_tells_the_true_size_of_the_chat(chat: list[Record]) -> None:
    readme = (CHAT.parent / "README.md").read_text(encoding="utf-8")
    days = len({record.time.date() for record in chat})
    assert f"{len(chat)} messages on {days} days, {chat[0].time:%B} to {chat[-1].time:%B %Y}" in readme


def test_datasets_folder_holds_data_only() -> None:
    assert not list(TALK.parent.rglob("*.py"))


def test_import_datasets_is_hugging_face() -> None:
    """From the repository root, as the app and its workers start."""
    code = "import datasets; print(datasets.__file__); datasets.Dataset"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert TALK.parent not in Path(run.stdout.strip()).parents


@pytest.mark.parametrize(("persona_id", "languages"), [("socrates", "ja en"), ("yui", "ja en"), ("helper", "en")])
def test_persona_has_the_shape(persona_id: str, languages: str) -> None:
    persona = json.loads((PERSONAS / f"{persona_id}.json").read_text(encoding="utf-8"))
    assert set(persona) == {"id", "place", "texts", "sampling"}
    assert persona["id"] == persona_id
    assert list(persona["texts"]) == languages.split()
    for text in persona["texts"].values():
        assert set(text) == {"name", "summary", "description", "greeting", "openers", "examples"}
        assert len(text["openers"]) == 3 and all(0 < len(words) <= 30 for words in text["openers"])
        assert text["name"] and 0 < len(text["summary"]) <= 50 and "\n" not in text["summary"]
        assert 0 < len(text["description"]) <= 400
        assert 2 <= len(text["examples"]) <= 3
        for example in text["examples"]:
            assert set(example) == {"user", "persona"}
            assert example["user"] and example["persona"] and all(example["persona"])
    sampling = persona["sampling"]
    assert set(sampling) == {"temperature", "top_p", "min_p", "repetition_penalty", "max_new_tokens"}
    assert sampling["max_new_tokens"] <= 256, "a reply must leave room in a 1,024-token window"


def test_socrates_opens_with_a_question() -> None:
    texts = json.loads((PERSONAS / "socrates.json").read_text(encoding="utf-8"))["texts"]
    assert texts["ja"]["greeting"].endswith("？") and texts["en"]["greeting"].endswith("?")
