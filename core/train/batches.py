"""Examples to batches: rows of like length together, in an order that only the seed and the epoch decide.

That order is what makes a resume exact: the sampler draws from no global generator, and every epoch has
the same number of batches.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from core.train.rows import IGNORED, Example

POOL = 32  # batches whose rows are sorted by length together: little padding, and still a new mix each epoch


@dataclass
class LengthBatches:
    """A batch sampler: lists of row numbers. Pure function of (lengths, batch size, seed, epoch)."""

    lengths: Sequence[int]
    rows: int
    """Rows in a batch; the last one of an epoch may have fewer."""
    seed: int
    epoch: int = 0
    batch_size: None = None  # what accelerate reads of a batch sampler without one size
    drop_last: bool = False

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.rows)

    def __iter__(self) -> Iterator[list[int]]:
        chance = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        chance.shuffle(order)
        pool = POOL * self.rows
        batches = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=self.lengths.__getitem__)
            batches += [near[at : at + self.rows] for at in range(0, len(near), self.rows)]
        chance.shuffle(batches)
        return iter(batches)


@dataclass(frozen=True)
class Collate:
    """Examples to tensors of one length, padded on the right."""

    pad: int

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask and labels, each (rows, longest row) of int64."""
        size = (len(examples), max(len(example.ids) for example in examples))
        ids, labels = torch.full(size, self.pad), torch.full(size, IGNORED)
        mask = torch.zeros(size, dtype=torch.long)
        for row, example in enumerate(examples):
            n = len(example.ids)
            ids[row, :n] = torch.tensor(example.ids)
            labels[row, :n] = torch.tensor(example.labels)
            mask[row, :n] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}
