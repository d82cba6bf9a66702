"""The frozen base model and the adapter on it, loaded for training.

Only safetensors are read and no code of a model's repository is run, unless the person allowed it when loading the
model to talk with. Imports torch late.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InputError
from core.models import caches
from core.models.model_errors import cannot_load
from core.models.precision import (
    bitsandbytes_config,
    choose_precision,
    keep_unpacked,
    overflows_in_float16,
    torch_dtype,
)
from core.models.sizing.dims import ModelDims
from core.train.config.train_config import TrainConfig
from core.train.failures import out_of_memory
from core.train.spec import JobSpec

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

MAMBAS = frozenset({"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"})
BYPASSED = frozenset({"conv1d", "out_proj"})
"""Layers whose weights Mamba's kernels read themselves, past what LoRA adds: peft refuses them."""


@dataclass(frozen=True)
class Base:
    """What is trained on."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    parameters: int
    window: int
    """Most tokens the model can read at once."""
    precision: str
    """fp32, bf16 or fp16."""
    revision: str | None
    """The Hub's commit, where it came from the Hub."""


def load_base(spec: JobSpec) -> Base:
    """Model and tokenizer of `spec.base`. Raises ModelError when they cannot be had."""
    from core.models.auto import AutoConfig, AutoModelForCausalLM
    from core.models.tokenizers.check import load_tokenizer

    tokenizer = load_tokenizer(spec.base, spec.base_revision)
    try:
        where = {"revision": spec.base_revision, "trust_remote_code": spec.trust.code}
        config = AutoConfig.from_pretrained(spec.base, **where)
        precision = _precision(spec.config, config)
        model = AutoModelForCausalLM.from_pretrained(
            spec.base, config=config, use_safetensors=None if spec.trust.pickles else True,
            dtype=torch_dtype(precision), **where, **_placement(spec.config, precision),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise cannot_load(spec.base, error, trust=spec.trust) from error
    _attend_fast(caches.accept_cache_keyword(model), spec.config, precision)
    window = getattr(config.get_text_config(), "max_position_embeddings", None) or spec.config.max_length
    return Base(model, tokenizer, model.num_parameters(), window, precision, getattr(config, "_commit_hash", None))


def with_adapter(base: Base, config: TrainConfig, start: Path | None = None) -> "PeftModel":
    """A LoRA adapter on the frozen base: fresh, depending on the seed alone, or the one in the folder `start`.

    Of the latter, rank, scale and targets are its own; only the dropout is the config's. Raises InputError
    when it does not fit the base.
    """
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import set_seed

    model = base.model
    if config.quantization == "4bit":
        keep_unpacked(model)
    if config.quantization != "none":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=config.gradient_checkpointing)
    elif config.gradient_checkpointing:
        # From 5.24 on it has another name, and the old one warns.
        (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
        model.enable_input_require_grads()
    names = config.target.replace(" ", "").split(",")
    set_seed(config.seed)
    if start is not None:
        return _going_on(model, config, start)
    bypassed = sorted(BYPASSED) if model.config.model_type in MAMBAS else None
    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, bias="none", task_type="CAUSAL_LM",
        target_modules="all-linear" if config.target == "all-linear" else names,
        use_rslora=config.rslora, use_dora=config.dora,
        exclude_modules=bypassed if config.target == "all-linear" else None,
    )  # fmt: skip
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise InputError(
            f"No adapter can be put on the layers that target = {config.target!r} names ({reason}). Use all-linear, or "
            "names of layers that this model has.",
            f"target = {config.target!r} の層にはアダプターを付けられません（{reason}）。all-linear にするか、"
            "このモデルにある層の名前を書いてください。",
        ) from error


def _going_on(model: "PreTrainedModel", config: TrainConfig, start: Path) -> "PeftModel":
    from peft import PeftModel

    from core.adapters.check import read_lora_config

    lora = read_lora_config(start)
    lora.lora_dropout, lora.inference_mode = config.dropout, False
    try:
        return PeftModel.from_pretrained(model, start, config=lora, is_trainable=True)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[-1].strip()[:160]
        raise InputError(
            f"The adapter to go on from does not fit this model ({reason}). Choose the model it was trained on.",
            f"続きから学習するアダプターがこのモデルに合いません（{reason}）。"
            "そのアダプターを学習したモデルを選んでください。",
        ) from error


def _attend_fast(model: "PreTrainedModel", config: TrainConfig, precision: str) -> None:
    """Our own attention where it is the faster one: in bfloat16 on a CPU, for models that attend plainly."""
    import torch

    from core.train.worker import attention

    on_cpu = config.quantization == "none" and not torch.cuda.is_available()
    if on_cpu and precision == "bf16" and attention.suits(model.config):
        model.set_attn_implementation(attention.NAME)


def _precision(config: TrainConfig, model: "PretrainedConfig") -> str:
    """The config's, where "auto" is what suits this machine and model (`core.models.precision`)."""
    import torch

    if config.precision == "fp16" and not torch.cuda.is_available():
        raise InputError(
            "precision = 'fp16' needs a GPU: a CPU is many times slower in it. Choose auto, bf16 or fp32.",
            "precision = 'fp16' には GPU が必要です（CPU では何倍も遅くなります）。"
            "auto、bf16、fp32 のどれかにしてください。",
        )
    if config.precision == "fp16" and overflows_in_float16(model):
        raise InputError(
            f"precision = 'fp16' is too narrow for {model.model_type}: it would learn nothing but NaN. "
            "Choose auto, bf16 or fp32.",
            f"{model.model_type} は precision = 'fp16' では桁あふれして学習できません。"
            "auto、bf16、fp32 のどれかにしてください。",
        )
    if config.precision != "auto":
        return config.precision
    return choose_precision("training", str(model.model_type), _rough_size(model)).name


@lru_cache(maxsize=8)
def base_dims(base: str, revision: str | None = None) -> ModelDims:
    """The shape of `base`, from its configuration alone. Raises ModelError when there is no such model."""
    from core.models.auto import AutoConfig
    from core.models.sizing.dims import model_dims as counted

    try:
        return counted(AutoConfig.from_pretrained(base, revision=revision, trust_remote_code=False))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise cannot_load(base, error) from error


def _rough_size(model: "PretrainedConfig") -> int:
    """About how many parameters a model of this configuration has, without building it."""
    import torch

    from core.models.auto import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(model, trust_remote_code=False).num_parameters()


def _placement(config: TrainConfig, precision: str) -> dict[str, object]:
    """Quantised bases are put on their device while they load; others are moved by the Trainer."""
    import torch

    if config.quantization == "none":
        return {}
    how = bitsandbytes_config(config.quantization, torch_dtype(precision))
    return {"quantization_config": how, "device_map": {"": 0 if torch.cuda.is_available() else "cpu"}}
