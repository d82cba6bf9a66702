"""Adapters on the model in memory: switched in place, a few kept. Runs in the thread that owns the model."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.check import check_adapter
from core.adapters.store import Adapter
from core.errors import ModelError
from core.models.loading import LoadedModel
from core.workspace import ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

ADAPTERS_IN_MEMORY = 4
LORA = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")


def activate_adapter(loaded: LoadedModel, adapter: Adapter | None) -> str:
    """Let `loaded.model` speak with this adapter, or with none. Returns a name for its weights, "" for none.

    Raises ModelError, and leaves the model as it was, when the adapter does not fit or is gone.
    """
    wrapped = loaded.adapters[0] if loaded.adapters else None
    if adapter is None:
        if wrapped is not None:
            wrapped.base_model.disable_adapter_layers()
        return ""
    check_base(loaded, adapter)
    try:
        slot = _slot(adapter.folder)
        if wrapped is None or slot not in wrapped.peft_config:
            check_shapes(loaded, adapter)
            wrapped = _load(loaded, adapter, slot)
    except OSError as error:
        raise ModelError(
            f"The files of “{adapter.name}” cannot be read any more. Choose another adapter.",
            f"アダプター「{adapter.name}」のファイルを読めなくなりました。別のアダプターを選んでください。",
        ) from error
    wrapped.base_model.enable_adapter_layers()
    wrapped.set_adapter(slot, inference_mode=True)
    wrapped.eval()
    return slot


def check_base(loaded: LoadedModel, adapter: Adapter) -> None:
    """Raises ModelError when the adapter was trained on another model than the one in memory.

    The weights' fingerprint decides where both are known, else the name: the same model may be a Hub id on
    one machine and a folder on another, and two may have one name.
    """
    trained_on = adapter.training.get("base_fingerprint")
    if trained_on and loaded.fingerprint:
        if trained_on != loaded.fingerprint:
            raise _other_base(loaded, adapter)
        return
    if adapter.base in ("", loaded.name, str(loaded.folder)):
        return
    if Path(adapter.base).name != Path(loaded.name).name:
        raise _other_base(loaded, adapter)


def check_shapes(loaded: LoadedModel, adapter: Adapter) -> None:
    """Raises ModelError when the adapter is no plain LoRA of a bearable rank, or its matrices do not fit the layers.

    Reads names and shapes only, so that nothing is taken into memory for what cannot be used.
    """
    from safetensors import safe_open

    check_adapter(adapter.folder)
    with safe_open(adapter.folder / ADAPTER_WEIGHTS, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            match = LORA.fullmatch(name)
            sizes = _sizes(loaded.model, match["layer"]) if match else None
            if match is None or sizes is None:  # peft says what it cannot place
                continue
            shape, side = file.get_slice(name).get_shape(), match["side"]
            has, wants = (shape[-1], sizes[0]) if side == "A" else (shape[0], sizes[1])
            if has != wants:
                raise _other_shape(loaded, adapter, layer=match["layer"], has=has, wants=wants)


def _sizes(model: "PreTrainedModel", layer: str) -> tuple[int, int] | None:
    """Channels that go in and out of a layer of `model`; None for what is no matrix, or is not there."""
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        return None
    if hasattr(module, "in_features"):
        return module.in_features, module.out_features
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if hasattr(module, "nf") else None  # GPT-2's Conv1D is [in, out]


def _load(loaded: LoadedModel, adapter: Adapter, slot: str) -> "PeftModel":
    from peft import PeftConfig, PeftModelForCausalLM
    from safetensors import SafetensorError

    try:
        if loaded.adapters:
            wrapped = loaded.adapters[0]
            while len(wrapped.peft_config) >= ADAPTERS_IN_MEMORY:
                wrapped.delete_adapter(next(iter(wrapped.peft_config)))
        else:
            config = PeftConfig.from_pretrained(adapter.folder)
            config.inference_mode = True
            wrapped = PeftModelForCausalLM(loaded.model, config, adapter_name=slot)
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


def _other_shape(loaded: LoadedModel, adapter: Adapter, *, layer: str, has: int, wants: int) -> ModelError:
    base = adapter.base or "?"
    return ModelError(
        f"“{adapter.name}” does not fit {loaded.name}: its part for {layer} is {has} wide, the layer is {wants}. "
        f"It was trained on {base}: load that, or choose another adapter.",
        f"「{adapter.name}」は {loaded.name} と形が合いません（{layer} の幅が {has}、モデルは {wants}）。"
        f"学習元は {base} です。それを読み込むか、別のアダプターを選んでください。",
    )


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
