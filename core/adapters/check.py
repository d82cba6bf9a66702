"""Whether an adapter from outside is a plain LoRA adapter that is safe to load.

Its settings are within bounds and name nothing to import or open; its weights are safetensors.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

from core.errors import ModelError

MAX_RANK = 1024
MAX_CONFIG_BYTES = 1 << 20


def _is_rank(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_RANK


def _is_number(value: object, *, low: float, high: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and low <= value <= high


# Each field of peft's LoraConfig that could ask for too much, import a module or open a file.
RULES: dict[str, Callable[[object], bool]] = {
    "peft_type": lambda v: v == "LORA",
    "task_type": lambda v: v in (None, "CAUSAL_LM"),
    "r": _is_rank,
    "lora_alpha": lambda v: v is None or _is_number(v, low=0, high=1e6),
    "lora_dropout": lambda v: v is None or _is_number(v, low=0, high=1),
    "rank_pattern": lambda v: not v or (isinstance(v, dict) and all(map(_is_rank, v.values()))),
    "init_lora_weights": lambda v: v is None or isinstance(v, bool) or bool(re.fullmatch(r"[a-z0-9_]{1,32}", str(v))),
    "auto_mapping": lambda v: v is None,
    "megatron_config": lambda v: v is None,
    "layer_replication": lambda v: not v,
}


def check_adapter(folder: Path) -> None:
    """Raise ModelError unless `folder` holds an adapter that may be loaded."""
    path = folder / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < MAX_CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path.name, "cannot be read", "読み込めません") from error
    if not isinstance(config, dict):
        raise _unusable(path.name, "holds no settings", "設定が入っていません")
    for field, fits in RULES.items():
        if not fits(config.get(field)):
            shown = json.dumps(config.get(field), ensure_ascii=False)[:80]
            raise _unusable(
                path.name,
                f"sets “{field}” to {shown}; only plain LoRA adapters of rank 1 to {MAX_RANK} are loaded",
                f"「{field}」が {shown} です。ランク 1～{MAX_RANK} の通常の LoRA だけを読み込めます",
            )
    _check_weights(folder / "adapter_model.safetensors")


def _check_weights(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
    except (OSError, SafetensorError) as error:
        ja = "読み込めません。途中で切れているかもしれません"
        raise _unusable(path.name, "cannot be read; it may be cut short", ja) from error
    if not any("lora_" in name for name in names):
        raise _unusable(path.name, "holds no LoRA weights", "LoRA の重みが入っていません")


def _unusable(file: str, en: str, ja: str) -> ModelError:
    return ModelError(f"This adapter cannot be used: {file} {en}.", f"このアダプターは使えません。{file}：{ja}。")
