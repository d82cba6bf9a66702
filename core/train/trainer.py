"""transformers' Trainer with what a persona needs: exact order, loss where it counts, held-out bits per byte.

Imports torch: only the training process imports this module.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from peft.optimizers import create_loraplus_optimizer
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer

from core.errors import JobError
from core.train import checkpoints
from core.train.batches import Collate, LengthBatches
from core.train.failures import check_room
from core.train.rows import IGNORED, Example


@dataclass(frozen=True)
class HeldOutLoss:
    """What the held-out rows cost the model."""

    loss: float
    """Nats a learned token."""
    bpb: float
    """Bits a UTF-8 byte of the persona's words (their end marks' loss included)."""


class StopAsked(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was asked to stop where no step is under way."""


class PersonaTrainer(Trainer):
    """Trains on Examples. `asked` tells whether the run should stop; checked between batches.

    Raises JobError when the loss or a weight is no finite number; the last checkpoint is then still good.
    """

    def __init__(self, *args: object, asked: Callable[[], bool], loraplus_ratio: float = 0.0, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.remove_callback(PrinterCallback)  # events.jsonl has it all
        self.asked = asked
        self.loraplus_ratio = loraplus_ratio
        self.seconds = 0.0
        """Time in training before this process, from the checkpoint it goes on from."""
        self._best: int | None = None
        # compute_loss divides by the learned tokens of the whole step, as Trainer counts them.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self._loss_shifts_labels = True
        self._began = time.monotonic()

    @property
    def total_seconds(self) -> float:
        return self.seconds + time.monotonic() - self._began

    def get_train_dataloader(self) -> DataLoader:
        batches = LengthBatches([len(e.ids) for e in self.train_dataset], self.args.train_batch_size, self.args.seed)
        return self.accelerator.prepare(
            DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)
        )

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; with a LoRA+ ratio, one that gives the B matrices that many times the learning rate."""
        if self.optimizer is None and self.loraplus_ratio:
            model = model or self.model
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args, model)
            self.optimizer = create_loraplus_optimizer(
                model, kind, loraplus_lr_ratio=self.loraplus_ratio, loraplus_weight_decay=self.args.weight_decay,
                **settings,
            )  # fmt: skip
        return super().create_optimizer(model)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Cross entropy summed over the batch, divided by the learned tokens of the step."""
        return summed_loss(model, inputs) / num_items_in_batch

    def training_step(self, *args: object, **kwargs: object) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if not math.isfinite(loss.item()):
            raise _not_finite(self.state.global_step)
        return loss

    def evaluate(self, *args: object, metric_key_prefix: str = "eval", **kwargs: object) -> dict[str, float]:
        """Measure the held-out rows; callbacks get eval_loss and eval_bpb."""
        found = self.measured()
        metrics = {f"{metric_key_prefix}_loss": found.loss, f"{metric_key_prefix}_bpb": found.bpb}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def measured(self) -> HeldOutLoss:
        """The held-out loss of the weights as they are. Raises StopAsked when the run should stop."""
        return measure(self.model, self.eval_dataset, self.data_collator, rows=self.args.eval_batch_size,
                       device=self.args.device, asked=self.asked)  # fmt: skip

    @property
    def kept_step(self) -> int:
        """The step whose weights the model has: the last one, or the best once that is loaded."""
        return self.state.global_step if self._best is None else self._best

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self._best = self.state.best_global_step

    def save_now(self) -> None:
        """A checkpoint of the step that was last completed, as at a planned save."""
        self._save_checkpoint(self.model, None)
        self.control = self.callback_handler.on_save(self.args, self.state, self.control)

    def _save_checkpoint(self, model: torch.nn.Module, trial: None) -> None:
        """Trainer's checkpoint, sealed; older ones go only when it is whole."""
        if not all(p.isfinite().all() for p in self.model.parameters() if p.requires_grad):
            raise _not_finite(self.state.global_step)
        folder = Path(self.args.output_dir)
        check_room(folder, 3 * sum(p.nbytes for p in self.model.parameters() if p.requires_grad))  # and AdamW's two
        path = checkpoints.place(folder, self.state.global_step)
        checkpoints.unseal(path)
        super()._save_checkpoint(model, trial)
        checkpoints.seal(path, step=self.state.global_step, seconds=self.total_seconds)
        checkpoints.prune(folder, best=self.state.best_global_step if self.args.load_best_model_at_end else None)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Adapter weights alone: no look at the Hub for the base, no copy of its embeddings."""
        self.model.save_pretrained(output_dir, state_dict=state_dict, save_embedding_layers=False)


def summed_loss(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the next-token losses at the learned positions, in nats.

    Only these positions go through the output layer: with a vocabulary of 65,000 that layer is most of
    a small model's work and memory, and in a chat most positions teach nothing.
    """
    targets = inputs["labels"][:, 1:]
    learned = targets != IGNORED
    # The last position predicts nothing and is never kept.
    keep = torch.nn.functional.pad(learned, (0, 1))
    with _only(keep, model):
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits[0].float(), targets[learned], reduction="sum")


@contextmanager
def _only(keep: torch.Tensor, model: torch.nn.Module) -> Iterator[None]:
    """Let only the positions `keep` (rows, tokens) reach the output layer, as (1, kept, hidden)."""
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, args: (args[0][keep][None], *args[1:]))
    try:
        yield
    finally:
        hook.remove()


@torch.no_grad()
def measure(
    model: torch.nn.Module,
    examples: Sequence[Example],
    collate: Collate,
    *,
    rows: int,
    device: torch.device,
    asked: Callable[[], bool] = lambda: False,
) -> HeldOutLoss:
    """The loss of `examples`. Raises StopAsked when `asked` between two batches."""
    training = model.training
    model.eval()
    total, learned, words = 0.0, 0, sum(example.words for example in examples)
    near = sorted(examples, key=lambda example: len(example.ids))
    try:
        for start in range(0, len(near), rows):
            if asked():
                raise StopAsked
            batch = near[start : start + rows]
            inputs = {name: tensor.to(device) for name, tensor in collate(batch).items()}
            total += summed_loss(model, inputs).item()
            learned += sum(example.learned for example in batch)
    finally:
        model.train(training)
    if not math.isfinite(total):
        raise _not_finite(None)
    return HeldOutLoss(total / max(learned, 1), total / max(words, 1) / math.log(2))


def _not_finite(step: int | None) -> JobError:
    where = (f" at step {step}", f"（ステップ {step}）") if step is not None else ("", "")
    return JobError(
        f"The loss is no longer a number{where[0]}: training has come apart. The last checkpoint is kept. "
        "Start again with a lower learning rate, or with precision bf16 or fp32.",
        f"損失が数値でなくなりました{where[1]}。学習が発散しています。直前のチェックポイントは残っています。"
        "学習率を下げるか、精度を bf16 か fp32 にして、もう一度始めてください。",
    )
