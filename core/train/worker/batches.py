"""Examples to the batch of one step, rows of like length together, and that batch to what goes through at once.

The order is the seed's and the epoch's alone. That makes a resume exact: the sampler draws from no global
generator, and every epoch has the same number of batches.
"""

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from core.train.worker.rows import IGNORED, Example

POOL = 32  # batches whose rows are sorted by length together: little padding, and still a new mix each epoch


NOTHING = Example(array("i", [0, 0]), array("i", [IGNORED, IGNORED]), words=0)  # a row that teaches nothing


@dataclass
class LengthBatches:
    """A batch sampler: lists of row numbers. Pure function of (lengths, batch size, seed, epoch)."""

    lengths: Sequence[int]
    rows: int
    """Rows in a batch; the last one of an epoch may have fewer."""
    seed: int
    rank: int = 0
    """Of several processes, which one asks: each gets its share of every batch, the last ones perhaps nothing."""
    processes: int = 1
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
        return (batch[self.rank :: self.processes] for batch in batches)


@dataclass(frozen=True)
class Collate:
    """Examples to tensors of one length, padded on the right, longest row first."""

    pad: int

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask and labels, each (rows, longest row) of int64; weights of float32 where rows
        have them. Of no rows, NOTHING: every process has to take part in a step."""
        examples = sorted(examples or [NOTHING], key=lambda example: -len(example.ids))
        size = (len(examples), len(examples[0].ids))
        ids, labels = torch.full(size, self.pad), torch.full(size, IGNORED)
        mask = torch.zeros(size, dtype=torch.long)
        for row, example in enumerate(examples):
            n = len(example.ids)
            ids[row, :n] = torch.tensor(example.ids)
            labels[row, :n] = torch.tensor(example.labels)
            mask[row, :n] = 1
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        if examples[0].weights is None:
            return batch
        weights = torch.zeros(size)
        for row, example in enumerate(examples):
            weights[row, : len(example.ids)] = torch.tensor(example.weights)
        return batch | {"weights": weights}


def micro_batches(lengths: Sequence[int], budget: int) -> list[slice]:
    """Neighbours among rows of these lengths, longest first, of at most `budget` tokens with padding.

    A row that is longer than the budget is alone; without rows there are no batches.
    """
    if not lengths:
        return []
    cuts = [0]
    for row in range(1, len(lengths)):
        if (row + 1 - cuts[-1]) * lengths[cuts[-1]] > budget:
            cuts.append(row)
    return [slice(start, end) for start, end in zip(cuts, [*cuts[1:], len(lengths)], strict=True)]
