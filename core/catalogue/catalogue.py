"""The models people come for, and which of them this machine can hold.

The facts are in catalogue.json, each with where it was found; what could not be found is null and is
shown as unknown. Any other model can be loaded as well. Nothing here imports torch.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

DATA = Path(__file__).with_name("catalogue.json")
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

# What a newcomer is shown first, from small to large: made to follow instructions, and good at Japanese.
SUGGESTED = (
    "Qwen/Qwen3-0.6B", "sbintuitions/sarashina2.2-1b-instruct-v0.1", "llm-jp/llm-jp-3-1.8b-instruct",
    "google/gemma-2-2b-jpn-it", "rinna/japanese-gpt-neox-3.6b-instruction-ppo", "Qwen/Qwen3-4B",
)  # fmt: skip
SHOWN_FIRST = 4

Loading = Literal["native", "project", "remote"]
FitRating = Literal["fits", "tight", "too big", "unknown"]
Bits = Literal[4, 8, 16, 32]
BITS: tuple[Bits, ...] = (16, 8, 4)

# Bytes a weight takes. NF4 keeps one float32 scale for every 64 weights.
WEIGHT_BYTES: dict[int, float] = {32: 4, 16: 2, 8: 1, 4: 0.5 + 4 / 64, 2: 0.25}
# Python with torch and transformers is 0.35 GB, with peft 0.46 (measured on a CPU); CUDA's own share is of that order.
RUNTIME = 0.5e9
# Of a LoRA weight: itself, its gradient and Adam's two moments, all in float32.
ADAPTER_BYTES = 16
# Bytes per token and unit of width that a layer keeps for its backward pass, in 16 bits and without
# attention scores: Korthikanti et al. 2022, "Reducing Activation Recomputation", equation 1.
LAYER_BYTES = 34
# Bytes per token and word of the vocabulary at the loss: logits and their gradient in 16 bits, and in float32 with
# their logarithms (measured: 15.9).
LOGIT_BYTES = 16
LARGEST_WINDOW = 4096  # tokens: more of a context is rarely worth the memory of a small machine
# Of the memory there is, what a model may take without a care, and what it may take at all.
EASY, MOST = 0.8, 0.95


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue. None is "not known", never "no"."""

    id: str
    name: str
    architecture: str | None
    parameters: int | None
    layers: int | None
    width: int | None
    kv_width: int | None
    """Width of the keys, and of the values, of one token in one layer."""
    vocabulary: int | None
    tied: bool | None
    """Input and output embeddings are the same weights."""
    stored_bits: int | None
    """Bits a weight of its layers takes as published, where that is not 16."""
    context: int | None
    """Tokens it was made for."""
    licence: str | None
    gated: bool | None
    """Its terms have to be accepted on the Hub before it can be downloaded."""
    format: str | None
    """The layout of `prompt_templates/` for it; "model" is the chat template it brings."""
    loading: Loading
    """By transformers itself, by an implementation of this project, or only by code of its repository."""
    instead: str | None
    """What to load where it cannot be loaded."""
    notes: dict[str, str]
    """What to know before choosing it, by language."""
    sources: tuple[str, ...]

    @property
    def tried(self) -> tuple[str, str]:
        """What was tried with it and what could not be, in English and in Japanese.

        "A stand-in" is a tiny random model of its architecture with a tokenizer of its kind, which
        tests/models/test_architectures.py takes from a Hub to a trained adapter and back.
        """
        if self.loading == "remote":
            return ("Not tried: its architecture needs code of its own repository.",
                    "試していません。リポジトリ独自のコードが必要な構造です。")  # fmt: skip
        if self.id == "omokage-mini":
            return "Tried with its real weights.", "本物の重みで試しています。"
        untried = ("its published weights", "公開された重みそのもの")
        if self.stored_bits:
            untried = ("neither its published weights nor their packed form", "公開された重みと、その詰めた形式")
        en = "could be" if self.stored_bits else "could not be"
        return (f"Tried with a random stand-in of its architecture; {untried[0]} {en}.",
                f"同じ構造の小さなランダムモデルで確認しました。{untried[1]}は未確認です。")  # fmt: skip

    def memory(self, *, bits: Bits = 16, training: bool = False, context: int | None = None) -> int | None:
        """Bytes it takes (see `memory_for`), with the window that this app uses; None where it is not known.

        What is published in fewer bits is held in these, and is not trained.
        """
        known = (self.parameters, self.layers, self.width, self.context)
        if any(value is None for value in known) or (training and self.stored_bits):
            return None
        window = min(context or LARGEST_WINDOW, self.context)
        return memory_for(
            self.parameters, self.layers, self.width, context=window, bits=self.stored_bits or bits, training=training,
            kv_width=self.kv_width, vocabulary=self.vocabulary or 0, tied=bool(self.tied),
        )  # fmt: skip


@lru_cache(maxsize=1)
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the order to show them."""
    entries = json.loads(DATA.read_text(encoding="utf-8"))
    return tuple(CatalogueEntry(**entry | {"sources": tuple(entry["sources"])}) for entry in entries)


def suggestions(machine: "Machine") -> tuple[CatalogueEntry, ...]:
    """Up to SHOWN_FIRST models to begin with, small ones first: those that fit, in 4 bits where they have to."""
    listed = [entry for entry_id in SUGGESTED for entry in catalogue() if entry.id == entry_id]
    fitting = [entry for entry in listed if "fits" in fit_ratings(entry, machine).values()]
    return tuple((fitting or listed)[:SHOWN_FIRST])


def model_name(model: str) -> str:
    """The model's own name in a Hub id, a folder, or a folder of the Hub's cache."""
    parts = [part for part in re.split(r"[\\/]+", model) if part]
    cached = next((part for part in reversed(parts) if part.startswith("models--")), None)
    return cached.split("--")[-1] if cached else parts[-1] if parts else ""


def entry_of(model: str) -> CatalogueEntry | None:
    """The entry of a Hub id or of a folder that carries the model's name; None for any other model."""
    name = model_name(model).lower()
    return next((entry for entry in catalogue() if model_name(entry.id).lower() == name), None)


def memory_for(
    parameters: int,
    layers: int,
    width: int,
    *,
    context: int,
    bits: int = 16,
    training: bool = False,
    kv_width: int | None = None,
    vocabulary: int = 0,
    tied: bool = False,
    rank: int = 16,
    batch: int = 1,
) -> int:
    """An estimate of the bytes a model takes: to chat, or with `training` to learn a LoRA adapter.

    Chat: weights, keys and values of a full window, one layer at work. Training: weights, a rank-`rank`
    adapter on all linear layers with its gradient and AdamW's moments, the input of every layer of
    `batch` rows of `context` tokens (gradient checkpointing), one layer recomputed, and the logits.
    In 8 and 4 bits the embeddings stay in 16, as bitsandbytes leaves them.

    Tried on a CPU in bf16 against peak memory: LoRA steps of a 68 M Qwen3 on 256, 512 and 768 tokens took
    3, 2 and 2 % less than this, of a 120 M GPT-NeoX on 512 tokens 3 % more; a chat of the first with 2048
    tokens 16 % less. Quantised models and GPUs have not been measured.
    """
    embeddings = vocabulary * width * (1 if tied else 2)
    kept = embeddings if bits < 16 else 0
    weights = (parameters - kept) * WEIGHT_BYTES[bits] + kept * 2
    number = 4 if bits == 32 else 2
    tokens = batch * context
    working = tokens * width * LAYER_BYTES * number / 2
    if not training:
        cache = 2 * layers * (kv_width or width) * tokens * number
        return int(weights + cache + working + RUNTIME)
    adapter = adapter_parameters(parameters - embeddings, layers, width, rank=rank) * ADAPTER_BYTES
    inputs = layers * width * tokens * number
    logits = vocabulary * tokens * LOGIT_BYTES
    return int(weights + adapter + inputs + working + logits + RUNTIME)


def adapter_parameters(body: int, layers: int, width: int, *, rank: int) -> int:
    """About how many weights a LoRA adapter on all linear layers has.

    `body` are the parameters without embeddings. A layer is taken to be four matrices of width x width
    and three between the width and the inner width; with two of them, a wider one, the sum is the same
    within a tenth.
    """
    inner = max(width, (body / layers - 4 * width**2) / (3 * width))
    return int(rank * layers * (4 * 2 * width + 3 * (width + inner)))


@dataclass(frozen=True)
class Machine:
    """Where models run here, in bytes. `vram` is None without a GPU that has memory of its own."""

    ram: int
    vram: int | None = None

    @property
    def memory(self) -> int:
        """What a model has to fit in."""
        return self.ram if self.vram is None else self.vram


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """The memory of this machine, within what a container allows. Asks nvidia-smi, not torch."""
    import psutil

    limits = [psutil.virtual_memory().total, *_container_limits()]
    return Machine(min(limits), max(_nvidia_memory(), default=None))


def fits(need: int | None, machine: Machine) -> FitRating:
    """Whether `need` bytes have room: "tight" leaves other programs little, or needs them closed."""
    if need is None:
        return "unknown"
    if need <= EASY * machine.memory:
        return "fits"
    return "tight" if need <= MOST * machine.memory else "too big"


def fit_ratings(entry: CatalogueEntry, machine: Machine, *, training: bool = False) -> dict[Bits, FitRating]:
    """The mark of a model for each number of bits it can be held in."""
    return {bits: fits(entry.memory(bits=bits, training=training), machine) for bits in BITS}


def _container_limits() -> Iterator[int]:
    for path in CGROUP_LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdigit():  # "max" is no limit
            yield int(text)


def _nvidia_memory() -> list[int]:
    """Bytes of each NVIDIA GPU; empty without one, or where its driver does not answer."""
    if not (tool := shutil.which("nvidia-smi")):
        return []
    ask = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(line) << 20 for line in answer.split() if line.isdigit()]
