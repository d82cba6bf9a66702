"""The weights of a model, from its folder into memory: checked before, counted on the way, freed after.

Imports torch and transformers late.
"""

import gc
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.models import caches, model_errors
from core.models.options import NO_REMOTE_CODE, LoadOptions, Quantization, Trust
from core.models.precision import bitsandbytes_config, choose_precision, device_name, keep_unpacked
from core.models.sizing.dims import ModelDims, model_dims
from core.models.sizing.estimate import talking_memory
from core.models.sizing.machine import EASY, MOST, this_machine

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

BITS: dict[Quantization, int] = {"none": 16, "8bit": 8, "4bit": 4}
ROOM_TO_TALK = 256  # tokens a chat needs room for at the very least
PICKLES = "pytorch_model*.bin"


def read_config(folder: Path, trust: Trust = NO_REMOTE_CODE) -> "PreTrainedConfig":
    """The configuration in `folder`; no code of the repository is run unless `trust` says so."""
    from core.models.auto import AutoConfig

    return AutoConfig.from_pretrained(folder, trust_remote_code=trust.code)


def check_weights(name: str, folder: Path, trust: Trust) -> None:
    """Raises where the weights cannot be read, or may not be; looks at their beginnings only."""
    from safetensors import safe_open

    found = list(folder.glob("*.safetensors"))
    if not found and not trust.pickles and any(folder.glob(PICKLES)):
        raise model_errors.pickles_only(name)
    for path in found:
        with safe_open(path, framework="pt"):
            pass


def read_model(
    name: str, folder: Path, options: LoadOptions, report: Callable[[float], None] = lambda _: None
) -> "PreTrainedModel":
    """The model in `folder`, ready to talk; `report(fraction)` hears of each weight, and what it raises ends it.

    Raises ModelError when weights are missing, which would be random, or when there is no room for them.
    """
    from core.models.auto import AutoModelForCausalLM

    config, device = read_config(folder, options.trust), device_name()
    shape = model_dims(config, options.trust)
    dtype = choose_precision("talking", str(config.model_type), shape.parameters, device).dtype
    quantization = "none" if shape.stored else options.quantization
    placed = placement(name, shape, quantization, dtype, device)
    if quantization == "8bit":
        warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")  # said at every call
    with _weights_counted(report):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, config=config, trust_remote_code=options.trust.code, dtype=dtype, output_loading_info=True,
            use_safetensors=None if options.trust.pickles else True, **placed,
        )  # fmt: skip
    model, found = loaded
    if missing := sorted(found["missing_keys"]):
        raise model_errors.lacks_weights(name, missing)
    if quantization == "4bit":
        keep_unpacked(model)
    if "device_map" not in placed:
        model.to(device)
    return caches.accept_cache_keyword(model.requires_grad_(False).eval())


def placement(
    name: str, shape: ModelDims, quantization: Quantization, dtype: "torch.dtype", device: str
) -> dict[str, Any]:
    """Arguments of `from_pretrained` for where the weights go. Raises ModelError when there is no room for them.

    What is too big for the GPU goes to RAM in part, where accelerate fetches it from: slower, but it works.
    """
    how = bitsandbytes_config(quantization, dtype)
    quantised: dict[str, Any] = {"quantization_config": how} if how else {}
    ram, gpu = MOST * this_machine().ram, EASY * free_on_gpu() if device == "cuda" else 0.0
    need = model_memory(shape, quantization, dtype)
    if device != "cuda":
        if need > ram:
            raise model_errors.too_big(name, need, this_machine().ram, smaller(shape, ram))
        return quantised | ({"device_map": {"": device}} if how else {})
    if need <= gpu:
        return quantised | {"device_map": {"": 0}}
    if how or need > gpu + ram:  # bitsandbytes does not compute on both at once
        raise model_errors.too_big(name, need, int(gpu), smaller(shape, gpu))
    return {"device_map": "auto"}


def model_memory(shape: ModelDims, quantization: Quantization, dtype: "torch.dtype") -> int:
    """Bytes that the weights and a short talk take."""
    if shape.stored:  # at most what it would take unquantised in 8 bits: the libraries' formats are of 8 bits or fewer
        return talking_memory(shape, bits=8, context=ROOM_TO_TALK)
    bits = 8 * dtype.itemsize if quantization == "none" else BITS[quantization]
    return talking_memory(shape, bits=bits, context=ROOM_TO_TALK)


def smaller(shape: ModelDims, there: float) -> Quantization | None:
    """The most bits below 16 with which the weights fit in `there` bytes."""
    return next(
        (q for q in ("8bit", "4bit") if talking_memory(shape, bits=BITS[q], context=ROOM_TO_TALK) <= there), None
    )


def offloaded(model: "PreTrainedModel") -> float:
    """Share of the weights that lie elsewhere than on the GPU that does the work."""
    places = set(getattr(model, "hf_device_map", {}).values())
    if not ({"cpu", "disk"} & places and places - {"cpu", "disk"}):
        return 0.0
    away = sum(p.numel() for p in model.parameters() if p.device.type in ("meta", "cpu"))
    return away / max(1, sum(p.numel() for p in model.parameters()))


def free_on_gpu() -> int:
    """Bytes that the GPU has to give; what torch holds for later counts as free once it is given back."""
    import torch

    return torch.cuda.mem_get_info()[0]


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _weights_counted(report: Callable[[float], None]) -> Iterator[None]:
    """Let `report` hear of the weights that transformers puts in place in this thread, as shares of all."""
    from transformers.utils import logging

    mine = threading.get_ident()

    def bar(make: Callable[..., Iterable], args: tuple, kwargs: dict) -> Iterable:
        if kwargs.get("desc") == "Loading weights" and threading.get_ident() == mine:
            return _counted(args[0], report)
        return before(make, args, kwargs) if before else make(*args, **kwargs)

    before = logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _counted(items: Collection, report: Callable[[float], None]) -> Iterator:
    for number, item in enumerate(items):
        report(number / len(items))
        yield item
    report(1.0)
