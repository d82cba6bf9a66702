"""Direct preference optimisation on PersonaTrainer: the same order, resume, stop and memory as any training.

The loss is TRL's DPOTrainer's ("sigmoid", reverse KL; a test holds them together). TRL itself tokenises
chats in its own way and cannot take the ids of the one prompt function. The reference is the adapter
as it was before: its log-probabilities are taken once, before the first step (as TRL's
precompute_ref_log_probs), so that no second copy is ever in memory, saved or pushed.
Imports torch: only the training process imports this module.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from core.train.preference.config import PairExample
from core.train.worker.batches import micro_batches
from core.train.worker.loss import Inputs, output_layer
from core.train.worker.rows import IGNORED
from core.train.worker.trainer import PersonaTrainer


@dataclass(frozen=True)
class CollatePairs:
    """Pairs to tensors: rows 2k and 2k+1 are the better and the worse reply of pair k; longest pair first."""

    pad: int

    def __call__(self, examples: Sequence[PairExample]) -> Inputs:
        """input_ids, attention_mask and labels, (2 × pairs, longest row) of int64; reference, (pairs, 2)."""
        examples = sorted(examples, key=lambda example: -example.longest)
        rows = [row for example in examples for row in (example.chosen, example.rejected)]
        size = (len(rows), examples[0].longest)
        ids, labels = torch.full(size, self.pad), torch.full(size, IGNORED)
        mask = torch.zeros(size, dtype=torch.long)
        for number, row in enumerate(rows):
            n = len(row.ids)
            ids[number, :n], labels[number, :n], mask[number, :n] = torch.tensor(row.ids), torch.tensor(row.labels), 1
        reference = torch.tensor([example.reference for example in examples])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, "reference": reference}


def reply_log_probabilities(model: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
    """(rows,): log-probability of each row's learned tokens, summed, in nats.

    Only the positions of replies go through the output layer.
    """
    targets = inputs["labels"][:, 1:]
    learned = targets != IGNORED
    keep = torch.nn.functional.pad(learned, (0, 1))  # the last position predicts nothing
    hook = output_layer(model).register_forward_pre_hook(lambda _, given: (given[0][keep][None], *given[1:]))
    try:
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False).logits
    finally:
        hook.remove()
    found = -torch.nn.functional.cross_entropy(logits[0].float(), targets[learned], reduction="none")
    rows = learned.nonzero()[:, 0]
    return torch.zeros(len(targets), device=found.device).index_add(0, rows, found)


def margins(model: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
    """(pairs,): what the better reply gained over the reference more than the worse one did, in nats."""
    gained = reply_log_probabilities(model, inputs).view(-1, 2) - inputs["reference"]
    return gained[:, 0] - gained[:, 1]


def parts_of(inputs: Inputs, budget: int) -> list[Inputs]:
    """A batch in parts of at most `budget` tokens with padding; pairs stay whole."""
    lengths = inputs["attention_mask"].sum(1).view(-1, 2).amax(1).tolist()
    return [
        {
            name: tensor[at] if name == "reference" else tensor[2 * at.start : 2 * at.stop, : lengths[at.start]]
            for name, tensor in inputs.items()
        }
        for at in micro_batches(lengths, budget // 2)
    ]


class PreferenceTrainer(PersonaTrainer):
    """Trains on PairExamples; measures rows as any training does, and `validation_pairs` beside them.

    Logs and measures carry "accuracy" (share of the pairs whose better reply gained more) and "margin" (mean of
    β times how much more, in nats).
    """

    def __init__(
        self, *args: Any, beta: float, collate_pairs: CollatePairs, validation_pairs: Sequence[PairExample],
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.beta = beta
        self.collate_pairs = collate_pairs
        self.validation_pairs = list(validation_pairs)
        self._seen: list[torch.Tensor] = []  # β × margins of the pairs since the last log

    def take_reference(self) -> None:
        """Note what the adapter as it is now gives each reply: before the first step, and before a resume.

        Raises StopAsked when the run should stop.
        """
        referenced: Any = self._with_reference(self.pairs)
        self.train_dataset = referenced
        self.validation_pairs = self._with_reference(self.validation_pairs)

    @property
    def pairs(self) -> Sequence[PairExample]:
        """What is learned from, in the place of `rows`."""
        return cast(Sequence[PairExample], self.train_dataset)

    def get_train_dataloader(self) -> DataLoader:
        return self._batches(self.pairs, [len(pair.ids) for pair in self.pairs], self.collate_pairs)

    def _gradients(self, model: torch.nn.Module, inputs: Inputs, lengths: Sequence[int]) -> torch.Tensor:
        """Backward passes over the step's pairs in parts; the mean loss of a pair."""
        pairs = len(inputs["reference"]) * self.accelerator.num_processes
        parts = parts_of(inputs, self.tokens_per_micro_batch)
        total = torch.zeros((), device=inputs["reference"].device)
        seen = []
        for number, some in enumerate(parts, start=1):
            with nullcontext() if number == len(parts) else self.accelerator.no_sync(model):
                with self.computing():
                    ahead = self.beta * margins(model, some)
                # Several processes average their gradients: each one's share counts as often as there are.
                loss = -torch.nn.functional.logsigmoid(ahead).sum() * self.accelerator.num_processes / pairs
                self.accelerator.backward(loss)
            total += loss.detach()
            seen.append(ahead.detach())
        self._seen += seen  # not earlier: a step that runs out of memory is begun anew
        return total

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs and self._seen:
            logs |= _told(torch.cat(self._seen))
            self._seen.clear()
        super().log(logs, *args, **kwargs)

    def figures(self) -> dict[str, float]:
        """As of any training, with accuracy and margin of the validation pairs."""
        if not self.validation_pairs:
            return super().figures()
        ahead = [self.beta * values for _, values in self._over(self.validation_pairs, margins)]
        return super().figures() | _told(torch.cat(ahead))

    def _with_reference(self, pairs: Sequence[PairExample]) -> list[PairExample]:
        found = list(pairs)
        for numbers, values in self._over(pairs, reply_log_probabilities):
            for number, value in zip(numbers, values.view(-1, 2).tolist(), strict=True):
                found[number] = replace(pairs[number], reference=tuple(value))
        return found

    @torch.no_grad()
    def _over(
        self, pairs: Sequence[PairExample], what: Callable[[torch.nn.Module, Inputs], torch.Tensor]
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """`what` of batches of the pairs, in evaluation: (which ones, values)."""
        model, training = self.trained, self.trained.training
        model.eval()
        order = sorted(range(len(pairs)), key=lambda number: -pairs[number].longest)
        try:
            for at in micro_batches([pairs[number].longest for number in order], self.tokens_per_micro_batch // 2):
                self._stop_if_asked()
                inputs = self._prepare_inputs(self.collate_pairs([pairs[number] for number in order[at]]))
                with self.computing():
                    yield order[at], what(model, inputs).float()
        finally:
            model.train(training)


def _told(ahead: torch.Tensor) -> dict[str, float]:
    return {"accuracy": (ahead > 0).float().mean().item(), "margin": ahead.mean().item()}
