"""Exports: the seed formats to the letter, and every format in every file type as `datasets` reads it."""

import json
from dataclasses import replace
from typing import cast

import pytest

from core.data.io.export import (
    EXPORT_FORMATS,
    FILE_TYPES,
    Export,
    TextSample,
    preamble_text,
    sample_of,
    samples,
    write_samples,
)
from core.data.prepare import Prepared, prepare
from core.data.recipe import Recipe
from core.data.rows import Row
from core.errors import InputError
from core.messages import Message, Turn
from tests.data.test_rows import Letters, log_of, say, talk

SOCRATES = "あなたは古代ギリシャの哲学者ソクラテスです。"
ASKED, ANSWER = Turn("user", ("徳とは何ですか。", "教えて")), Turn("assistant", ("君はどう思う？",))
ROW = Row(0, None, (ASKED, ANSWER))
LONGER = Row(0, None, (ASKED, ANSWER, Turn("user", ("知恵です",)), Turn("assistant", ("本当に？", "なぜ？"))))


def make(*messages: Message, **choices: object) -> Prepared:
    return prepare(
        log_of(*messages), "P", counter=Letters(), budget=1000, recipe=replace(Recipe(validation_share=0.0), **choices)
    )


def text(row: Row, **choices: str) -> str:
    return str(sample_of(row, replace(Export(), **choices))["text"])


def messages_of(sample: TextSample) -> list[dict[str, str | int]]:
    return cast(list[dict[str, str | int]], sample["messages"])


def test_the_seed_format_to_the_letter():
    assert text(ROW) == "### 指示:<NL>徳とは何ですか。<NL>教えて<NL><NL>### 回答:<NL>君はどう思う？"
    assert text(ROW, newline="\n") == "### 指示:\n徳とは何ですか。\n教えて\n\n### 回答:\n君はどう思う？"


def test_the_seed_format_with_an_input():
    assert text(ROW, format="instruction_input", preamble=SOCRATES) == (
        f"### 指示:<NL>{SOCRATES}<NL><NL>### 入力:<NL>徳とは何ですか。<NL>教えて<NL><NL>### 回答:<NL>君はどう思う？"
    )


def test_the_persona_line_stands_before_the_first_words_only():
    assert text(LONGER, preamble="ソクラテスさん。") == (
        "### 指示:<NL>ソクラテスさん。徳とは何ですか。<NL>教えて<NL><NL>### 回答:<NL>君はどう思う？<NL><NL>"
        "### 指示:<NL>知恵です<NL><NL>### 回答:<NL>本当に？<NL>なぜ？"
    )
    assert text(ROW, preamble="Socrates,").startswith("### 指示:<NL>Socrates, 徳")


@pytest.mark.parametrize(
    ("kind", "name", "words", "line"),
    [
        ("none", "ソクラテス", "哲学者", ""),
        ("address", "ソクラテス", "", "ソクラテスさん。"),
        ("address", "Wren", "", "Wren,"),
        ("statement", "ソクラテス", "古代ギリシャの哲学者ソクラテス", SOCRATES),
        ("statement", "ソクラテス", "", "あなたはソクラテスです。"),
        ("statement", "Wren", "a gardener called Wren", "You are a gardener called Wren."),
        ("statement", "葵", "葵。明るい友だちです。", "葵。明るい友だちです。"),
    ],
)
def test_persona_lines(kind, name, words, line):
    assert preamble_text(kind, name, words) == line


def test_alpaca_keeps_earlier_exchanges_as_history():
    assert sample_of(LONGER, Export("alpaca", preamble="ソクラテスさん。")) == {
        "instruction": "知恵です", "input": "", "output": "本当に？\nなぜ？",
        "history": [["ソクラテスさん。徳とは何ですか。\n教えて", "君はどう思う？"]],
    }  # fmt: skip


def test_messages_and_sharegpt():
    assert sample_of(ROW, Export("messages")) == {
        "messages": [
            {"role": "user", "content": "徳とは何ですか。\n教えて"}, {"role": "assistant", "content": "君はどう思う？"},
        ]
    }  # fmt: skip
    assert sample_of(ROW, Export("sharegpt", separator=" ")) == {
        "conversations": [
            {"from": "human", "value": "徳とは何ですか。 教えて"}, {"from": "gpt", "value": "君はどう思う？"},
        ]
    }  # fmt: skip


def test_words_that_are_only_context_have_no_weight():
    prepared = make(*talk("APAP"), shape="window", turns=4)
    weights = [[m.get("weight") for m in messages_of(sample)] for sample in samples(prepared.train, Export("messages"))]
    assert weights == [[None, 1], [None, 0, None, 1]]


def test_a_row_that_the_persona_opens():
    opened = make(*talk("PAP")).train[0]
    assert text(opened) == "### 指示:<NL><NL><NL>### 回答:<NL>P0<NL><NL>### 指示:<NL>A1<NL><NL>### 回答:<NL>P2"
    assert text(opened, format="instruction_input") == text(opened)
    assert text(opened, format="instruction_input", preamble="Pさん。") == (
        "### 指示:<NL>Pさん。<NL><NL>### 回答:<NL>P0<NL><NL>### 入力:<NL>A1<NL><NL>### 回答:<NL>P2"
    )
    roles = [m["role"] for m in messages_of(sample_of(opened, Export("messages")))]
    assert roles == ["assistant", "user", "assistant"]
    named = sample_of(opened, Export("messages", preamble="Pさん。"))["messages"][0]
    assert named == {"role": "user", "content": "Pさん。"}


def test_a_message_behind_its_burst_is_an_exchange_of_its_own():
    """In the seed formats the earlier messages of a burst stand before it, as an answer that is context."""
    rows = make(*talk("APP"), burst="each").train
    assert [m.get("weight") for m in messages_of(list(samples(rows, Export("messages")))[1])] == [None, 0, 1]


def test_groups_name_the_others():
    assert text(make(*talk("ABP")).train[0]) == "### 指示:<NL>A: A0<NL>B: B1<NL><NL>### 回答:<NL>P2"


@pytest.mark.parametrize("export_format", EXPORT_FORMATS)
@pytest.mark.parametrize("file_type", FILE_TYPES)
@pytest.mark.parametrize("shape", ["conversation", "window"])
def test_datasets_reads_it(tmp_path, export_format, file_type, shape):
    import datasets

    days = [m for day in range(6) for m in (*talk("ABPAP", minute=day * 1440), say("A", '"\n\\ 😀', day * 1440))]
    rows = make(*talk("PA"), *days, shape=shape).train
    path = tmp_path / f"rows.{file_type}"
    export = Export(export_format, preamble="Pさん。")
    assert write_samples(path, rows, export, file_type) == len(rows)
    loader = "parquet" if file_type == "parquet" else "json"
    loaded = datasets.load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert [without_nulls(sample) for sample in loaded] == [without_nulls(sample) for sample in samples(rows, export)]


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_nulls(v) for key, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def test_parquet_is_written_in_blocks(tmp_path, monkeypatch):
    import pyarrow.parquet

    monkeypatch.setattr("core.data.io.export.PARQUET_ROWS", 3)
    assert write_samples(tmp_path / "rows.parquet", [ROW] * 8, Export(), "parquet") == 8
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet").num_rows == 8


def test_a_json_file_is_one_list(tmp_path):
    write_samples(tmp_path / "rows.json", [ROW, LONGER], Export("alpaca"), "json")
    assert [s["output"] for s in json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))] == [
        "君はどう思う？", "本当に？\nなぜ？",
    ]  # fmt: skip


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no format “toml”"):
        replace(Export(), format="toml")
    with pytest.raises(InputError, match="no rows"):
        write_samples(tmp_path / "rows.jsonl", [], Export())
    assert not (tmp_path / "rows.jsonl").exists()
