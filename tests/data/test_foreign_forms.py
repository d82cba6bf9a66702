"""Data sets in the forms of well-known collections, each written anew: nothing of a record is dropped unseen."""

import json
from pathlib import Path

import pytest

from core.data.io.load import LoadedDataset, load_set
from core.data.io.records import read_record
from core.data.rows import Row


def said(row: Row | None) -> list[tuple[str, ...]]:
    return [] if row is None else [(turn.role[0], *turn.messages) for turn in row.turns]


TALK = [("u", "hi"), ("a", "hello"), ("u", "how?"), ("a", "fine")]
NESTED = {"text": "hi", "role": "prompter", "replies": [
    {"text": "worse", "role": "assistant", "rank": 1, "replies": []},
    {"text": "hello", "role": "assistant", "rank": 0, "replies": [
        {"text": "how?", "role": "prompter", "replies": [{"text": "fine", "role": "assistant", "replies": []}]}]},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "talk", "system"),
    [
        ({"instruction": "sum up", "context": "a long text", "response": "short"},
         [("u", "sum up\na long text"), ("a", "short")], ""),
        ({"ID": "x", "text": "why?", "output": "so"}, [("u", "why?"), ("a", "so")], ""),
        ({"text": "### Human: hi### Assistant: hello### Human: how?### Assistant: fine"}, TALK, ""),
        ({"text": "<s>[INST] <<SYS>>\nBe Mika.\n<</SYS>>\n\nhi [/INST] hello </s><s>[INST] how? [/INST] fine </s>"},
         TALK, "Be Mika."),
        ({"text": "<s>[INST] hi [/INST] hello</s>[INST] how? [/INST] fine</s>"}, TALK, ""),
        ({"instruction": "Human: hi\nAssistant: hello\nHuman: how?\nAssistant:", "input": "", "output": "fine"},
         TALK, ""),
        ({"system": [{"text": "Be Mika."}], "messages": [{"role": "user", "content": [{"text": "hi"}]},
                                                         {"role": "assistant", "content": [{"text": "hello"}]}]},
         TALK[:2], "Be Mika."),
        ({"systemInstruction": {"parts": [{"text": "Be Mika."}]},
          "contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"text": "hello"}]}]},
         TALK[:2], "Be Mika."),
        ({"message_tree_id": "1", "prompt": NESTED}, TALK, ""),
    ],
)  # fmt: skip
def test_a_record(record: dict, talk: list, system: str) -> None:
    read = read_record(record, 0)
    assert said(read.row) == talk and read.row is not None and read.row.system == system


@pytest.mark.parametrize("record", [
    {"chosen": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: how?\n\nAssistant: fine",
     "rejected": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: how?\n\nAssistant: go away"},
    {"prompt": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: how?\n\nAssistant:", "chosen": "fine",
     "rejected": "go away"},
    {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"},
                       {"from": "human", "value": "how?"}],
     "chosen": {"from": "gpt", "value": "fine"}, "rejected": {"from": "gpt", "value": "go away"}},
])  # fmt: skip
def test_a_pair(record: dict) -> None:
    pair = read_record(record, 0).pair
    assert pair is not None and (pair.chosen, pair.rejected) == (("fine",), ("go away",))
    assert [(turn.role[0], *turn.messages) for turn in pair.context] == TALK[:3]


def flat(number: int, parent: int | None, role: str, text: str, rank: float | None = None) -> dict:
    return {"message_id": str(number), "parent_id": str(parent) if parent else None, "role": role, "text": text,
            "rank": rank, "message_tree_id": "1", "lang": "en"}  # fmt: skip


def load(tmp_path: Path, text: str, name: str) -> LoadedDataset:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load_set(path)


def test_messages_that_name_their_parents_are_put_together(tmp_path: Path) -> None:
    records = [
        flat(1, None, "prompter", "hi"), flat(2, 1, "assistant", "worse", 1.0), flat(3, 1, "assistant", "hello", 0.0),
        flat(4, 3, "prompter", "how?"), flat(5, 4, "assistant", "fine", 0.0), flat(6, None, "prompter", "nobody"),
    ]  # fmt: skip
    found = load(tmp_path, "\n".join(map(json.dumps, records)), "messages.jsonl")
    assert [one for split in found.rows.values() for row in split for one in said(row)] == TALK
    assert found.left_out == {"unanswered": 1, "no_reply": 1}


def test_excels_line_for_the_delimiter_is_no_heading(tmp_path: Path) -> None:
    found = load(tmp_path, "sep=;\r\n質問;回答\r\n首都は？;東京\r\n山は？;富士\r\n", "table.csv")
    assert [said(row)[0] for split in found.rows.values() for row in split] == [("u", "首都は？"), ("u", "山は？")]
