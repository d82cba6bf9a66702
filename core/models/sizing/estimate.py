"""What talking and training take: the one estimate of memory and time, from a model's dimensions alone.

The catalogue's picker, the Train page, `python -m core.models` and `python -m core.train` all ask here.
benchmarks/estimate.py holds it against measured peaks on a CPU; neither a GPU nor a quantised base was measured.
Imports torch late.
"""

from dataclasses import dataclass
from functools import lru_cache

from core.models.sizing.dims import ModelDims

# Bytes a weight takes. NF4 keeps one float32 scale for every 64 weights.
WEIGHT_BYTES: dict[int, float] = {32: 4, 16: 2, 8: 1, 4: 0.5 + 4 / 64, 2: 0.25}
# Python with torch and transformers, and the Trainer with peft, accelerate and datasets beside them, before a model
# is loaded (measured on a CPU). CUDA's share of a card is of that order.
TALKING_RUNTIME, TRAINING_RUNTIME = 0.4e9, 0.75e9
# Of a LoRA weight: itself, its gradient and Adam's two moments, all in float32.
ADAPTER_BYTES = 16
# Bytes per token and unit of width at work in one layer in 16 bits, without attention scores: Korthikanti et al.
# 2022, "Reducing Activation Recomputation", equation 1.
LAYER_BYTES = 34
# Bytes of float32 logits that the loss holds at once (core.train.worker.loss.CHUNK), on a CPU and on a GPU. Their
# logarithms, gradient and copies in the head's own dtype make it about four times as much.
LOGITS = {False: 16 << 20, True: 256 << 20}
LOGIT_COPIES = 4
# Padded tokens at once where the trainer decides (core.train.worker.trainer.AT_ONCE).
TOKENS_PER_MICRO_BATCH = {False: 1024, True: 8192}
BLOCKED_UP_TO = (
    512  # tokens of a row whose attention scores are kept on a CPU in bfloat16 (core.train.worker.attention)
)
# Share of a bare matrix product's speed that a whole training step reaches (0.39 by benchmarks/training.py).
EFFICIENCY = 0.4
RANK, ROW = 16, 1024  # rank and longest row of a training that nothing else is known of


@dataclass(frozen=True)
class TrainingLoad:
    """What of the settings decides how much memory a training takes."""

    tokens: int = ROW
    """Padded tokens in one forward pass."""
    length: int = ROW
    """Of the longest row, in tokens."""
    held_bits: int = 16
    """Bits of the frozen weights."""
    compute_bits: int = 16
    """Bits of the activations, and of embeddings where the weights are quantised."""
    rank: float = RANK
    dropout: bool = True
    gradient_checkpointing: bool = False
    gpu: bool = False


def weight_memory(dims: ModelDims, held_bits: int, compute_bits: int = 16) -> float:
    """Bytes of the weights. In 8 and 4 bits the embeddings stay in `compute_bits`, as bitsandbytes leaves them."""
    if held_bits >= 16:
        return dims.parameters * WEIGHT_BYTES[held_bits]
    return (dims.parameters - dims.embeddings) * WEIGHT_BYTES[held_bits] + dims.embeddings * compute_bits / 8


def talking_memory(dims: ModelDims, *, bits: int = 16, context: int | None = None) -> int:
    """Bytes at the peak of a chat with a window of `context` tokens.

    Weights, keys and values of the full window, one layer at work on it, and the largest matrix once more in 16
    bits: as it comes from its file, or as oneDNN orders it anew for the processor.
    """
    tokens = dims.clipped(context)
    number = 4 if bits == 32 else 2
    largest = 2 * max(dims.vocabulary * dims.width, dims.width * dims.inner)
    cache = 2 * dims.layers * dims.kv_width * tokens * number
    working = tokens * dims.width * LAYER_BYTES * number / 2
    return int(weight_memory(dims, bits) + largest + cache + working + TALKING_RUNTIME)


def training_memory(dims: ModelDims, load: TrainingLoad) -> int:
    """Bytes at the peak of training a LoRA adapter on all linear layers.

    The frozen weights, whose embeddings have no gradient; the adapter with its gradient and AdamW's moments; what
    the layers keep for the backward pass, or with gradient checkpointing their inputs and one layer; one layer at
    work; and a chunk of logits, however large the vocabulary and the batch.
    """
    number = load.compute_bits // 8
    weights = weight_memory(dims, load.held_bits, load.compute_bits)
    if load.held_bits < 16:  # a layer's matrix is unpacked to compute with it
        weights += 2 * dims.width * dims.inner * number
    body = dims.parameters - dims.embeddings
    adapter = load.rank * adapter_parameters(body, dims.layers, dims.width, rank=1) * ADAPTER_BYTES
    layer = _kept_by_a_layer(dims, load, number)
    kept = dims.layers * dims.width * number + layer if load.gradient_checkpointing else dims.layers * layer
    scoring = LOGIT_COPIES * max(LOGITS[load.gpu], 4 * dims.vocabulary)
    return int(weights + adapter + load.tokens * (kept + layer) + scoring + TRAINING_RUNTIME)


def _kept_by_a_layer(dims: ModelDims, load: TrainingLoad, number: int) -> float:
    """Bytes per token that a layer keeps for its backward pass.

    The inputs of its norms in float32; queries, keys, values and what attention makes of them; gate, up and their
    product in the MLP; and what LoRA reads, where dropout gives each linear layer an input and a mask of its own.
    """
    width, inner = dims.width, dims.inner
    sandwich = dims.type.startswith(("gemma2", "gemma3"))  # a norm behind attention and MLP, too
    norms = 4 * (4 if sandwich else 2) * width
    attention = number * (2 * width + 2 * dims.kv_width)
    read = 2 * number * (6 * width + inner) if load.dropout else number * (3 * width + inner)
    scores = 0.0
    if not load.gpu and number == 2 and load.length <= BLOCKED_UP_TO:  # in two halves, three quarters of all pairs
        scores = 0.75 * number * (width / 64) * load.length
    return norms + attention + 3 * number * inner + read + scores


def adapter_parameters(body: int, layers: int, width: int, *, rank: int) -> int:
    """About how many weights a LoRA adapter on all linear layers has.

    `body` are the parameters without embeddings. A layer is taken to be four matrices of width x width
    and three between the width and the inner width; with two of them, a wider one, the sum is the same
    within a tenth.
    """
    inner = max(width, (body / layers - 4 * width**2) / (3 * width))
    return int(rank * layers * (4 * 2 * width + 3 * (width + inner)))


def training_seconds(dims: ModelDims, operations: float, compute_bits: int) -> float:
    """Seconds that `operations` take here, about, by the speed of a matrix product of the model's width."""
    return operations / (EFFICIENCY * matmul_rate(dims.width, dims.inner, compute_bits))


@lru_cache(maxsize=16)
def matmul_rate(width: int, inner: int, bits: int, *, tokens: int = 1024) -> float:
    """Floating point operations per second of a bare matrix product on this machine's device, the best of a few."""
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
            torch.matmul(x, w)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - began) / 4)
    return 2 * tokens * width * inner / best
