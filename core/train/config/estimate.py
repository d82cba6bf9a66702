"""What a training will take, before it starts: `core.models.sizing.estimate`, asked with the settings.

Nothing is loaded for it, so it can be asked for every model of the catalogue. Imports torch late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.models import precision
from core.models.precision import OVERFLOW
from core.models.sizing import estimate
from core.models.sizing.dims import ModelDims
from core.models.sizing.estimate import TOKENS_PER_MICRO_BATCH, TrainingLoad
from core.models.sizing.machine import this_machine
from core.train.config.train_config import TrainConfig
from core.train.worker.rows import Example

GB = 1e9
FREE = 0.9  # share of the memory that a training may fill


@dataclass(frozen=True)
class Device:
    """Where it will be trained."""

    memory: int
    """Bytes of the GPU, or of the machine without one."""
    gpu: bool
    bf16: bool
    """It computes in bfloat16 at full speed."""

    def bits(self, shape: ModelDims, config: TrainConfig) -> int:
        """Bits of the numbers that it computes in under `precision`."""
        if config.precision == "fp32":
            return 32
        if config.precision == "auto" and not self.bf16:
            return 16 if self.gpu and not shape.type.startswith(OVERFLOW) else 32
        if config.precision == "auto" and not self.gpu and shape.parameters < precision.TRAINED_IN_FLOAT32_BELOW:
            return 32
        return 16


@lru_cache(maxsize=1)
def this_device() -> Device:
    """The device that trainings run on here."""
    import torch

    machine = this_machine()
    if torch.cuda.is_available():
        memory = machine.vram or torch.cuda.get_device_properties(0).total_memory
        return Device(memory, True, torch.cuda.is_bf16_supported(including_emulation=False))
    return Device(machine.ram, False, precision.cpu_speeds().trains_in == "bf16")


@dataclass(frozen=True)
class RowLengths:
    """How long the rows are, in tokens."""

    count: int
    mean: float
    longest: int
    learned: float
    """Mean of the tokens that carry loss."""

    @classmethod
    def of(cls, examples: Sequence[Example], count: int) -> "RowLengths":
        """Of a data set of `count` rows, by some of them."""
        lengths = [len(example.ids) for example in examples] or [1]
        learned = sum(example.loss_tokens for example in examples)
        return cls(count, sum(lengths) / len(lengths), max(lengths), learned / len(lengths))


def training_memory(shape: ModelDims, config: TrainConfig, device: Device) -> int:
    """Bytes at the peak of a training with these settings."""
    bits = device.bits(shape, config)
    length = min(config.max_length, shape.context or config.max_length)
    return estimate.training_memory(shape, TrainingLoad(
        tokens=max(config.tokens_per_micro_batch or TOKENS_PER_MICRO_BATCH[device.gpu], length),
        length=length,
        held_bits={"none": bits, "8bit": 8, "4bit": 4}[config.quantization],
        compute_bits=bits,
        rank=config.rank * (1.2 if config.dora else 1.0),
        dropout=bool(config.dropout),
        gradient_checkpointing=config.gradient_checkpointing,
        gpu=device.gpu,
    ))  # fmt: skip


def operations(
    shape: ModelDims, config: TrainConfig, rows: RowLengths, validation: RowLengths | None = None, *, measures: int = 10
) -> float:
    """Floating point operations of a whole training: forward, backward to the inputs, and the validation measures."""
    body, head = shape.parameters - shape.embeddings, shape.vocabulary * shape.width
    passes = 6 if config.gradient_checkpointing else 4
    learned = rows.learned * (0.5 if config.loss_on == "last_reply" else 1.0)
    total = config.epochs * rows.count * (passes * body * rows.mean + 4 * head * learned)
    if validation:
        total += measures * validation.count * 2 * (body * validation.mean + head * validation.learned)
    return total


def training_seconds(
    shape: ModelDims, config: TrainConfig, device: Device, rows: RowLengths, validation: RowLengths | None = None
) -> float:
    """About how long a training takes on this machine."""
    total = operations(shape, config, rows, validation)
    return estimate.training_seconds(shape, total, device.bits(shape, config))
