"""Training files in the shapes that people have, a record at a time and as files."""

import json
from pathlib import Path

import pytest

from core.data.io.columns import ColumnMapping
from core.data.io.load import UnknownShapeError, load_set
from core.data.io.records import read_record
from core.data.io.store import DataSets
from core.data.rows import Row, read_rows
from core.errors import InputError
from core.workspace import Workspace

U, A = "user", "assistant"
HELLO = [(U, "hello"), (A, "hi")]


def said(row: Row | None) -> list[tuple[str, str]]:
    return [(turn.role, text) for turn in (row.turns if row else ()) for text in turn.messages]


def chat(*messages: tuple[str, str], who: str = "role", what: str = "content") -> list[dict]:
    return [{who: name, what: text} for name, text in messages]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": chat((U, "hello"), (A, "hi"))},
        {"Conversations": chat(("Human", "hello"), ("GPT", "hi"), who="from", what="value")},
        {"conversation": json.dumps(chat(("user", "hello"), ("model", "hi")))},
        {"dialogue": chat(("User", "hello"), ("Char", "hi"), who="speaker", what="text")},
        {"conversation": [{"human": "hello", "assistant": "hi"}]},
        {"conversation": [{"input": "hello", "output": "hi"}]},
        {"dialog": ["hello", "hi"]},
        {"turns": [["hello", "hi"]]},
        {"instruction": "hello", "input": "", "output": "hi"},
        {"instruction": "hello", "response": "hi"},
        {"prompt": "hello", "completion": "hi"},
        {"prompt": chat((U, "hello")), "completion": chat((A, "hi"))},
        {"query": "hello", "response": "hi", "history": []},
        {"Question": "hello", "Answer": "hi"},
        {"質問": "hello", "回答": "hi"},
        {"text": "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nhi<|im_end|>\n"},
        {"text": "<s><|start_header_id|>user<|end_header_id|>\n\nhello<|eot_id|>"
                 "<|start_header_id|>assistant<|end_header_id|>\n\nhi<|eot_id|>"},
        {"text": "<bos><start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\nhi<end_of_turn>\n"},
        {"text": "### Instruction:\nhello\n\n### Response:\nhi"},
        {"text": "Human: hello\nAssistant: hi"},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "hello"}]},
                      {"role": "assistant", "content": "<think>\ngreet\n</think>\n\nhi"}]},
        {"messages": [*chat((U, "hello")), {"role": A, "content": None, "tool_calls": [{}]},
                      {"role": "tool", "content": "42"}, {"role": A, "content": "hi", "reasoning_content": "x"}]},
        {"messages": [*chat((U, "hello"), (A, "hi"), (U, "bye"))]},
    ],
)  # fmt: skip
def test_every_shape_says_the_same(record: dict) -> None:
    assert said(read_record(record, 0).row) == HELLO


def test_what_is_left_out_is_counted() -> None:
    record = {"messages": [
        {"role": U, "content": [{"type": "image_url"}, {"type": "text", "text": "a"}]}, {"role": A, "content": ""},
        {"role": "tool", "content": "42"}, {"role": "system", "content": "later"},
        {"role": A, "content": "<think>x</think>b"}, {"role": U, "content": "c"},
    ]}  # fmt: skip
    found = read_record(record, 0)
    assert {why: n for why, n in found.left_out.items() if n} == {
        "not_text": 1, "empty": 1, "tool": 1, "system_inside": 1, "thought": 1, "unanswered": 1,
    }  # fmt: skip
    assert read_record({"messages": chat((U, "a"))}, 0).left_out["no_reply"] == 1
    assert read_record({"messages": chat((U, "a"), (A, "b")), "label": False}, 0).left_out == {"disliked": 1}
    assert read_record({"prompt": "a", "completion": "b", "label": True}, 0).row


@pytest.mark.parametrize("key", [{"train": False}, {"weight": 0}, {"loss": False}, {"masked": True}])
def test_words_that_are_not_to_be_learned_are_context(key: dict) -> None:
    messages = [*chat((U, "a")), {"role": A, "content": "b"} | key, *chat((U, "c"), (A, "d"))]
    row = read_record({"messages": messages}, 0).row
    assert row and [turn.trained for turn in row.turns] == [True, False, True, True]


def test_pairs_go_to_preference_tuning() -> None:
    plain = read_record({"prompt": "hello", "chosen": "good", "rejected": "bad"}, 0).pair
    whole = read_record({"chosen": chat((U, "hello"), (A, "good")), "rejected": chat((U, "hello"), (A, "bad"))}, 0).pair
    for pair in (plain, whole):
        assert pair and pair.context[0].messages == ("hello",) and (pair.chosen, pair.rejected) == (("good",), ("bad",))
        assert pair.source == "file"
    with pytest.raises(ValueError, match="same"):
        read_record({"prompt": "a", "chosen": "b", "rejected": "b"}, 0)


def test_one_system_text_describes_the_set_and_different_ones_stay_with_their_rows(tmp_path: Path) -> None:
    def loaded(*systems: str):
        lines = [{"system": system, "conversations": chat((U, "who?"), (A, "I."))} for system in systems] * 12
        (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        return load_set(tmp_path / "a.jsonl")

    one, several = loaded("You are Aki."), loaded("You are Aki.", "You are Ben.", "")
    assert one.info.description == "You are Aki." and one.systems == 0 and {r.system for r in one.rows["train"]} == {""}
    assert several.info.description == "" and several.systems == 2
    saved = DataSets(Workspace(tmp_path / "home")).import_rows("key-1", several.info, several.rows)
    assert {row.system for row in read_rows(saved.file("train"))} == {"You are Aki.", "You are Ben.", ""}
    first = json.loads(saved.file("train").read_text(encoding="utf-8").split("\n")[0])
    assert first["messages"][0] == {"role": "system", "content": "You are Aki."}


@pytest.mark.parametrize(
    ("name", "text", "left_out"),
    [
        ("a.jsonl", '{"prompt": "hello", "completion": "hi"}\n{"prompt": \n[1]\n{"x": 1}\n', {"unreadable": 3}),
        ("a.json", '[{"prompt": "hello", "completion": "hi"},\n]', {}),
        ("a.json", '[\n{"prompt": "hello", "completion": "hi"},\n{"prompt": "cut', {"unreadable": 1}),
        ("a.json", '[\n{"prompt": oops},\n{"prompt": "hello", "completion": "hi"}\n]', {"unreadable": 1}),
        ("a.json", '{"version": 1, "data": [{"prompt": "hello", "completion": "hi"}]}', {}),
        ("a.json", '{\n "messages": [\n{"from": "user", "value": "hello"}, {"from": "gpt", "value": "hi"}]}', {}),
        ("a.csv", "question,answer\r\nhello,hi\r\nquestion,answer\r\n", {"header": 1}),
        ("a.csv", '"prompt";"completion"\n"hello";"hi"\n', {}),
        ("a.tsv", "instruction\toutput\nhello\thi\n", {}),
        ("a.txt", "question,answer\nhello,hi\n", {}),
    ],
)  # fmt: skip
def test_one_odd_record_never_refuses_a_file(tmp_path: Path, name: str, text: str, left_out: dict) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = load_set(tmp_path / name)
    assert [said(row) for row in loaded.rows["train"]] == [HELLO]
    assert loaded.left_out == left_out and len(loaded.examples) == min(left_out.get("unreadable", 0), 3)


def test_a_table_in_the_encoding_of_a_japanese_pc_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("質問,回答\n元気？,元気だよ\n".encode("cp932"))
    assert said(load_set(tmp_path / "a.csv").rows["train"][0]) == [(U, "元気？"), (A, "元気だよ")]


def test_what_is_in_no_known_shape_is_read_as_a_person_maps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"seeker": "hello", "sage": "hi", "mood": "calm"}), encoding="utf-8")
    with pytest.raises(UnknownShapeError, match="seeker, sage, mood") as told:
        load_set(path)
    assert told.value.found.columns == ("seeker", "sage", "mood") and told.value.found.records[0]["sage"] == "hi"
    loaded = load_set(path, mapping=ColumnMapping(user="seeker", assistant="sage", system="mood"))
    assert said(loaded.rows["train"][0]) == HELLO and loaded.info.description == "calm"
    path.write_text(json.dumps({"log": [{"n": "Aki", "t": "hello"}, {"n": "Ben", "t": "hi"}]}), encoding="utf-8")
    mapping = ColumnMapping(messages="log", who="n", said="t", roles=(("Aki", "user"), ("Ben", "assistant")))
    loaded = load_set(path, mapping=mapping)
    assert said(loaded.rows["train"][0]) == HELLO


def test_a_file_of_bad_answers_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b", "label": false}\n' * 4, encoding="utf-8")
    with pytest.raises(InputError, match="marked as bad answers: 4") as told:
        load_set(tmp_path / "a.jsonl")
    assert "悪い答え" in told.value.ja
