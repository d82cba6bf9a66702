"""transformers' Trainer with what a persona needs: exact order, loss where it counts, validation bits per byte.

Imports torch: only the training process imports this module.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from peft.optimizers import create_loraplus_optimizer
from torch.utils.data import DataLoader
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from core.errors import JobError
from core.train.failures import check_room, out_of_memory
from core.train.worker import checkpoints
from core.train.worker.batches import LengthBatches, micro_batches
from core.train.worker.dropout import use_fast_dropout
from core.train.worker.encoded import StoredExamples
from core.train.worker.loss import Inputs, MeasuredLoss, SummedLoss, measure
from core.train.worker.processes import reduce
from core.train.worker.rows import IGNORED, Examples

# Padded tokens that go through the model at once where nothing is asked for. A CPU is not faster with more:
# 512, 1,024 and 2,048 differ by less than 5 %. What a GPU cannot hold is halved.
AT_ONCE = {"cpu": 1024, "cuda": 8192}


class StopRequested(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was asked to stop where no step is under way."""


class NextEpoch(TrainerCallback):
    """Tells the batches which epoch it is, in the middle of which a resume may be."""

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, *, train_dataloader: DataLoader,
        **_: object,
    ) -> None:  # fmt: skip
        assert isinstance(train_dataloader.batch_sampler, LengthBatches), "_batches made it"
        train_dataloader.batch_sampler.set_epoch(state.global_step // len(train_dataloader))


class PersonaTrainer(Trainer):
    """Trains on Examples, per_device_train_batch_size of them a step, `tokens_per_micro_batch` (0: as suits) at once.

    `should_stop` is checked between steps, and between the batches of a measure.
    `on_out_of_memory` is called with the tokens that go at once from now on. Raises JobError when the loss or a weight
    is no finite number; the last checkpoint is then still good.
    """

    def __init__(
        self,
        *args: Any,
        should_stop: Callable[[], bool],
        tokens_per_micro_batch: int = 0,
        on_out_of_memory: Callable[[int], None] = lambda tokens: None,
        loraplus_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.remove_callback(PrinterCallback)  # events.jsonl has it all
        self.add_callback(NextEpoch)
        self.should_stop = should_stop
        self.tokens_per_micro_batch = tokens_per_micro_batch or AT_ONCE.get(self.args.device.type, AT_ONCE["cuda"])
        self.on_out_of_memory = on_out_of_memory
        self.summed_loss = SummedLoss(self.trained)
        if self.args.device.type == "cpu":
            use_fast_dropout(self.trained)
        self.loraplus_ratio = loraplus_ratio
        self.seconds = 0.0
        """Time in training before this process, from the checkpoint it goes on from."""
        self._best: int | None = None
        self._began = time.monotonic()

    # transformers allows for any model and any data set, or none; what ours are is said here.
    @property
    def trained(self) -> torch.nn.Module:
        """The model that is trained."""
        assert isinstance(self.model, torch.nn.Module), "one is always given"
        return self.model

    @property
    def adapted(self) -> PeftModel:
        """The same, as the base with its adapter."""
        assert isinstance(self.model, PeftModel), "a run trains an adapter"
        return self.model

    @property
    def rows(self) -> Examples | StoredExamples:
        """What is learned from."""
        return cast(Examples | StoredExamples, self.train_dataset)

    @property
    def validation_rows(self) -> Examples | StoredExamples:
        """What is measured on."""
        return cast(Examples | StoredExamples, self.eval_dataset)

    @property
    def total_seconds(self) -> float:
        return self.seconds + time.monotonic() - self._began

    def get_train_dataloader(self) -> DataLoader:
        return self._batches(self.train_dataset, self.rows.lengths, self.data_collator)

    def _batches(self, rows: Any, lengths: Sequence[int], collate: Callable[[list[Any]], Inputs]) -> DataLoader:
        """This process' share of every step. Not prepared by accelerate, which would deal out whole steps."""
        state = PartialState()
        batches = LengthBatches(lengths, self.args.train_batch_size, self.args.seed,
                                rank=state.process_index, processes=state.num_processes)  # fmt: skip
        return DataLoader(rows, batch_sampler=batches, collate_fn=collate,
                          pin_memory=self.args.dataloader_pin_memory)  # fmt: skip

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW; with a LoRA+ ratio, one that gives the B matrices that many times the learning rate."""
        if self.optimizer is None and self.loraplus_ratio:
            adapted: Any = model or self.model
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args, adapted)
            self.optimizer = create_loraplus_optimizer(
                adapted, kind, loraplus_lr_ratio=self.loraplus_ratio, loraplus_weight_decay=self.args.weight_decay,
                **settings,
            )  # fmt: skip
        return super().create_optimizer(model)

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: Inputs,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Gradients of one step's rows, and their loss in nats a learned token.

        When memory runs out, the step is begun anew with half as many tokens at once: the same rows, the same
        random numbers, the same mean over them.
        """
        inputs = self._prepare_inputs(inputs)
        model.train()
        while (loss := self._try_step(model, inputs)) is None:
            pass
        if not math.isfinite(loss.item()):
            raise _not_finite(self.state.global_step)
        return loss

    def _try_step(self, model: torch.nn.Module, inputs: Inputs) -> torch.Tensor | None:
        """As `training_step`; None where memory ran out and less is tried next time."""
        lengths = inputs["attention_mask"].sum(1).tolist()
        random = _random_state()
        try:
            return self._gradients(model, inputs, lengths)
        except (RuntimeError, MemoryError) as error:
            if not self._halving_helps(error, lengths):
                raise
        # Beyond the except block: until here the error held the tensors of the step.
        model.zero_grad()
        _random_state(random)
        self._halve(lengths)
        return None

    def _halving_helps(self, error: Exception, lengths: Sequence[int]) -> bool:
        parts = micro_batches(lengths, self.tokens_per_micro_batch)
        return out_of_memory(error) and len(parts) < len(lengths) and self.args.world_size == 1

    def _halve(self, lengths: Sequence[int]) -> None:
        """Let half as many tokens through at once as of rows of these lengths, longest first, went until now."""
        parts = micro_batches(lengths, self.tokens_per_micro_batch)
        torch.cuda.empty_cache()
        self.tokens_per_micro_batch = max(lengths[at.start] * (at.stop - at.start) for at in parts) // 2
        self.on_out_of_memory(self.tokens_per_micro_batch)

    def _gradients(self, model: torch.nn.Module, inputs: Inputs, lengths: Sequence[int]) -> torch.Tensor:
        """Backward passes over the batch in parts; the summed loss divided by the learned tokens of the step."""
        labels = inputs["labels"][:, 1:]
        learned = inputs["weights"][:, 1:].sum() if "weights" in inputs else labels.ne(IGNORED).sum()
        learned = self.accelerator.reduce(learned.float())
        parts = micro_batches(lengths, self.tokens_per_micro_batch)
        total = torch.zeros((), device=labels.device)
        for number, at in enumerate(parts, start=1):
            some = {name: tensor[at, : lengths[at.start]] for name, tensor in inputs.items()}
            with nullcontext() if number == len(parts) else self.accelerator.no_sync(model):
                with self.computing():
                    # Several processes average their gradients: each one's share counts as often as there are.
                    loss = self.summed_loss(model, some) * self.accelerator.num_processes / learned
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Matrix products in the base's own precision, those of the adapter's float32 weights too."""
        mixed = self.accelerator.mixed_precision != "no"
        with disable_input_dtype_casting(self.trained, active=mixed), self.accelerator.autocast():
            yield

    def evaluate(self, *args: object, metric_key_prefix: str = "eval", **kwargs: object) -> dict[str, float]:
        """Measure what is held out; callbacks get `figures`, eval_ before each name."""
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in self.figures().items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def figures(self) -> dict[str, float]:
        """The validation rows' loss and bpb. Raises StopAsked when the run should stop."""
        found = self.measured()
        return {"loss": found.loss, "bpb": found.bpb}

    def measured(self) -> MeasuredLoss:
        """The validation loss of the weights as they are. Raises StopAsked when the run should stop."""
        while (found := self._try_measure()) is None:
            pass
        if not math.isfinite(found.loss):
            raise _not_finite(None)
        return found

    def _try_measure(self) -> MeasuredLoss | None:
        """As `measured`; None where memory ran out and less is tried next time."""
        state, rows, between = PartialState(), self.validation_rows, self._stop_if_asked
        if state.use_distributed:  # each measures a share, to its end
            rows, between = Examples(rows[state.process_index :: state.num_processes]), lambda: None
        lengths = sorted(rows.lengths, reverse=True)
        try:
            with self.computing():
                found = measure(self.trained, rows, self.data_collator, tokens=self.tokens_per_micro_batch,
                                device=self.args.device, between=between)  # fmt: skip
            return _over_all(found, rows) if state.use_distributed else found
        except (RuntimeError, MemoryError) as error:
            if not self._halving_helps(error, lengths):
                raise
        self._halve(lengths)
        return None

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise StopRequested

    @property
    def kept_step(self) -> int:
        """The step whose weights the model has: the last one, or the best once that is loaded."""
        return self.state.global_step if self._best is None else self._best

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self._best = self.state.best_global_step

    def save_now(self) -> None:
        """A checkpoint of the step that was last completed, as at a planned save."""
        self._save_checkpoint(self.trained, None)
        self.control = self.callback_handler.on_save(self.args, self.state, self.control)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Trainer's checkpoint, sealed; older ones go only when it is whole."""
        learned = [p for p in self.trained.parameters() if p.requires_grad]
        if not all(p.isfinite().all() for p in learned):
            raise _not_finite(self.state.global_step)
        folder = Path(self.args.output_dir or ".")
        check_room(folder, 3 * sum(p.nbytes for p in learned))  # and AdamW's two
        path = checkpoints.place(folder, self.state.global_step)
        if self.args.should_save:
            checkpoints.unseal(path)
        super()._save_checkpoint(model, trial)
        PartialState().wait_for_everyone()  # each writes the state of its random generators
        if self.args.should_save:
            checkpoints.seal(path, step=self.state.global_step, seconds=self.total_seconds)
            checkpoints.prune(folder, best=self.state.best_global_step if self.args.load_best_model_at_end else None)
        PartialState().wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Adapter weights alone: no look at the Hub for the base, no copy of its embeddings."""
        folder = output_dir or self.args.output_dir or "."
        self.adapted.save_pretrained(folder, state_dict=state_dict, save_embedding_layers=False)


def _over_all(found: MeasuredLoss, rows: Examples | StoredExamples) -> MeasuredLoss:
    """The measure of all processes' rows, from that of this one's."""
    learned, words = (sum(getattr(row, name) for row in rows) for name in ("loss_tokens", "words"))
    loss, bits, learned, words = reduce([found.loss * learned, found.bpb * words, learned, words])
    return MeasuredLoss(loss / max(learned, 1), bits / max(words, 1))


def _random_state(state: list[torch.Tensor] | None = None) -> list[torch.Tensor]:
    """The state of torch's generators, or `state` put back into them."""
    if state is None:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]
    torch.set_rng_state(state[0])
    if state[1:]:
        torch.cuda.set_rng_state_all(state[1:])
    return state


def _not_finite(step: int | None) -> JobError:
    where = (f" at step {step}", f"（ステップ {step}）") if step is not None else ("", "")
    return JobError(
        f"The loss is no longer a number{where[0]}: training has come apart. The last checkpoint is kept. "
        "Start again with a lower learning rate, or with precision bf16 or fp32.",
        f"損失が数値でなくなりました{where[1]}。学習が発散しています。直前のチェックポイントは残っています。"
        "学習率を下げるか、精度を bf16 か fp32 にして、もう一度始めてください。",
    )
