"""Everything a run needs, loaded and set: base, rows, adapter, trainer. Imports the heavy libraries late."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.rows import read_rows
from core.errors import InputError
from core.prompt import PromptConfig
from core.prompt.chat_template import definite_template
from core.prompt.stop import eos_token_id, pad_token_id
from core.train.config.train_config import Scheduler
from core.train.events import Encoding, Notice, append
from core.train.spec import JobSpec, RunFolder
from core.train.worker.encoded import encode_file
from core.train.worker.rows import EncodedRows, Examples, RowEncoder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import TrainingArguments

    from core.train.preference.config import PairExample
    from core.train.preference.dpo import PreferenceTrainer
    from core.train.preference.pairs import Pairs
    from core.train.worker.base import Base
    from core.train.worker.report import Report, Stop
    from core.train.worker.rows import Example
    from core.train.worker.samples import Samples
    from core.train.worker.trainer import PersonaTrainer

TELL_SECONDS = 1.0  # between two words on how far the reading of rows is


@dataclass(frozen=True)
class TrainingSetup:
    """What a run has loaded."""

    spec: JobSpec
    prompt_config: PromptConfig
    base: "Base"
    model: "PeftModel"
    """The base with the adapter as the run begins it."""
    rows: EncodedRows
    """Of a preference run, none: it learns from `pairs`."""
    validation: EncodedRows
    pairs: "Pairs | None" = None

    @property
    def examples(self) -> "Sequence[Example | PairExample]":
        """What is learned from."""
        return self.pairs.train if self.pairs else self.rows.examples

    @property
    def loss_tokens(self) -> int:
        """Tokens with loss in one epoch."""
        return sum(pair.loss_tokens for pair in self.pairs.train) if self.pairs else self.rows.loss_tokens

    @property
    def loss_bytes(self) -> int:
        """UTF-8 bytes of the words behind them; 0 for pairs, whose loss is not of words."""
        return 0 if self.pairs else self.rows.examples.loss_bytes

    @property
    def tokens(self) -> int:
        """All tokens of one epoch."""
        return sum(len(pair.ids) for pair in self.pairs.train) if self.pairs else sum(self.rows.examples.lengths)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run, as Trainer counts them."""
        config = self.spec.config
        return -(-len(self.examples) // config.batch_size) * config.epochs


def load(folder: RunFolder, should_stop: Callable[[], bool] = lambda: False) -> TrainingSetup:
    """Base, adapter and rows of the run; for a preference run the pairs, which are made here.

    Raises AppError when one of them cannot be used, and StopRequested when `should_stop` says so on the way.
    """
    from core.train.worker.base import load_base, with_adapter

    spec = folder.read_spec()
    base = load_base(spec)
    prompt_config = replace(spec.prompt_config, template=definite_template(base.tokenizer, spec.prompt_config.template))
    window = min(spec.config.max_length, base.window)
    if window < spec.config.max_length:
        append(folder.events, Notice(
            f"The model reads {window} tokens at once: rows are cut to that instead of {spec.config.max_length}.",
            f"モデルが一度に読めるのは {window} トークンなので、{spec.config.max_length} ではなくそこで区切ります。",
        ))  # fmt: skip
    model = with_adapter(base, spec.config, folder.start if folder.start.is_dir() else None)
    source = encode_dataset(folder, spec)

    def encoded(part: str, **how: Any) -> EncodedRows:
        encoder = RowEncoder(prompt_config, base.tokenizer, max_length=window, **how)
        return encode_file(source / f"{part}.jsonl", encoder, folder.encoded, _telling(folder, should_stop))

    if spec.preference:
        pairs = _pairs(folder, spec, replace(prompt_config, context_window=window), base, model, should_stop)
        return TrainingSetup(spec, prompt_config, base, model, EncodedRows(Examples()), encoded("validation"), pairs)
    rows = encoded("train", loss_on=spec.config.loss_on, context_weight=spec.config.prompt_loss_weight)
    _tell_rows(folder, rows, window)
    return TrainingSetup(spec, prompt_config, base, model, rows, encoded("validation"))


def _pairs(
    folder: RunFolder, spec: JobSpec, prompt_config: PromptConfig, base: "Base", model: "PeftModel",
    should_stop: Callable[[], bool],
) -> "Pairs":  # fmt: skip
    import torch

    from core.train.preference.pairs import PairMaker

    assert spec.preference is not None, "only a preference run has pairs"
    if torch.cuda.is_available() and spec.config.quantization == "none":
        model.cuda()
    source = encode_dataset(folder, spec)
    maker = PairMaker(folder, source, prompt_config, model, base.tokenizer, spec.preference, spec.config, should_stop)
    return maker.make()


def _telling(folder: RunFolder, should_stop: Callable[[], bool]) -> Callable[[int, int], None]:
    """Hears how far the reading of rows is, and says so where it takes long. Raises StopRequested if asked to."""
    from core.train.worker.trainer import StopRequested

    reported_at = time.monotonic()

    def hear(rows: int, of: int) -> None:
        nonlocal reported_at
        if should_stop():
            raise StopRequested
        if time.monotonic() - reported_at > TELL_SECONDS:
            reported_at = time.monotonic()
            append(folder.events, Encoding(rows, of))

    return hear


def encode_dataset(folder: RunFolder, spec: JobSpec) -> Path:
    """Where the rows are: kept with the run by the queue, else where the spec says."""
    return folder.dataset if folder.dataset.is_dir() else spec.dataset


def _tell_rows(folder: RunFolder, rows: EncodedRows, window: int) -> None:
    if not rows.loss_tokens:
        raise InputError(
            "There is nothing to learn: no row of the data set holds words of the persona that fit in "
            f"{window} tokens. Choose who the persona is again in the Data tab, or raise the maximum length.",
            f"学習できるものがありません。{window} トークンに収まる人格の発言がデータセットに 1 つもありません。"
            "データのタブで人格を選び直すか、最大長を大きくしてください。",
        )
    if rows.truncated:
        append(
            folder.events,
            Notice(
                f"{rows.truncated} rows exceeded {window} tokens with this model's tokenizer and were split.",
                f"{rows.truncated} 行がこのモデルでは {window} トークンを超えたので、複数の行に分けました。",
            ),
        )
    if rows.too_long:
        append(
            folder.events,
            Notice(
                f"{rows.too_long} turns of the persona are longer than {window} tokens and are not learned.",
                f"人格の {rows.too_long} 個の発言は {window} トークンより長いため、学習しません。",
            ),
        )


def trainer_for(folder: RunFolder, work: TrainingSetup, stop: "Stop") -> "tuple[PersonaTrainer, Report]":
    """The run's trainer, which tells its progress through the report.

    Raises StopAsked when the run should stop while the reference of a preference run is taken.
    """
    from transformers import EarlyStoppingCallback

    from core.train.worker.batches import Collate
    from core.train.worker.report import Report
    from core.train.worker.trainer import PersonaTrainer

    config, args, report = work.spec.config, _arguments(folder, work), Report(folder, stop)
    tokenizer = work.base.tokenizer
    pad = pad_token_id(tokenizer)
    pad = pad if pad is not None else eos_token_id(tokenizer) or 0
    settings: dict[str, Any] = {
        "data_collator": Collate(pad), "train_dataset": work.examples, "eval_dataset": work.validation.examples,
        "callbacks": [
            report, _samples(folder, work, args),
            *([EarlyStoppingCallback(config.patience)] if args.load_best_model_at_end else []),
        ],
        "should_stop": stop.should_stop, "tokens_per_micro_batch": config.tokens_per_micro_batch,
        "loraplus_ratio": config.loraplus_ratio,
    }  # fmt: skip
    if work.pairs is None:
        return PersonaTrainer(work.model, args, **settings), report
    return _preference_trainer(work, work.pairs, args, settings, pad), report


def _preference_trainer(
    work: TrainingSetup, pairs: "Pairs", args: "TrainingArguments", settings: dict[str, Any], pad: int
) -> "PreferenceTrainer":
    from accelerate import PartialState

    from core.train.preference.dpo import CollatePairs, PreferenceTrainer

    if PartialState().use_distributed:
        raise InputError(
            "Preferences are learned by one process: start this run without torchrun or accelerate.",
            "好みの学習は 1 つのプロセスで行います。torchrun や accelerate を使わずに始めてください。",
        )
    assert work.spec.preference is not None, "only a preference run has pairs"
    trainer = PreferenceTrainer(
        work.model, args, beta=work.spec.preference.beta, collate_pairs=CollatePairs(pad),
        validation_pairs=pairs.validation, **settings,
    )  # fmt: skip
    trainer.take_reference()
    return trainer


def _samples(folder: RunFolder, work: TrainingSetup, args: "TrainingArguments") -> "Samples":
    """Openings of validation rows, or of training rows where none are held out."""
    from core.train.worker.samples import Samples, openings

    config, source, tokenizer = work.spec.config, encode_dataset(folder, work.spec), work.base.tokenizer
    prompt_config = replace(work.prompt_config, context_window=min(config.max_length, work.base.window))
    part = "validation" if work.validation.examples else "train"
    asked = openings(read_rows(source / f"{part}.jsonl"), prompt_config, tokenizer, count=config.samples)
    return Samples(folder, tokenizer, prompt_config, asked, every=config.sample_every or int(args.eval_steps or 1))


def _measures(work: TrainingSetup) -> int:
    """How often to look at the validation rows: ten times, or less where that would take over a fifth of the time.

    A measure is a forward pass, about a third of what training on as many tokens takes.
    """
    validation = sum(work.validation.examples.lengths)
    return max(4, min(10, round(0.6 * work.spec.config.epochs * work.tokens / max(validation, 1))))


def _arguments(folder: RunFolder, work: TrainingSetup) -> "TrainingArguments":
    import torch
    from transformers import TrainingArguments

    config, steps, gpu = work.spec.config, work.steps, torch.cuda.is_available()
    eval_every = config.eval_every or max(1, steps // _measures(work))
    measured = bool(work.validation.loss_tokens)
    warm = round(config.warmup_ratio * steps)
    return TrainingArguments(
        output_dir=str(folder.checkpoints),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        **_schedule(config.scheduler, steps),
        warmup_steps=warm,
        max_grad_norm=config.max_grad_norm,
        neftune_noise_alpha=config.neftune_alpha or None,
        seed=config.seed,
        use_cpu=not gpu and not torch.backends.mps.is_available(),
        bf16=work.base.precision == "bf16" and not torch.backends.mps.is_available(),
        fp16=gpu and work.base.precision == "fp16",
        logging_steps=max(1, steps // 400),
        logging_nan_inf_filter=False,  # it would hide that training has come apart
        include_num_input_tokens_seen="non_padding",
        eval_strategy="steps" if measured else "no",
        eval_steps=eval_every,
        save_steps=config.save_every or eval_every,
        load_best_model_at_end=measured and config.patience > 0,
        metric_for_best_model="loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        dataloader_pin_memory=gpu,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
    )


def _schedule(name: Scheduler, steps: int) -> dict[str, Any]:
    """TrainingArguments for one of our schedules."""
    more: dict[str, dict[str, object]] = {
        "cosine_with_min_lr": {"min_lr_rate": 0.1},
        "warmup_stable_decay": {"num_decay_steps": max(1, steps // 5)},
    }
    kind = "constant_with_warmup" if name == "constant" else name
    return {"lr_scheduler_type": kind, "lr_scheduler_kwargs": more.get(name, {})}
