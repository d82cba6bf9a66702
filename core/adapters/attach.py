"""Adapters on the model in memory: switched in place, a few kept. Runs in the thread that owns the model."""

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.check import check_adapter
from core.adapters.gguf_lora import GgufShape, write_gguf_lora
from core.adapters.store import Adapter
from core.adapters.weights import AdapterWeights, check_finite
from core.errors import ModelError
from core.files import write_json
from core.models.gguf.model import GgufModel
from core.models.loading import LoadedModel
from core.workspace import ADAPTER_WEIGHTS, TRAINING_FILE

if TYPE_CHECKING:
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTuner
    from transformers import PreTrainedModel

_WRITING = threading.Lock()
ADAPTERS_IN_MEMORY = 4
GGUF_LORA = "adapter.gguf"  # in the adapter's folder, for this machine alone: it is neither exported nor published
ACCEPTED = "accepted_base"
"""In training.json: the fingerprint or name of the model that a person says the adapter was trained on."""
QUANTISED = re.compile(
    r"-(unsloth|bnb|nf4|4bit|8bit|fp8|gptq|awq|int4|int8|dynamic|w4a16|hf)$"
    r"|[.-](i?q\d[a-z\d_]*|ud|f16|f32|bf16|mxfp4|gguf|\d{5}-of-\d{5})$"
)


class UnsureBaseError(ModelError):
    """Whether an adapter is for the model in memory cannot be told: a person has to say so."""


def activate_adapter(loaded: LoadedModel, adapter: Adapter | None) -> str:
    """Let `loaded.model` speak with this adapter, or with none. Returns a name for its weights, "" for none.

    Raises ModelError, and leaves the model as it was, when the adapter does not fit or is gone.
    """
    model = loaded.pretrained
    wrapped = loaded.adapters[0] if loaded.adapters else None
    if adapter is None:
        if wrapped is not None:
            _tuner(wrapped).disable_adapter_layers()
        return ""
    try:
        check_base(loaded, adapter)
    except UnsureBaseError:
        check_shapes(loaded, adapter)  # what cannot fit leaves no choice
        raise
    try:
        slot = _slot(adapter.folder)
        if wrapped is None or slot not in wrapped.peft_config:
            check_shapes(loaded, adapter)
            wrapped = _load(loaded, model, adapter, slot)
    except OSError as error:
        raise ModelError(
            f"The files of “{adapter.name}” cannot be read any more. Choose another adapter.",
            f"アダプター「{adapter.name}」のファイルを読めなくなりました。別のアダプターを選んでください。",
        ) from error
    _tuner(wrapped).enable_adapter_layers()
    wrapped.set_adapter(slot, inference_mode=True)
    wrapped.eval()
    return slot


def gguf_adapter(loaded: LoadedModel, model: GgufModel, adapter: Adapter | None) -> Path | None:
    """The adapter as a GGUF LoRA for a model that llama.cpp runs, written when it is first asked for; None for none.

    Raises ModelError as `activate_adapter` does, and where it cannot be written so.
    """
    if adapter is None:
        return None
    try:
        check_base(loaded, adapter)
    except UnsureBaseError:
        check_shapes(loaded, adapter)
        raise
    return gguf_lora(model, adapter)


def gguf_lora(model: GgufModel, adapter: Adapter) -> Path:
    """The adapter's file for llama.cpp, beside its others; made anew once those have changed."""
    target, weights = adapter.folder / GGUF_LORA, adapter.folder / ADAPTER_WEIGHTS
    with _WRITING:
        if not target.exists() or target.stat().st_mtime_ns < weights.stat().st_mtime_ns:
            check_adapter(adapter.folder)
            made = target.with_suffix(".part")
            write_gguf_lora(adapter, GgufShape.of_header(model.header), made, model.header)
            made.replace(target)
    return target


def _tuner(wrapped: "PeftModel") -> "BaseTuner":
    """What puts the adapters into the layers; torch types every attribute of a module as a tensor or a module."""
    from peft.tuners.tuners_utils import BaseTuner

    assert isinstance(wrapped.base_model, BaseTuner), "LoRA is a tuner"
    return wrapped.base_model


def check_base(loaded: LoadedModel, adapter: Adapter) -> None:
    """Raises ModelError when the adapter was trained on another model than the one in memory.

    The weights' fingerprint decides where both are known, else the name: the same model may be a Hub id on
    one machine and a folder on another, and two may have one name. Where the name leaves it open, as a local path
    does, or a copy that Unsloth has quantised, UnsureBaseError asks for a person's choice (`accept_base`).
    """
    trained_on, accepted = adapter.training.get("base_fingerprint"), adapter.training.get(ACCEPTED)
    if trained_on and loaded.fingerprint:
        if trained_on != loaded.fingerprint:
            raise _other_base(loaded, adapter)
        return
    if adapter.base in ("", loaded.name, str(loaded.folder)) or accepted == _identity(loaded):
        return
    if Path(adapter.base).name == Path(loaded.name).name and not is_local_path(adapter.base):
        return
    if is_local_path(adapter.base) or plain_name(adapter.base) == plain_name(loaded.name):
        raise UnsureBaseError(
            f"“{adapter.name}” says it was trained on {adapter.base}, which may or may not be {loaded.name}. If it is, "
            "choose to use it; on other weights it would write badly.",
            f"「{adapter.name}」の学習元は {adapter.base} で、{loaded.name} と同じかどうか分かりません。"
            "同じなら「使う」を選んでください。違うと、返事がおかしくなります。",
        )
    raise _other_base(loaded, adapter)


def accept_base(loaded: LoadedModel, adapter: Adapter) -> Adapter:
    """Keep that a person says the adapter is for this model; returns it as it is from now on.

    Raises ModelError when its shapes say otherwise, or its weights were trained on others that are known.
    """
    try:
        check_base(loaded, adapter)
    except UnsureBaseError:
        check_shapes(loaded, adapter)
        write_json(adapter.folder / TRAINING_FILE, {**adapter.training, ACCEPTED: _identity(loaded)})
    return Adapter.read(adapter.folder)


def _identity(loaded: LoadedModel) -> str:
    return loaded.fingerprint or loaded.name


def is_local_path(base: str) -> bool:
    """Whether a base is a folder of some machine, not an id of the Hub."""
    return "\\" in base or base.startswith((".", "~", "/")) or base.count("/") > 1


def plain_name(base: str) -> str:
    """A model's name without who published it and in how many bits: what a quantised copy shares with its origin."""
    name = Path(base).name.lower().removeprefix("meta-")
    while (shorter := QUANTISED.sub("", name)) != name:
        name = shorter
    return name


def check_shapes(loaded: LoadedModel, adapter: Adapter) -> None:
    """Raises ModelError when the adapter is no plain LoRA of a bearable rank, or its weights do not fit the layers.

    What is wrong is named: other layers, another vocabulary, another rank, NaN. One matrix at a time is read.
    """
    check_adapter(adapter.folder)
    if loaded.gguf is None:
        AdapterWeights.read(adapter.name, adapter.base, adapter.folder).check(loaded.pretrained, loaded.name)
    else:
        gguf_lora(loaded.gguf, adapter)
    check_finite(adapter.name, adapter.folder)


def _load(loaded: LoadedModel, model: "PreTrainedModel", adapter: Adapter, slot: str) -> "PeftModel":
    from peft import PeftConfig, PeftModelForCausalLM
    from safetensors import SafetensorError

    try:
        if loaded.adapters:
            wrapped = loaded.adapters[0]
            while len(wrapped.peft_config) >= ADAPTERS_IN_MEMORY:
                wrapped.delete_adapter(next(iter(wrapped.peft_config)))
        else:
            config = PeftConfig.from_pretrained(str(adapter.folder))
            config.inference_mode = True
            wrapped = PeftModelForCausalLM(model, config, adapter_name=slot)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _other_base(loaded, adapter) from error
    try:
        result = wrapped.load_adapter(adapter.folder, adapter_name=slot)
        if result.unexpected_keys:
            raise KeyError(result.unexpected_keys[0])
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        _unload(loaded, wrapped, slot)
        if isinstance(error, OSError):
            raise
        raise _other_base(loaded, adapter) from error
    if not loaded.adapters:
        loaded.adapters.append(wrapped)
    return wrapped


def _unload(loaded: LoadedModel, wrapped: "PeftModel", slot: str) -> None:
    """Undo a load that failed half-way: some of its weights are in the model already."""
    if loaded.adapters and len(wrapped.peft_config) > 1:
        if slot in wrapped.peft_config:
            wrapped.delete_adapter(slot)
    else:
        wrapped.unload()
        loaded.adapters.clear()


def _slot(folder: Path) -> str:
    """A name in memory for these files: another one once they have changed."""
    stat = (folder / ADAPTER_WEIGHTS).stat()
    return f"a{abs(hash((str(folder), stat.st_mtime_ns, stat.st_size))):x}"


def _other_base(loaded: LoadedModel, adapter: Adapter) -> ModelError:
    base = adapter.base or "?"
    if Path(base).name == Path(loaded.name).name:
        return ModelError(
            f"“{adapter.name}” does not fit {base}, although it names it: the weights are others. Load those it was "
            "trained on, train it again, or choose another adapter.",
            f"「{adapter.name}」は {base} 用とされていますが、いまの {loaded.name} とは重みが違います。"
            "学習に使った重みを読み込むか、学習し直すか、別のアダプターを選んでください。",
        )
    return ModelError(
        f"“{adapter.name}” was trained on {base}, but {loaded.name} is loaded. Load {base}, or choose another adapter.",
        f"「{adapter.name}」は {base} で学習したものですが、いまのモデルは {loaded.name} です。"
        f"{base} を読み込むか、別のアダプターを選んでください。",
    )
