"""What a training will take, before it starts: memory and time, from the model's shape and the settings.

Nothing is loaded for it, so it can be asked for every model of the catalogue. On a CPU, LoRA steps of the embedded
model took 970 MB with 1,024 tokens at once and 1,360 MB with 4,096, where this says 1,000 and 1,380; those of a
random Qwen3 of 91 M parameters 1,640 MB, where this says 1,430 (benchmarks/estimate.py, benchmarks/training.py). No
GPU and no quantised base was measured. Imports torch late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.catalogue.catalogue import ADAPTER_BYTES, WEIGHT_BYTES, adapter_parameters, this_machine
from core.models.precision import OVERFLOW
from core.models.sizing.dims import ModelDims
from core.train.config.train_config import TrainConfig
from core.train.worker.rows import Example

GB = 1e9
# Python with torch, transformers, peft and the Trainer, before a model is loaded (measured on a CPU). CUDA's share
# of a card is of that order.
RUNTIME = 0.75 * GB
SCORING = {False: 0.1 * GB, True: 0.8 * GB}  # on a CPU, on a GPU: a chunk of logits, their gradient, the optimizer
# Padded tokens at once where the trainer decides (core.train.worker.trainer.AT_ONCE), by whether there is a GPU.
AT_ONCE = {False: 1024, True: 8192}
FREE = 0.9  # share of the memory that a training may fill
# Share of a bare matrix product's speed that a whole training step reaches (0.39 by benchmarks/training.py).
EFFICIENCY = 0.4


@dataclass(frozen=True)
class Device:
    """Where it will be trained."""

    memory: int
    """Bytes of the GPU, or of the machine where there is none."""
    gpu: bool
    bf16: bool
    """It computes in bfloat16 itself."""

    def bits(self, shape: ModelDims, config: TrainConfig) -> int:
        """Bits of the numbers that it computes in under `precision`."""
        if config.precision == "fp32":
            return 32
        if config.precision == "auto" and not self.bf16:
            return 16 if self.gpu and not shape.type.startswith(OVERFLOW) else 32
        return 16


@lru_cache(maxsize=1)
def this_device() -> Device:
    """The device that trainings run on here."""
    import torch

    machine = this_machine()
    if torch.cuda.is_available():
        memory = machine.vram or torch.cuda.get_device_properties(0).total_memory
        return Device(memory, True, torch.cuda.is_bf16_supported(including_emulation=False))
    fast = {"avx512_bf16", "amx_bf16"} & {name for name, has in torch.cpu.get_capabilities().items() if has is True}
    return Device(machine.ram, False, bool(fast))


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
    """Bytes at the peak of a training.

    The frozen weights; the adapter with its gradient and AdamW's moments in float32; what the layers keep for the
    backward pass, or with gradient checkpointing their inputs and one layer; a chunk of logits.
    """
    bits = device.bits(shape, config)
    number = bits // 8
    held = {"none": bits, "8bit": 8, "4bit": 4}[config.quantization]
    kept = shape.embeddings if held < 16 else 0
    weights = (shape.parameters - kept) * WEIGHT_BYTES[held] + kept * number
    if held < 16:  # a layer's matrix is unpacked to compute with it
        weights += 2 * shape.width * shape.inner * number
    rank = config.rank * (1.2 if config.dora else 1.0)
    body = shape.parameters - shape.embeddings
    adapter = rank * adapter_parameters(body, shape.layers, shape.width, rank=1) * ADAPTER_BYTES
    tokens = max(
        config.tokens_per_micro_batch or AT_ONCE[device.gpu], min(config.max_length, shape.context or config.max_length)
    )
    layer = _kept_by_a_layer(shape, config, number) + (0 if device.gpu else _scores(shape, config))
    if config.gradient_checkpointing:
        activations = tokens * (shape.layers * shape.width * number + layer)
    else:
        activations = tokens * shape.layers * layer
    return int(weights + adapter + activations + SCORING[device.gpu] + RUNTIME)


def _kept_by_a_layer(shape: ModelDims, config: TrainConfig, number: int) -> float:
    """Bytes a token that one layer keeps: inputs of norms in float32, of every linear layer, of the attention."""
    width, inner = shape.width, shape.inner
    kept = 8 * width + number * (6 * width + 2 * shape.kv_width + 4 * inner)
    dropped = (number + 1) * (6 * width + inner) if config.dropout else 0  # each linear layer's own, and its mask
    return kept + dropped


def _scores(shape: ModelDims, config: TrainConfig) -> float:
    """Bytes a token that a layer's attention keeps on a CPU (core.train.worker.attention), with heads of 64."""
    return 0.75 * 2 * (shape.width / 64) * min(config.max_length, 512)


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
    """About how long a training takes on this machine, by the speed of a matrix product of the model's width."""
    rate = matmul_rate(shape.width, shape.inner, device.bits(shape, config))
    return operations(shape, config, rows, validation) / (EFFICIENCY * rate)


@lru_cache(maxsize=16)
def matmul_rate(width: int, inner: int, bits: int, *, tokens: int = 1024) -> float:
    """Operations a second of a bare matrix product on this machine's device, the best of a few tries."""
    import time

    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = torch.float32 if bits == 32 else torch.bfloat16 if device == "cpu" else torch.float16
    x, w = (torch.randn(size, device=device, dtype=kind) for size in ((tokens, width), (width, inner)))
    best = float("inf")
    for _ in range(8):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(4):
            x @ w
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - began) / 4)
    return 2 * tokens * width * inner / best
