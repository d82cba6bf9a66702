"""A batch is seen as the trainer makes it, and a window cuts what it cuts in training."""

import pytest
from transformers import PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.data.io.store import prompt_config_for
from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn
from core.models.tokenizers.check import load_tokenizer
from core.prompt import PromptConfig
from core.tokens import batch as module
from core.tokens.batch import dataset_tokens, see_batch
from core.train.worker.batches import Collate, LengthBatches
from core.train.worker.rows import IGNORED, encode

CONFIG: PromptConfig = prompt_config_for(None, context_window=256, persona="葵", description="高校生。")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(FOLDER)


def rows_of(*lengths: int) -> list[Row]:
    """A row of one exchange for each number of words."""
    return [
        Row(k, None, (Turn("user", ("今日は何をしたの？",)), Turn("assistant", ("楽しかったよ。" * n,))))
        for k, n in enumerate(lengths)
    ]


def test_the_batch_is_the_trainers_own(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = rows_of(*(1 + k % 9 for k in range(30)))
    found = encode(rows, CONFIG, tokenizer, max_length=256)
    lengths = found.examples.lengths
    wanted = list(LengthBatches(lengths, 4, 0))
    seen = see_batch(rows, CONFIG, tokenizer, window=256, size=4, number=3)
    tensors = Collate(tokenizer.pad_token_id)([found.examples[row] for row in wanted[2]])  # pyright: ignore[reportArgumentType]
    assert [list(row.ids) for row in seen.rows] == tensors["input_ids"].tolist()
    assert [list(row.labels) for row in seen.rows] == tensors["labels"].tolist()
    assert (seen.number, seen.count, seen.width) == (3, 8, max(row.length for row in seen.rows))
    assert seen.in_buckets < seen.in_order


def test_cells_are_what_carries_loss_context_and_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    seen = see_batch(rows_of(1, 8), CONFIG, tokenizer, window=256, size=2)
    long, short = seen.rows
    assert long.length == seen.width > short.length and short.runs[-1] == ("padding", seen.width - short.length)
    assert sum(n for _, n in short.runs) == seen.width and long.runs[0][0] == "context"
    learned = sum(label != IGNORED for row in seen.rows for label in row.labels[1:])
    assert seen.cells == {
        "loss": learned, "padding": seen.width - short.length,
        "context": long.length + short.length - learned,
    }  # fmt: skip


def test_a_number_out_of_bounds_is_the_nearest_batch(tokenizer: PreTrainedTokenizerBase) -> None:
    seen = see_batch(rows_of(1, 2, 3), CONFIG, tokenizer, window=256, size=2, number=99)
    assert (seen.number, seen.count) == (2, 2)


def test_windows_cut_what_training_cuts(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [turn for k in range(20) for turn in rows_of(4)[0].turns]
    rows = [*rows_of(1, 2, 3), Row(9, None, tuple(turns)), *rows_of(200)]
    found = dataset_tokens(rows, CONFIG, tokenizer, window=300)
    assert [one.window for one in found.windows][:3] == [256, 300, 512] and found.rows == len(rows)
    for one in found.windows:
        truth = encode(rows, CONFIG, tokenizer, max_length=one.window)
        assert (one.cut, one.too_long, one.loss_tokens) == (truth.truncated, truth.too_long, truth.loss_tokens)
    assert found.windows[0].cut >= 1 and found.windows[0].too_long == 1
    last = found.windows[-1]
    assert last.cut == last.too_long == 0 and last.loss_tokens == found.loss_tokens
    counts, step = found.histogram()
    assert sum(counts) == len(rows) and len(counts) * step > max(found.lengths) >= last.loss_tokens // len(rows)
    assert found.table(["a"] * 4).rows[0][0] == 256


def test_a_large_set_is_looked_at_in_part(tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    done: list[int] = []
    found = dataset_tokens(rows_of(*([1] * 40)), CONFIG, tokenizer, window=256, report=done.append)
    assert len(found.lengths) == 10 and found.rows == 40 and done == [0]


def test_rows_that_teach_nothing_are_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    silent = [Row(0, None, (Turn("user", ("やあ",)),))]
    for look in (
        lambda: see_batch(silent, CONFIG, tokenizer, window=256, size=2),
        lambda: dataset_tokens(silent, CONFIG, tokenizer, window=256),
    ):
        with pytest.raises(InputError):
            look()
