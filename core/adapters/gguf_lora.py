"""An adapter as the GGUF LoRA that llama.cpp and Ollama load: the same matrices under their names.

llama.cpp keeps the queries and keys of Llama's family in another order than transformers does, so the rows of what is
added to them are put in that order, too. Only architectures that were tried are written; `tests/real/test_gguf.py`
holds the replies of real and `tests/adapters/test_gguf_lora.py` those of random models against transformers'.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.store import Adapter
from core.adapters.weights import AdapterWeights
from core.errors import ModelError
from core.models.gguf.header import GgufHeader
from core.models.gguf.packages import gguf_format
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    import numpy as np

# model_type of transformers → architecture of llama.cpp.
ARCHITECTURES = {
    "llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3",
}  # fmt: skip
REORDERED = {"llama": {"attn_q": "heads", "attn_k": "kv_heads"}}
"""Matrices whose rows llama.cpp keeps in another order, and over how many heads."""


@dataclass(frozen=True)
class GgufShape:
    """What of a model has to be known to write for it."""

    architecture: str
    layers: int
    heads: int
    kv_heads: int

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> "GgufShape":
        """By config.json. Raises ModelError for an architecture that was not tried."""
        kind = str(config.get("model_type"))
        if kind not in ARCHITECTURES:
            raise _not_tried(kind)
        heads = int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        return cls(ARCHITECTURES[kind], int(config["num_hidden_layers"]), heads, kv_heads)

    @classmethod
    def of_header(cls, header: GgufHeader) -> "GgufShape":
        """By a GGUF file. Raises ModelError for an architecture that was not tried."""
        heads = header.number("attention.head_count") or 0
        if header.architecture not in ARCHITECTURES.values():
            raise _not_tried(header.architecture)
        kv_heads = header.number("attention.head_count_kv") or heads
        return cls(header.architecture, header.number("block_count") or 0, heads, kv_heads)

    def name_of(self, layer: str) -> str | None:
        """llama.cpp's name of transformers' layer, without ".weight"; None where it has none."""
        gguf = gguf_format()
        kind = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == self.architecture)
        return gguf.get_tensor_name_map(kind, self.layers).get_name(layer)

    def reordered(self, name: str, rows: "np.ndarray") -> "np.ndarray":
        """`rows` of the matrix called `name` in llama.cpp's order: of each head, the halves taken in turn."""
        heads = REORDERED.get(self.architecture, {}).get(name.rsplit(".", 1)[-1])
        if heads is None:
            return rows
        count = self.heads if heads == "heads" else self.kv_heads
        return rows.reshape(count, 2, rows.shape[0] // count // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_gguf_lora(adapter: Adapter, shape: GgufShape, into: Path, header: GgufHeader | None = None) -> None:
    """Write the adapter's matrices as the file `into`.

    `header`: of the model that it is for, whose shapes have to agree. Raises ModelError for what is no plain LoRA, and
    for layers that llama.cpp or that model does not have.
    """
    from safetensors import safe_open

    gguf = gguf_format()
    weights = AdapterWeights.read(adapter.name, adapter.base, adapter.folder)
    config = json.loads((adapter.folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(into, shape.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 0.0)  # none: each matrix brings its own scale
    with safe_open(adapter.folder / ADAPTER_WEIGHTS, framework="pt") as file:
        for layer, parts in weights.layers.items():
            name = shape.name_of(layer)
            if name is None or set(parts) != {"A", "B"}:
                raise _no_plain_lora(adapter, layer, sorted(parts))
            down, up = (
                file.get_tensor(f"base_model.model.{layer}.lora_{part}.weight").float().numpy() for part in "AB"
            )
            _check_sizes(adapter, header, name, (up.shape[0], down.shape[1]))
            writer.add_tensor(f"{name}.weight.lora_a", down)
            writer.add_tensor(f"{name}.weight.lora_b", shape.reordered(name, up) * scale_of(config, layer))
    if weights.whole:
        raise _no_plain_lora(adapter, next(iter(weights.whole)), ["weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def scale_of(config: Mapping[str, Any], layer: str) -> float:
    """By what peft multiplies the product of a layer's two matrices."""
    from peft import LoraConfig
    from peft.utils.other import get_pattern_key

    known = LoraConfig(**{name: config[name] for name in ("r", "lora_alpha", "rank_pattern", "alpha_pattern")
                          if config.get(name) is not None})  # fmt: skip
    patterns = known.rank_pattern or {}, known.alpha_pattern or {}
    rank, alpha = (
        pattern.get(get_pattern_key(list(pattern), layer), plain)
        for pattern, plain in zip(patterns, (known.r, known.lora_alpha), strict=True)
    )
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def _check_sizes(adapter: Adapter, header: GgufHeader | None, name: str, size: tuple[int, int]) -> None:
    if header is None:
        return
    there = header.tensors.get(f"{name}.weight")
    if there != size:
        wide = "no such layer" if there is None else " × ".join(map(str, there))
        raise ModelError(
            f"“{adapter.name}” does not fit this GGUF file: its part for {name} is {size[0]} × {size[1]}, the file has "
            f"{wide}. It was trained on {adapter.base or '?'}: choose a file of that model.",
            f"「{adapter.name}」はこの GGUF と形が合いません（{name} が {size[0]} × {size[1]}、ファイルは {wide}）。"
            f"学習元の {adapter.base or '?'} のファイルを選んでください。",
        )


def _not_tried(kind: str) -> ModelError:
    known = ", ".join(dict.fromkeys(ARCHITECTURES))
    return ModelError(
        f"Adapters of the architecture “{kind}” are not written as GGUF: tried are {known}. Export the merged model.",
        f"「{kind}」型のアダプターは GGUF にできません（確認済みは {known}）。統合したモデルを書き出してください。",
    )


def _no_plain_lora(adapter: Adapter, layer: str, parts: list[str]) -> ModelError:
    return ModelError(
        f"“{adapter.name}” cannot be written as a GGUF LoRA: llama.cpp has no place for {', '.join(parts)} of {layer}. "
        "Export the merged model instead.",
        f"「{adapter.name}」は GGUF の LoRA にできません（{layer} の {', '.join(parts)} を入れる所がありません）。"
        "統合したモデルを書き出してください。",
    )
