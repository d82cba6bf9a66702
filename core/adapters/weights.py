"""Whether an adapter's file fits the model it is to be put on: what is wrong is said before anything is loaded."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ModelError
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREFIX = "base_model.model."
LORA = re.compile(
    rf"{re.escape(PREFIX)}(?P<layer>.+)\.lora_(?P<part>A\.weight|B\.weight|B\.bias|magnitude_vector(?:\.weight)?|"
    r"embedding_A|embedding_B)"
)
WHOLE = re.compile(rf"{re.escape(PREFIX)}(?P<layer>.+)\.(?:weight|bias)")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class AdapterWeights:
    """Names and shapes of an adapter's file, by layer and part; nothing else of it is in memory."""

    name: str
    """Of the adapter, for sentences."""
    base: str
    layers: Mapping[str, Mapping[str, Shape]]
    whole: Mapping[str, Shape]
    """Weights of the model itself that the file brings, by layer."""
    config: Mapping[str, object]

    @classmethod
    def read(cls, name: str, base: str, folder: Path) -> "AdapterWeights":
        """Raises ModelError for a tensor that belongs to no LoRA adapter."""
        from safetensors import safe_open

        layers: dict[str, dict[str, Shape]] = {}
        whole: dict[str, Shape] = {}
        with safe_open(folder / ADAPTER_WEIGHTS, framework="numpy") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                shape = tuple(file.get_slice(key).get_shape())
                if match := LORA.fullmatch(key):
                    layers.setdefault(match["layer"], {})[match["part"].split(".weight")[0]] = shape
                elif match := WHOLE.fullmatch(key):
                    whole[match["layer"]] = shape
                else:
                    raise ModelError(
                        f"“{name}” holds “{key[:100]}”, which is no part of a LoRA adapter. Save it again with peft.",
                        f"「{name}」に LoRA ではない「{key[:100]}」が入っています。peft で保存し直してください。",
                    )
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        return cls(name, base, layers, whole, config)

    def check(self, model: "PreTrainedModel", loaded: str) -> None:
        """Raises ModelError with what does not fit `model`, which is called `loaded`."""
        self._check_whole(model, loaded)
        self._check_layers(model, loaded)
        for layer, parts in self.layers.items():
            self._check_rank(layer, parts)
            self._check_sizes(model, loaded, layer, parts)

    def _check_whole(self, model: "PreTrainedModel", loaded: str) -> None:
        """Whole weights would take the place of the model's own, for everybody."""
        for layer, shape in self.whole.items():
            rows = _rows(model, layer)
            if rows is not None and rows != shape[0]:
                raise ModelError(
                    f"“{self.name}” was trained with another vocabulary: it brings {shape[0]:,} rows for {layer}, "
                    f"{loaded} has {rows:,}. Load {self.base or 'the model it was trained on'} with "
                    "its own tokenizer, or choose another adapter.",
                    f"「{self.name}」は語彙の違うモデルで学習したものです（{layer} が {shape[0]:,} 行、{loaded} は "
                    f"{rows:,} 行）。{self.base or '学習に使ったモデル'} を読み込むか、"
                    "別のアダプターを選んでください。",
                )
            raise ModelError(
                f"“{self.name}” brings the whole of {layer}, not only LoRA: it would change the model for everybody. "
                "Merge it into the model, or save it without (save_embedding_layers=False).",
                f"「{self.name}」は LoRA だけでなく {layer} の重み全体を含み、モデルそのものを書き換えてしまいます。"
                "モデルに結合するか、save_embedding_layers=False で保存し直してください。",
            )

    def _check_layers(self, model: "PreTrainedModel", loaded: str) -> None:
        names = {name for name, _ in model.named_modules()}
        # Of several parameters of one layer, as its experts' are, peft calls all but the last its base_layer's.
        foreign = [layer for layer in self.layers if _without_wrappers(layer) not in names]
        if foreign:
            raise ModelError(
                f"“{self.name}” is for a model with other layers: {len(foreign)} of its {len(self.layers)} are not in "
                f"{loaded} (the first is {foreign[0][:100]}). It was trained on {self.base or '?'}: load that, "
                "or choose another adapter.",
                f"「{self.name}」は層の違うモデル用です。{len(self.layers)} 層のうち {len(foreign)} 層が {loaded} に"
                f"ありません（最初は {foreign[0][:100]}）。学習元の {self.base or '?'} を読み込むか、"
                "別のアダプターを選んでください。",
            )
        wanted = [name for name in _targets(self.config, names) if name not in self.layers]
        if wanted:
            total = len(wanted) + len(self.layers)
            raise ModelError(
                f"“{self.name}” lacks weights for {len(wanted)} of {total} layers that its settings name (the first is "
                f"{wanted[0][:100]}). The file may be incomplete, or for a smaller model: fetch it again.",
                f"「{self.name}」には、設定にある {total} 層のうち {len(wanted)} 層の重みがありません（最初は "
                f"{wanted[0][:100]}）。ファイルが欠けているか、小さいモデル用です。取り直してください。",
            )

    def _check_rank(self, layer: str, parts: Mapping[str, Shape]) -> None:
        for one, other in (("A", "B"), ("embedding_A", "embedding_B")):
            if (one in parts) != (other in parts):
                missing = other if one in parts else one
                raise ModelError(
                    f"“{self.name}” lacks lora_{missing} for {layer}: half of a LoRA matrix is none. Fetch it again.",
                    f"「{self.name}」の {layer} に lora_{missing} がありません。取り直してください。",
                )
            if one not in parts:
                continue
            ranks = parts[one][0], parts[other][-1]
            said = self.config.get("r")
            fits = self.config.get("rank_pattern") or ranks[0] == said
            if ranks[0] != ranks[1] or not fits:
                shown = f"{ranks[0]} and {ranks[1]}" if ranks[0] != ranks[1] else f"{ranks[0]}"
                raise ModelError(
                    f"“{self.name}” has rank {shown} in {layer}, its settings say {said}: {ADAPTER_CONFIG} and "
                    f"{ADAPTER_WEIGHTS} do not belong together. Fetch both again.",
                    f"「{self.name}」の {layer} のランクは {shown.replace(' and ', ' と ')} ですが、設定では {said} "
                    f"です。{ADAPTER_CONFIG} と {ADAPTER_WEIGHTS} の組が違います。両方を取り直してください。",
                )

    def _check_sizes(self, model: "PreTrainedModel", loaded: str, layer: str, parts: Mapping[str, Shape]) -> None:
        sizes = _sizes(model, layer)
        pairs = [("A", 0), ("B", 1)] if "A" in parts else [("embedding_A", 0), ("embedding_B", 1)]
        for part, side in pairs:
            if sizes is None or part not in parts:
                continue
            shape = parts[part]
            has, wants = (shape[-1], sizes[0]) if side == 0 else (shape[0], sizes[1])
            if has == wants:
                continue
            if part == "embedding_A":
                raise ModelError(
                    f"“{self.name}” was trained with another vocabulary: {has:,} rows, {loaded} has {wants:,}. Load "
                    f"{self.base or 'the model it was trained on'}, or choose another adapter.",
                    f"「{self.name}」は語彙の違うモデルで学習したものです（{has:,} 行、{loaded} は {wants:,} 行）。"
                    f"{self.base or '学習に使ったモデル'} を読み込むか、別のアダプターを選んでください。",
                )
            raise ModelError(
                f"“{self.name}” does not fit {loaded}: its part for {layer} is {has} wide, the layer is {wants}. "
                f"It was trained on {self.base or '?'}: load that, or choose another adapter.",
                f"「{self.name}」は {loaded} と形が合いません（{layer} の幅が {has}、モデルは {wants}）。"
                f"学習元は {self.base or '?'} です。それを読み込むか、別のアダプターを選んでください。",
            )


def check_finite(name: str, folder: Path) -> None:
    """Raise ModelError when weights of an adapter are NaN or infinite. One matrix at a time is in memory."""
    from safetensors import safe_open

    wrong = total = 0
    first = ""
    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - it is no mapping
            bad = int((~file.get_tensor(key).isfinite()).any())
            total, wrong, first = total + 1, wrong + bad, first or (key if bad else "")
    if wrong:
        raise ModelError(
            f"“{name}” is broken: {wrong} of its {total} matrices hold NaN or infinity (the first is {first[:100]}). "
            "Its training went wrong: train it again with a smaller learning rate, or choose another adapter.",
            f"「{name}」は壊れています。{total} 個の行列のうち {wrong} 個に NaN か無限大があります（最初は "
            f"{first[:100]}）。学習の失敗です。学習率を下げて学習し直すか、別のアダプターを選んでください。",
        )


def _targets(config: Mapping[str, object], names: set[str]) -> Iterator[str]:
    """The layers that an adapter's settings name; none where they choose among them in more ways than by name."""
    targets = config.get("target_modules")
    narrowed = any(config.get(field) for field in ("exclude_modules", "layers_pattern"))
    if not isinstance(targets, list) or narrowed or config.get("layers_to_transform") is not None:
        return
    for name in sorted(names):
        if any(name == target or name.endswith(f".{target}") for target in targets):
            yield name


def _without_wrappers(layer: str) -> str:
    while layer.endswith(".base_layer"):
        layer = layer.removesuffix(".base_layer")
    return layer


def _sizes(model: "PreTrainedModel", layer: str) -> tuple[int, int] | None:
    """Channels that go in and out of a layer of `model`; None if it is not a matrix, or missing."""
    try:
        module: Any = model.get_submodule(layer)
    except AttributeError:
        return None
    if hasattr(module, "in_features"):
        return module.in_features, module.out_features
    if hasattr(module, "num_embeddings"):
        return module.num_embeddings, module.embedding_dim
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if hasattr(module, "nf") and weight is not None else None  # GPT-2's Conv1D is [in, out]


def _rows(model: "PreTrainedModel", layer: str) -> int | None:
    """Rows of an embedding or a head of `model`."""
    try:
        module: Any = model.get_submodule(layer.removesuffix(".modules_to_save"))
        return int(module.weight.shape[0])
    except AttributeError:
        return None
