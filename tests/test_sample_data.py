"""The sample data and the built-in personas, checked without the app's own readers.

The LINE talk is read here with one plain pattern, so that a mistake in `core.logs` cannot hide a mistake in the file.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
TALK = ROOT / "datasets" / "sample_line_aoi.txt"
DIALOGUE = ROOT / "datasets" / "sample_dialogue_en.txt"
PERSONAS = ROOT / "prompt_templates" / "personas"
PERSONA, FRIEND = "葵", "湊"

DAY = re.compile(r"(\d{4})/(\d\d)/(\d\d)\(([月火水木金土日])\)")
# A body in quotes that spans lines (quotes inside are doubled), or one line.
RECORD = re.compile(r'^(\d\d:\d\d)\t(?:([^\t\n]+)\t)?("(?:[^"\n]|"")*\n(?:[^"]|"")*"|[^\n]*)\n', re.MULTILINE)


class Record(NamedTuple):
    """One message of the export; `sender` is empty in the two-column lines."""

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
    headers = [DAY.fullmatch(header) for header, _ in read_days(text)]
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
    english = DIALOGUE.read_text(encoding="utf-8")
    for pattern in (r"\d{2,4}-\d{2,4}-\d{3,4}", r"0\d{9,10}", r"\S@\S", r"https?:", r"〒"):
        assert not re.search(pattern, text + english), pattern


def test_english_dialogue_is_name_and_text() -> None:
    lines = [line for line in DIALOGUE.read_text(encoding="utf-8").splitlines() if line]
    matches = [re.fullmatch(r"(Wren|Otis): \S.*", line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    counts = Counter(match.group(1) for match in matches)
    assert counts.total() >= 110 and min(counts.values()) >= 40


def test_datasets_folder_holds_data_only() -> None:
    assert not list(TALK.parent.rglob("*.py"))


def test_import_datasets_is_hugging_face() -> None:
    """From the repository root, as the app and its workers start."""
    code = "import datasets; print(datasets.__file__); datasets.Dataset"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert TALK.parent not in Path(run.stdout.strip()).parents


@pytest.mark.parametrize(("persona_id", "languages"), [("socrates", "ja en"), ("yui", "ja"), ("helper", "en")])
def test_persona_has_the_shape(persona_id: str, languages: str) -> None:
    persona = json.loads((PERSONAS / f"{persona_id}.json").read_text(encoding="utf-8"))
    assert set(persona) == {"id", "texts", "sampling"}
    assert persona["id"] == persona_id
    assert list(persona["texts"]) == languages.split()
    for text in persona["texts"].values():
        assert set(text) == {"name", "summary", "description", "greeting", "examples"}
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
