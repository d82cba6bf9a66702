"""Whether an adapter from outside is a plain LoRA adapter that is safe to load.

Its settings are within bounds and name nothing to import or open; its weights are safetensors.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.files import write_json
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from peft import LoraConfig

MAX_RANK = 1024
MAX_CONFIG_BYTES = 1 << 20
MAX_NAMES = 2000  # a list of every layer of a model of 100 layers, seven a layer, and as many again
LORA_OF = re.compile(r"base_model\.model\.(\w[\w.]{0,199})\.lora_\w{1,20}(?:\.weight)?")
NAME = re.compile(r"\w[\w.]{0,199}")
# How weights began that are in the file anyway. pissa, eva, corda, loftq and others change the base model on loading.
PLAIN_STARTS = ("gaussian", "orthogonal")


def read_lora_config(folder: Path) -> "LoraConfig":
    """peft's configuration of the adapter in `folder`, which `check_adapter` has passed."""
    from peft import LoraConfig

    config = LoraConfig.from_pretrained(str(folder))
    assert isinstance(config, LoraConfig), "no other kind passes"
    return config


def _is_rank(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_RANK


def _is_number(value: object, *, low: float, high: float) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and low <= value <= high


def _are_names(value: object) -> bool:
    """Names of layers. As a text peft takes them for one regular expression, which may run for hours."""
    names = list(value) if isinstance(value, list | dict) else [None]
    return len(names) <= MAX_NAMES and all(isinstance(name, str) and NAME.fullmatch(name) for name in names)


def _is_pattern(value: object, fits: Callable[[object], bool]) -> bool:
    """A value for each name. For a mixture's experts peft itself writes `.*\\.` before it, and `\\.` for a point."""
    if not value:
        return True
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        return False
    names = [name.removeprefix(r".*\.").replace(r"\.", ".") for name in value]
    return _are_names(names) and all(map(fits, value.values()))


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_yes_or_no(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _is_scale(value: object) -> bool:
    return _is_number(value, low=0, high=1e6)


# The fields of peft's LoraConfig that a plain adapter may set. Every other one has to be empty: what is not known here
# could train other weights, import a module, open a file, or change the base model for everybody.
RULES: dict[str, Callable[[object], bool]] = {
    "peft_type": lambda v: v == "LORA",
    "task_type": lambda v: v in (None, "CAUSAL_LM"),
    "r": _is_rank,
    "lora_alpha": lambda v: v is None or _is_scale(v),
    "lora_dropout": lambda v: v is None or _is_number(v, low=0, high=1),
    "target_modules": _are_names,
    "target_parameters": lambda v: _is_empty(v) or _are_names(v),
    "exclude_modules": lambda v: _is_empty(v) or _are_names(v),
    "rank_pattern": lambda v: _is_pattern(v, _is_rank),
    "alpha_pattern": lambda v: _is_pattern(v, _is_scale),
    "layers_to_transform": lambda v: (
        v is None or type(v) is int or (isinstance(v, list) and len(v) <= MAX_NAMES and all(type(n) is int for n in v))
    ),
    "layers_pattern": lambda v: _is_empty(v) or _are_names(v if isinstance(v, list) else [v]),
    "init_lora_weights": lambda v: v in PLAIN_STARTS if isinstance(v, str) else _is_yes_or_no(v),
    "bias": lambda v: v in (None, "none"),
    "megatron_core": lambda v: v in (None, "megatron.core"),
    "qalora_group_size": lambda v: v is None or type(v) is int,
    **dict.fromkeys(("base_model_name_or_path", "revision", "peft_version"), _is_text),
    **dict.fromkeys(("inference_mode", "fan_in_fan_out", "use_rslora", "use_dora", "lora_bias"), _is_yes_or_no),
}


def name_targets(folder: Path) -> None:
    """Where the settings in `folder` choose layers by a pattern, as Unsloth's do, name the layers that have weights.

    A pattern may run for hours, and the weights say the same. What Unsloth notes of the class it trained goes, too:
    peft would import it. Settings that cannot be read stay: `check_adapter` tells of them.
    """
    path = folder / ADAPTER_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < MAX_CONFIG_BYTES else None
        names = _weight_names(folder / ADAPTER_WEIGHTS)
    except (OSError, ValueError, RecursionError, ModelError):
        return
    if not isinstance(config, dict):
        return
    layers = sorted({found[1] for name in names if (found := LORA_OF.fullmatch(name))})
    named = isinstance(config.get("target_modules"), str) and layers
    noted = isinstance(config.get("auto_mapping"), dict) and config["auto_mapping"].get("unsloth_fixed") is True
    changed = ({"target_modules": layers} if named else {}) | ({"auto_mapping": None} if noted else {})
    if changed:
        write_json(path, config | changed)


def check_adapter(folder: Path) -> None:
    """Raise ModelError unless `folder` holds an adapter that may be loaded."""
    path = folder / ADAPTER_CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < MAX_CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path.name, "cannot be read", "読み込めません") from error
    if not isinstance(config, dict):
        raise _unusable(path.name, "holds no settings", "設定が入っていません")
    for field in (*RULES, *(field for field in config if field not in RULES)):
        if not RULES.get(field, _is_empty)(config.get(field)):
            shown = json.dumps(config.get(field), ensure_ascii=False)[:80]
            raise _unusable(
                path.name,
                f"sets “{field[:40]}” to {shown}; only plain LoRA adapters of rank 1 to {MAX_RANK} are loaded",
                f"「{field[:40]}」が {shown} です。ランク 1～{MAX_RANK} の通常の LoRA だけを読み込めます",
            )
    _check_weights(folder / ADAPTER_WEIGHTS)


def _weight_names(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return list(file.keys())
    except (OSError, SafetensorError) as error:
        ja = "読み込めません。途中で切れているかもしれません"
        raise _unusable(path.name, "cannot be read; it may be cut short", ja) from error


def _check_weights(path: Path) -> None:
    names = _weight_names(path)
    if not any("lora_" in name for name in names):
        raise _unusable(path.name, "holds no LoRA weights", "LoRA の重みが入っていません")


def _unusable(file: str, en: str, ja: str) -> ModelError:
    return ModelError(f"This adapter cannot be used: {file} {en}.", f"このアダプターは使えません。{file}：{ja}。")
