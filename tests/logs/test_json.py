"""JSON and JSON Lines: our own shape, conversations of roles, and what cannot be read."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> Log:
        path = tmp_path / "upload.jsonl"
        path.write_bytes(text.encode())
        log = read_log(path)
        assert log.format.id == "json" and log.lines.missing == 0
        return log

    return read


OURS = [
    {"sender": "花子", "text": "やあ\n元気？", "time": "2024-01-01T12:00:00"},
    {"sender": "太郎", "text": "うん", "time": "2024-01-01 12:01"},
]


def test_one_message_a_line(read):
    log = read("\n".join(json.dumps(m, ensure_ascii=False) for m in OURS) + "\n")
    assert [(m.sender, m.text, m.line) for m in log.messages] == [("花子", "やあ\n元気？", 1), ("太郎", "うん", 2)]
    assert log.messages[1].time == datetime(2024, 1, 1, 12, 1)


@pytest.mark.parametrize("indent", [None, 2])
def test_array_and_object_with_messages(read, indent):
    assert len(read(json.dumps(OURS, indent=indent)).messages) == 2
    assert len(read(json.dumps({"messages": OURS}, indent=indent)).messages) == 2


def test_conversations_are_parts_of_their_own(read):
    system, silent = {"role": "system", "content": "Be kind."}, {"role": "assistant", "content": None}
    rows = [
        {"messages": [system, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "c"}]}, silent]},
        {"conversations": [{"from": "human", "value": "d"}, {"from": "gpt", "value": "e"}]},
    ]
    log = read("\n".join(map(json.dumps, rows)))
    assert [(m.sender, m.text, m.part) for m in log.messages] == [
        (None, "Be kind.", 1), ("user", "a", 1), ("assistant", "b", 1), ("user", "c", 2), ("assistant", "", 2),
        ("human", "d", 3), ("gpt", "e", 3),
    ]  # fmt: skip
    assert log.messages[0].kind is Kind.SYSTEM and log.suggested_persona() == "assistant"


def test_times_of_several_zones_are_put_on_one_clock(read):
    times = ("2024-01-01T12:00:00+09:00", "2024-01-01T03:30:00Z", 1704078000, 1704078000000, "yesterday")
    log = read("\n".join(json.dumps({"sender": "A", "text": "x", "time": t}) for t in times))
    assert [m.time and (m.time.hour, m.time.minute) for m in log.messages] == [
        (12, 0),
        (12, 30),
        (12, 0),
        (12, 0),
        None,
    ]


def test_broken_lines_are_kept_with_their_number(read):
    good = json.dumps(OURS[0])
    log = read(f'{good}\n{{"sender": "A", "text": \n\n{good}\n{good}\n{{"a": 1}}\n')
    assert [m.line for m in log.unread()] == [2, 6]
    assert len(log.messages) == 5 and log.lines.unread == 2 and log.lines.blank == 1


def test_array_that_was_cut_off(read):
    text = json.dumps(OURS * 3, indent=None)
    log = read(text[:-20])
    assert len([m for m in log.messages if m.kind is Kind.TEXT]) == 5


@pytest.mark.parametrize("text", ['{"name": 1}\n{"name": 2}\n', '{"sender":\n' + "[1,\n" * 100_000, '[{"role": "x"}]'])
def test_json_without_messages(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match="no messages"):
        read_log(tmp_path / "x.json")


ALPACA = {"instruction": "Translate.", "input": "猫", "output": "cat", "system": "Be brief.", "history": [["hi", "yo"]]}


def test_alpaca_becomes_a_conversation(read):
    log = read(json.dumps([ALPACA, {"instruction": "Hi", "input": "", "output": "Hello"}], ensure_ascii=False))
    assert [(m.sender, m.text, m.part) for m in log.messages] == [
        (None, "Be brief.", 1), ("user", "hi", 1), ("assistant", "yo", 1), ("user", "Translate.\n猫", 1),
        ("assistant", "cat", 1), ("user", "Hi", 2), ("assistant", "Hello", 2),
    ]  # fmt: skip
    assert log.notes == ()


def test_rows_under_data(read):
    log = read(json.dumps({"version": 1, "data": [ALPACA, ALPACA]}, indent=1))
    assert {m.part for m in log.messages} == {1, 2} and len(log.messages) == 10


def test_role_errors_are_reported(read):
    doubled = {"conversations": [{"from": f, "value": "x"} for f in ("system", "human", "human", "gpt")]}
    open_ended = {"messages": [{"role": "user", "content": "x"}]}
    log = read("\n".join(map(json.dumps, (doubled, open_ended, {"messages": [{"role": "assistant", "content": "x"}]}))))
    assert log.notes[0].en == "Of 3 conversations 1 have one side twice in a row and 1 end with the user."
    assert log.messages[0].kind is Kind.SYSTEM


def test_samples(shared):
    log = read_log(shared / "samples" / "sft" / "tinker_conversations.jsonl")
    rows = [json.loads(x) for x in (shared / "samples/sft/tinker_conversations.jsonl").read_text().splitlines()]
    expected = [(m["content"]) for row in rows for m in row["messages"]]
    assert [m.text for m in log.messages] == expected
    assert {m.part for m in log.messages} == set(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("name", "rows"), [("litgpt_alpaca", 23), ("llamafactory_identity_alpaca", 91), ("torchtune_alpaca_tiny", 100)]
)
def test_alpaca_samples(shared, name, rows):
    path = shared / "samples" / "sft" / f"{name}.json"
    given = json.loads(path.read_text(encoding="utf-8"))
    log = read_log(path)
    pairs = [(m.sender, m.text) for m in log.messages]
    expected = [
        pair
        for row in given
        for pair in (
            ("user", f"{row['instruction']}\n{row['input']}" if row["input"] else row["instruction"]),
            ("assistant", row["output"]),
        )
    ]
    assert pairs == expected and len(given) == rows and log.lines.missing == 0


def test_other_training_samples(shared):
    folder = shared / "samples" / "sft"
    demo = read_log(folder / "llamafactory_v1_sft_demo.jsonl")
    assert len(demo.messages) == 1000 and {m.sender for m in demo.messages} == {"user", "assistant"}
    chat = read_log(folder / "torchtune_chat_tiny.json")
    assert [m.sender for m in chat.messages] == [None, "human", "gpt", "human", "gpt"]
    assert chat.suggested_persona() == "gpt"
