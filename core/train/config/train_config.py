"""The settings of a training run, checked as a whole.

Every mistake is found at once, so that a form can be corrected in one go. What to set them to for a
model and a data set is in `core.train.config.advice`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from core.errors import InputError
from core.models.options import Quantization
from core.text import Text

Precision = Literal["auto", "bf16", "fp32", "fp16"]
LossOn = Literal["every_reply", "last_reply"]
Scheduler = Literal["linear", "cosine", "cosine_with_min_lr", "warmup_stable_decay", "constant"]


@dataclass(frozen=True)
class TrainConfig:
    """How an adapter is trained. Raises one InputError that names every control with a wrong value."""

    learning_rate: float = 2e-4
    """Highest learning rate, reached after the warm-up."""
    epochs: int = 3
    """How often every row is seen."""
    rank: int = 16
    """Rank r of the LoRA matrices."""
    alpha: int = 32
    """LoRA scale: updates are multiplied by alpha / rank."""
    dropout: float = 0.05
    """Share of a LoRA layer's inputs that is dropped while training."""
    rslora: bool = False
    """Scale by alpha / √rank instead (Kalajdzievski 2023): large ranks then learn as fast as small ones."""
    dora: bool = False
    """Learn each weight's length apart from its direction (DoRA, Liu et al. 2024): slower, takes more memory."""
    target: str = "all-linear"
    """Layers that get an adapter: "all-linear", or module names with commas between them."""
    batch_size: int = 8
    """Rows that one optimizer step learns from."""
    tokens_per_micro_batch: int = 0
    """Tokens, padding included, that go through the model at once; 0 lets memory decide. Changes no result."""
    max_length: int = 1024
    """Tokens of a row. Longer ones are cut into several by whole turns."""
    loss_on: LossOn = "every_reply"
    """Which of the persona's replies in a row are learned; the others are context."""
    prompt_loss_weight: float = 0.0
    """The weight of a token of the conversation around them, where one of the persona's counts 1. It can help where
    rows are few and replies short (Shi et al. 2024), and it teaches the other side's words a little."""
    warmup_ratio: float = 0.05
    """Share of the steps in which the learning rate rises from 0."""
    scheduler: Scheduler = "cosine"
    """How the learning rate goes on after the warm-up. cosine_with_min_lr ends at a tenth of the highest;
    warmup_stable_decay stays high and falls over the last fifth of the steps."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down to this length; 0 leaves them."""
    loraplus_ratio: float = 0.0
    """LoRA+ (Hayou et al. 2024): B matrices learn this many times faster than A; 0 for the same rate."""
    neftune_alpha: float = 0.0
    """NEFTune (Jain et al. 2023): noise of this strength on the embeddings of a training row; 0 for none."""
    seed: int = 0
    """Start of all random choices: the same seed gives the same run."""
    eval_every: int = 0
    """Steps between two measures on the validation rows; 0 measures up to ten times a run."""
    samples: int = 3
    """Openings of validation rows that the model answers while it learns, to be read beside the curve."""
    sample_every: int = 0
    """Steps between two such looks; 0 has them as often as it measures."""
    save_every: int = 0
    """Steps between two checkpoints; 0 saves as often as it measures."""
    precision: Precision = "auto"
    """Numbers of the frozen base; "auto" takes what the device is fast and safe with."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, about a third slower."""
    quantization: Quantization = "none"
    """Hold the frozen base in 4 (NF4) or 8 bits, through bitsandbytes."""
    patience: int = 0
    """Stop after this many measures without a better one, and keep the best; 0 trains to the end."""

    def __post_init__(self) -> None:
        mistakes = [
            (f"{f.name} = {value!r} ({rule.text.en})", f"{f.name} = {value!r}（{rule.text.ja}）")
            for f in fields(self)
            if (rule := RULES.get(f.name)) and not rule.holds(value := getattr(self, f.name))
        ]
        if not mistakes and self.patience and self.eval_every and self.save_every % self.eval_every:
            mistakes = [(
                f"save_every = {self.save_every} (with patience, a multiple of eval_every = {self.eval_every})",
                f"save_every = {self.save_every}（patience を使うときは eval_every = {self.eval_every} の倍数）",
            )]  # fmt: skip
        if mistakes:
            raise InputError(
                "These settings cannot be used: " + "; ".join(en for en, _ in mistakes) + ".",
                "この設定は使えません: " + "、".join(ja for _, ja in mistakes) + "。",
            )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TrainConfig":
        """The inverse of `to_json`; unknown keys are ignored."""
        return cls(**{f.name: value[f.name] for f in fields(cls) if f.name in value})


@dataclass(frozen=True)
class FieldRule:
    """What one control accepts, and how that is said."""

    holds: Callable[[object], bool]
    text: Text


def _whole(low: int, high: int) -> FieldRule:
    def holds(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return FieldRule(holds, Text(f"a whole number from {low} to {high}", f"{low} 以上 {high} 以下の整数"))


def _number(low: float, high: float, *, above: bool = False) -> FieldRule:
    def holds(value: object) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return (low < value if above else low <= value) and value <= high

    en = f"above {low:g}, at most {high:g}" if above else f"from {low:g} to {high:g}"
    return FieldRule(holds, Text(en, f"{low:g} {'より大きく' if above else '以上'} {high:g} 以下"))


def _one_of(*choices: str) -> FieldRule:
    return FieldRule(
        lambda value: value in choices, Text(f"one of {', '.join(choices)}", f"{'、'.join(choices)} のどれか")
    )


SWITCH = FieldRule(lambda value: isinstance(value, bool), Text("true or false", "true か false"))
NOT_SLOWER = _number(1, 100)

RULES = {
    "learning_rate": _number(0, 1, above=True),
    "epochs": _whole(1, 1000),
    "rank": _whole(1, 1024),
    "alpha": _whole(1, 4096),
    "dropout": _number(0, 0.9),
    "target": FieldRule(
        lambda value: isinstance(value, str) and bool(re.fullmatch(r"[\w.\-]+( *, *[\w.\-]+)*", value)),
        Text("all-linear, or module names with commas between them", "all-linear か、コンマ区切りのモジュール名"),
    ),
    "batch_size": _whole(1, 1024),
    "tokens_per_micro_batch": _whole(0, 10_000_000),
    "max_length": _whole(16, 1_000_000),
    "loss_on": _one_of(*get_args(LossOn)),
    "prompt_loss_weight": _number(0, 0.5),
    "warmup_ratio": _number(0, 0.9),
    "weight_decay": _number(0, 1),
    "rslora": SWITCH,
    "dora": SWITCH,
    "max_grad_norm": _number(0, 1000),
    "loraplus_ratio": FieldRule(
        lambda value: value == 0 or NOT_SLOWER.holds(value),
        Text(f"0, or {NOT_SLOWER.text.en}", f"0 か、{NOT_SLOWER.text.ja}"),
    ),
    "neftune_alpha": _number(0, 100),
    "scheduler": _one_of(*get_args(Scheduler)),
    "seed": _whole(0, 2**32 - 1),
    "eval_every": _whole(0, 10**9),
    "samples": _whole(0, 20),
    "sample_every": _whole(0, 10**9),
    "save_every": _whole(0, 10**9),
    "precision": _one_of(*get_args(Precision)),
    "gradient_checkpointing": SWITCH,
    "quantization": _one_of(*get_args(Quantization)),
    "patience": _whole(0, 1000),
}
