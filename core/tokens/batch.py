"""What rows become on their way into the model: token ids, batches of like length, padding, labels, and what is cut."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from core.data.rows import Row
from core.errors import InputError
from core.prompt import PromptConfig
from core.prompt.stop import eos_token_id, pad_token_id
from core.tokens.figure_table import FigureTable
from core.train.worker.rows import IGNORED, Example, RowEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_ROWS = 5_000  # of a data set that are looked at, from all over it
WINDOWS = (256, 512, 1_024, 2_048, 4_096, 8_192)
WIDEST = 32_768  # tokens: how long a row is where nothing cuts it
CLASSES = 24  # of the histogram of lengths
EVERY = 200  # rows between two reports

CellKind = Literal["loss", "context", "padding"]
RowsRead = Callable[[int], None]


@dataclass(frozen=True)
class BatchRow:
    """One row of a batch as the collator lays it out."""

    ids: tuple[int, ...]
    """As long as the longest row: padded on the right."""
    labels: tuple[int, ...]
    """`ids` where the token is learned, IGNORED elsewhere."""
    length: int
    """Without padding."""

    @property
    def runs(self) -> list[tuple[CellKind, int]]:
        """(what the tokens are, how many) in order. The first token is never learned: nothing comes before it."""
        kinds: list[CellKind] = [
            "padding" if at >= self.length else "loss" if at and label != IGNORED else "context"
            for at, label in enumerate(self.labels)
        ]
        return [(kind, len(list(run))) for kind, run in groupby(kinds)]


@dataclass(frozen=True)
class SeenBatch:
    """One batch of an epoch."""

    rows: tuple[BatchRow, ...]
    number: int
    """Which of the epoch's, from 1."""
    count: int
    """Batches of the epoch."""
    pad: int
    in_order: float
    """Share of padding in an epoch whose batches were filled in the order of the file."""
    in_buckets: float
    """The same as training fills them: rows of like length together."""

    @property
    def width(self) -> int:
        """Tokens of the longest row."""
        return len(self.rows[0].ids)

    @property
    def cells(self) -> dict[CellKind, int]:
        """How many tokens of the batch are of each kind."""
        found: dict[CellKind, int] = {"loss": 0, "context": 0, "padding": 0}
        for row in self.rows:
            for kind, n in row.runs:
                found[kind] += n
        return found


@dataclass(frozen=True)
class WindowCut:
    """What a window does to a data set."""

    window: int
    cut: int
    """Rows that are longer, and become several."""
    too_long: int
    """Turns of the persona that fit no window and are not learned."""
    loss_tokens: int


@dataclass(frozen=True)
class DatasetTokens:
    """All rows of a data set in tokens."""

    lengths: array = field(repr=False)
    """Tokens of each row where nothing cuts it, its prompt included."""
    loss_tokens: int
    """Of these rows, uncut."""
    rows: int
    """Of the data set; more than `lengths` where only a sample was looked at."""
    windows: tuple[WindowCut, ...]

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    def histogram(self) -> tuple[list[int], int]:
        """(rows in each class of length, tokens that a class is wide)."""
        step = -(-(max(self.lengths) + 1) // CLASSES)
        counts = [0] * (max(self.lengths) // step + 1)
        for length in self.lengths:
            counts[length // step] += 1
        return counts, step

    def table(self, heads: Sequence[str]) -> FigureTable:
        """A line for each window: tokens, rows cut, turns of the persona lost, learned tokens."""
        rows = tuple((one.window, one.cut, one.too_long, one.loss_tokens) for one in self.windows)
        return FigureTable("dataset-windows", tuple(heads), rows)


def see_batch(
    rows: Sequence[Row], prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *, window: int, size: int,
    number: int = 1, seed: int = 0, report: RowsRead = lambda done: None,
) -> SeenBatch:  # fmt: skip
    """Batch `number` of the first epoch of a training on `rows`, made by the trainer's own sampler and collator.

    Raises InputError where no row teaches anything.
    """
    from core.train.worker.batches import Collate, LengthBatches

    encoder = RowEncoder(prompt_config, tokenizer, max_length=window)
    examples = _encoded(rows, encoder, report)
    lengths = [len(example.ids) for example in examples]
    batches = list(LengthBatches(lengths, size, seed))
    at = max(1, min(number, len(batches)))
    pad = pad_token_id(tokenizer)
    pad = eos_token_id(tokenizer) or 0 if pad is None else pad
    batch = Collate(pad)([examples[row] for row in batches[at - 1]])
    ids, labels, filled = (batch[name].tolist() for name in ("input_ids", "labels", "attention_mask"))
    seen = tuple(
        BatchRow(tuple(row), tuple(learned), sum(mask)) for row, learned, mask in zip(ids, labels, filled, strict=True)
    )
    in_order = [list(range(start, min(start + size, len(lengths)))) for start in range(0, len(lengths), size)]
    return SeenBatch(seen, at, len(batches), pad, _padding(in_order, lengths), _padding(batches, lengths))


def dataset_tokens(
    rows: Sequence[Row], prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *, window: int,
    report: RowsRead = lambda done: None,
) -> DatasetTokens:  # fmt: skip
    """How long rows are, which tokens are learned, and what each of WINDOWS and `window` cuts.

    Raises InputError where no row teaches anything.
    """
    looked = sample(rows)
    uncut = RowEncoder(prompt_config, tokenizer, max_length=WIDEST)
    encoded = [(row, uncut(row)) for row in _reported(looked, report)]
    lengths = array("I", (sum(len(one.ids) for one in examples) for _, examples in encoded if examples))
    if not lengths:
        raise _nothing()
    learned = sum(one.loss_tokens for _, examples in encoded for one in examples)
    cuts = []
    for one in sorted({*WINDOWS, window}):
        cuts.append(_cut(encoded, prompt_config, tokenizer, one))
        if one >= max(*lengths, window):
            break
    return DatasetTokens(lengths, learned, len(rows), tuple(cuts))


def sample(rows: Sequence[Row]) -> Sequence[Row]:
    """At most MOST_ROWS, from all over the data set."""
    step = len(rows) / MOST_ROWS
    return rows if step <= 1 else [rows[int(k * step)] for k in range(MOST_ROWS)]


def _cut(
    encoded: Sequence[tuple[Row, list[Example]]], prompt_config: PromptConfig,
    tokenizer: "PreTrainedTokenizerBase", window: int,
) -> WindowCut:  # fmt: skip
    """Only rows that are longer than the window have to be encoded again."""
    encoder = RowEncoder(prompt_config, tokenizer, max_length=window)
    learned = 0
    for row, examples in encoded:
        fits = all(len(one.ids) <= window for one in examples)
        learned += sum(one.loss_tokens for one in (examples if fits else encoder(row)))
    return WindowCut(window, encoder.cut, encoder.too_long, learned)


def _encoded(rows: Sequence[Row], encoder: RowEncoder, report: RowsRead) -> list[Example]:
    examples = [example for row in _reported(sample(rows), report) for example in encoder(row)]
    if not examples:
        raise _nothing()
    return examples


def _reported(rows: Sequence[Row], report: RowsRead) -> Iterator[Row]:
    """The rows, with a report before every EVERY-th."""
    for number, row in enumerate(rows):
        if number % EVERY == 0:
            report(number)
        yield row


def _padding(batches: Sequence[Sequence[int]], lengths: Sequence[int]) -> float:
    """Share of padding over all batches."""
    cells = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    return 1 - sum(lengths) / cells


def _nothing() -> InputError:
    return InputError(
        "No row of this data set teaches anything in this window. Choose a longer window, or another data set.",
        "この文脈の長さで学べる行がデータセットにありません。文脈を長くするか、別のデータセットを選んでください。",
    )
