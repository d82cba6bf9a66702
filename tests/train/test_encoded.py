"""Rows on disk are the rows that memory would hold, are made once, and leave nothing half-made behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.train.worker.encoded import StoredExamples, encode_file
from core.train.worker.rows import RowEncoder, encode
from tests.helpers.train_tiny import PROMPT_CONFIG, talks, tiny_base, write_dataset


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base(tmp_path_factory.mktemp("base")))


def silent(rows: int, of: int) -> None:
    pass


def never(rows: int, of: int) -> None:
    raise AssertionError("it was made already")


@pytest.mark.parametrize("how", [{}, {"loss_on": "last_reply"}, {"context_weight": 0.25}])
def test_the_rows_are_those_in_memory(tmp_path: Path, tokenizer, how: dict[str, Any]) -> None:
    rows = talks(40)
    path = write_dataset(tmp_path / "d", rows, []) / "train.jsonl"
    expected = encode(rows, PROMPT_CONFIG, tokenizer, max_length=60, **how)
    found = encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=60, **how), tmp_path / "e", silent)
    assert (found.truncated, found.too_long) == (expected.truncated, expected.too_long) and found.truncated
    assert found.loss_tokens == expected.loss_tokens and found.examples.lengths == expected.examples.lengths
    for one, other in zip(found.examples, expected.examples, strict=True):
        assert (one.ids, one.labels, one.words) == (other.ids, other.labels, other.words)
        assert (one.weights is None) == (other.weights is None) and list(one.weights or ()) == list(other.weights or ())
    assert [one.ids for one in found.examples[2:4]] == [one.ids for one in expected.examples[2:4]]
    assert found.examples[-1].ids == expected.examples[-1].ids


def test_they_are_made_once_and_anew_when_anything_changes(tmp_path: Path, tokenizer) -> None:
    path = write_dataset(tmp_path / "d", talks(4), []) / "train.jsonl"
    first = encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", silent)
    again = encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", never)
    assert isinstance(again.examples, StoredExamples) and again.examples[3].ids == first.examples[3].ids
    for other in (
        RowEncoder(PROMPT_CONFIG, tokenizer, max_length=98),
        RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99, loss_on="last_reply"),
    ):
        with pytest.raises(AssertionError, match="made already"):
            encode_file(path, other, tmp_path / "e", never)
    kinds = next((tmp_path / "e").iterdir()) / "kinds"
    kinds.unlink()  # not cut while `first` reads from it
    kinds.write_bytes(b"")  # as when it did not reach the disk
    whole = encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", silent)
    assert whole.examples[3].labels == first.examples[3].labels
    write_dataset(tmp_path / "d", talks(5), [])
    with pytest.raises(AssertionError, match="made already"):
        encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", never)


def test_a_line_that_is_no_row_leaves_nothing_half_made(tmp_path: Path, tokenizer) -> None:
    path = write_dataset(tmp_path / "d", talks(4), []) / "train.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + json.dumps({"other": 1}) + "\n", encoding="utf-8")
    with pytest.raises(Exception, match="line 5 is not a row"):
        encode_file(path, RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", silent)
    assert not list((tmp_path / "e").iterdir())


def test_no_file_and_no_rows_are_no_examples(tmp_path: Path, tokenizer) -> None:
    found = encode_file(
        tmp_path / "absent.jsonl", RowEncoder(PROMPT_CONFIG, tokenizer, max_length=99), tmp_path / "e", silent
    )
    assert len(found.examples) == 0 and found.loss_tokens == 0 and found.examples.lengths == [] and not found.examples
