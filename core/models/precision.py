"""Which numbers a model is held in: chosen by what the device is fast and the architecture safe with.

Imports torch late.
"""

from typing import TYPE_CHECKING

from core.models.options import Quantization

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedConfig, PreTrainedModel

FLOAT32_BELOW = 300e6  # parameters; above it bfloat16 halves the memory and doubles the speed on a CPU too
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


def dtype_for(config: "PreTrainedConfig", device: str, parameters: float) -> "torch.dtype":
    """The type of weights that are not quantised, and of the work with those that are."""
    import torch

    if device == "cuda":
        if bfloat16_on_gpu():
            return torch.bfloat16
        return torch.float32 if overflows_in_float16(config) else torch.float16
    return torch.float32 if parameters < FLOAT32_BELOW else torch.bfloat16


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
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
