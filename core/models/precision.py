"""Which numbers a model is held in, for talking and for training: the one place that decides.

On a CPU by a short measurement of what each spends most on: training and reading a prompt on matrix products,
speaking on fetching the weights. On a GPU by what it computes in and what the architecture is safe with. Imports
torch late.
"""

import logging
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import InputError
from core.files import read_json, write_json
from core.models.options import Quantization
from core.models.sizing.machine import EASY, this_machine
from core.settings import Settings
from core.text import Text

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedConfig, PreTrainedModel

log = logging.getLogger(__name__)

Float = Literal["fp32", "bf16", "fp16"]
Use = Literal["talking", "training"]

# Parameters under which a CPU is not faster in bfloat16: of 6.8 M, a LoRA step is, 2,920 tokens a second against
# 2,320 with rows of 900 tokens, 3,750 against 3,310 with rows of 450 (2 cores with AVX-512 BF16).
TRAINED_IN_FLOAT32_BELOW = 5e6
# The weights of a smaller one stay in the processor's cache, where the measurement of fetching them says nothing.
SPOKEN_IN_FLOAT32_BELOW = 20e6
SPOKEN_IN_FLOAT32_ON_MPS = 300e6  # parameters; from there on bfloat16 halves the memory
# A turn of a chat, to weigh reading against speaking: what is new of the prompt, and the reply.
READ, SPOKEN = 64, 64  # tokens
TRIES = 6
CLEARLY = 1.1  # times as fast, before bfloat16 is worth its rounding
# Trained in bfloat16 with activations beyond 65,504, which is all that float16 can hold: they answer with NaN.
OVERFLOW = ("gemma", "recurrent_gemma")


def overflows_in_float16(config: "PreTrainedConfig") -> bool:
    """Whether models of this architecture must not be held or computed in float16."""
    return str(config.model_type).startswith(OVERFLOW)


def device_name() -> str:
    """The best device of this machine: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def bfloat16_on_gpu() -> bool:
    """Whether the GPU computes in bfloat16 itself; older ones, such as Colab's T4, only imitate it."""
    import torch

    return torch.cuda.is_bf16_supported(including_emulation=False)


@dataclass(frozen=True)
class CpuSpeeds:
    """What this processor reaches in float32 and bfloat16."""

    matmul: dict[str, float]
    """Floating point operations per second of a matrix product, by "fp32" and "bf16"."""
    fetch: dict[str, float]
    """Weights per second of a matrix times one vector, by the same."""
    measured: bool = True

    @property
    def trains_in(self) -> Float:
        """The faster one at matrix products."""
        return "bf16" if self.matmul["bf16"] >= CLEARLY * self.matmul["fp32"] else "fp32"

    @property
    def talks_in(self) -> Float:
        """The one with the shorter turn: READ tokens of the prompt, then SPOKEN of the reply."""
        turn = {kind: 2 * READ / self.matmul[kind] + SPOKEN / self.fetch[kind] for kind in ("fp32", "bf16")}
        return "bf16" if turn["fp32"] >= CLEARLY * turn["bf16"] else "fp32"


@dataclass(frozen=True)
class PrecisionChoice:
    """The numbers a model is held in, and why."""

    name: Float
    reason: Text

    @property
    def dtype(self) -> "torch.dtype":
        """As torch calls it."""
        return torch_dtype(self.name)


def torch_dtype(name: str) -> "torch.dtype":
    """torch's dtype of "fp32", "bf16" or "fp16"."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def choose_precision(use: Use, model_type: str, parameters: float, device: str | None = None) -> PrecisionChoice:
    """The numbers for weights that are not quantised, and for the work with those that are.

    `device` is "cuda", "mps" or "cpu", and this machine's best where it is not given.
    """
    device = device or device_name()
    if device == "cuda":
        return _on_gpu(model_type)
    below = TRAINED_IN_FLOAT32_BELOW if use == "training" else SPOKEN_IN_FLOAT32_BELOW
    if parameters < below:
        return PrecisionChoice(
            "fp32",
            Text(
                "float32: a model this small gains nothing from bfloat16.",
                "float32: この大きさのモデルでは bfloat16 にしても速くなりません。",
            ),
        )
    if device == "mps":  # not measured: memory decides what is spoken in
        reason = Text("As suits Apple's GPUs by the model's size; not measured.",
                      "Apple の GPU に合わせて大きさで選びました（未計測）。")  # fmt: skip
        return PrecisionChoice(
            "bf16" if use == "talking" and parameters >= SPOKEN_IN_FLOAT32_ON_MPS else "fp32", reason
        )
    speeds = cpu_speeds()
    name = speeds.trains_in if use == "training" else speeds.talks_in
    if use == "talking" and name == "fp32" and 4 * parameters > EASY * this_machine().ram:
        return PrecisionChoice("bf16", Text("bfloat16: in float32 the model would not fit in memory.",
                                        "bfloat16: float32 ではメモリに収まりません。"))  # fmt: skip
    return PrecisionChoice(name, _reason(use, name, speeds))


def _on_gpu(model_type: str) -> PrecisionChoice:
    if bfloat16_on_gpu():
        return PrecisionChoice("bf16", Text("bfloat16: the GPU computes in it.", "bfloat16: GPU が対応しています。"))
    if model_type.startswith(OVERFLOW):
        return PrecisionChoice(
            "fp32",
            Text(
                "float32: this GPU has no bfloat16, and the model overflows in float16.",
                "float32: この GPU に bfloat16 はなく、モデルは float16 で桁あふれします。",
            ),
        )
    return PrecisionChoice(
        "fp16", Text("float16: this GPU has no bfloat16.", "float16: この GPU には bfloat16 がありません。")
    )


def _reason(use: Use, name: Float, speeds: CpuSpeeds) -> Text:
    called, other = ("bfloat16", "float32") if name == "bf16" else ("float32", "bfloat16")
    if not speeds.measured:
        return Text(f"{called}, by what the processor says of itself.", f"{called}: CPU の対応命令から選びました。")
    slower = "fp32" if name == "bf16" else "bf16"
    times = f"{speeds.matmul[name] / speeds.matmul[slower]:.1f}", f"{speeds.fetch[name] / speeds.fetch[slower]:.1f}"
    if use == "training":
        return Text(f"{called}: matrix products are {times[0]} × as fast as in {other}, measured here.",
                f"{called}: 行列積が {other} の {times[0]} 倍の速さです（このコンピューターで計測）。")  # fmt: skip
    return Text(f"{called}: speaks {times[1]} × and reads {times[0]} × as fast as {other}, measured here.",
            f"{called}: {other} と比べて、話すのは {times[1]} 倍、読むのは {times[0]} 倍の速さです"
            "（このコンピューターで計測）。")  # fmt: skip


@lru_cache(maxsize=1)
def cpu_speeds() -> CpuSpeeds:
    """Of this processor: measured once and kept in the app's home; by its flags where it cannot be measured."""
    try:
        return kept_speeds(Settings.from_env().home / "cpu_speeds.json", measure_cpu)
    except (RuntimeError, MemoryError) as error:
        log.warning("the processor's speed could not be measured: %s", error)
        return speeds_by_flags()


def speeds_are_known() -> bool:
    """Whether `cpu_speeds` answers at once in this process."""
    return bool(cpu_speeds.cache_info().currsize)


def kept_speeds(path: Path, measure: Callable[[], CpuSpeeds]) -> CpuSpeeds:
    """What `path` holds of this processor, torch and number of threads; measured and written where it holds nothing."""
    import torch

    key = {"processor": processor(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = read_json(path)
        if {name: kept[name] for name in key} == key:
            return _checked(CpuSpeeds(**kept["speeds"]))
    found = measure()
    with suppress(OSError, InputError):  # the next process measures again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, key | {"speeds": asdict(found)})
    return found


def _checked(speeds: CpuSpeeds) -> CpuSpeeds:
    if not all(found[kind] > 0 for found in (speeds.matmul, speeds.fetch) for kind in ("fp32", "bf16")):
        raise ValueError("a speed of zero")
    return speeds


def processor() -> str:
    """The processor's model name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure_cpu() -> CpuSpeeds:
    """Time products of 256 tokens, and of one token with 25 million weights, which no cache of a core holds."""
    import torch

    kinds = ("fp32", "bf16")
    matmul: dict[str, float] = dict.fromkeys(kinds, 0.0)
    fetch = dict(matmul)
    with torch.inference_mode():
        made = {}
        for kind in kinds:
            dtype = torch_dtype(kind)
            weights = [torch.ones(2048, 2048, dtype=dtype) for _ in range(6)]
            made[kind] = weights, torch.ones(128, 2048, dtype=dtype), torch.ones(1, 2048, dtype=dtype)
        for _ in range(TRIES):  # in turn: what disturbs one kind for a moment would decide for the other
            for kind, (weights, tokens, one) in made.items():
                matmul[kind] = max(matmul[kind], 2 * tokens.numel() * 2048 / _seconds(tokens, weights[:1]))
                fetch[kind] = max(fetch[kind], len(weights) * weights[0].numel() / _seconds(one, weights))
    return CpuSpeeds(matmul, fetch)


def _seconds(x: "torch.Tensor", weights: "list[torch.Tensor]") -> float:
    """Seconds of x times each of the weights, on as many cores as torch takes, had they nothing else to do.

    By processor time: on a busy machine the clock on the wall said a tenth of the speed, and the first start's
    measurement is kept for good.
    """
    import time

    import torch

    fine = time.get_clock_info("process_time").resolution < 1e-4  # not on Windows
    clock, cores = (time.process_time, torch.get_num_threads()) if fine else (time.perf_counter, 1)
    began = clock()
    for weight in weights:
        torch.nn.functional.linear(x, weight)
    return max(clock() - began, 1e-6) / cores


def speeds_by_flags() -> CpuSpeeds:
    """A guess where nothing can be measured: bfloat16 halves what is fetched, and products want instructions for it."""
    import torch

    has = torch.cpu.get_capabilities()
    fast = has.get("avx512_bf16") is True or has.get("amx_bf16") is True
    return CpuSpeeds({"fp32": 1.0, "bf16": 2.0 if fast else 0.3}, {"fp32": 0.05, "bf16": 0.1}, measured=False)


def bitsandbytes_config(quantization: Quantization, dtype: "torch.dtype") -> "BitsAndBytesConfig | None":
    """How bitsandbytes holds the weights: NF4 with work in `dtype`, int8, or not at all."""
    from transformers import BitsAndBytesConfig

    if quantization == "none":
        return None
    if quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def keep_unpacked(model: "PreTrainedModel") -> None:
    """Keep 4-bit layers as they were quantised.

    On CPUs with AVX-512 BF16, bitsandbytes repacks them at the first forward in eval mode. After that, gradients
    to all layers but the last are lost with no more than a warning, and `state_dict()`, which peft calls when an
    adapter is loaded, unpacks them with their scales in the wrong order (0.50.2): the model then talks nonsense.
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
