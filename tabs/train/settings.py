"""The controls of a training's settings: one for every field of TrainConfig, and what they say together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import get_args

import gradio as gr

from core.models.options import Quantization
from core.train.config import train_config
from core.train.config.train_config import TrainConfig
from tabs.ui.form import Control, Form
from tabs.ui.text import t, t_client

SettingValue = float | int | str | bool | None


def _number(step: float = 1) -> Callable[..., gr.Number]:
    whole = isinstance(step, int)
    return lambda **texts: gr.Number(precision=0 if whole else None, step=step, **texts)


def _choice(kind: UnionType) -> Callable[..., gr.Dropdown]:
    return lambda **texts: gr.Dropdown(choices=list(get_args(kind)), filterable=False, **texts)


def _text() -> Callable[..., gr.Textbox]:
    return lambda **texts: gr.Textbox(max_lines=1, **texts)


# In the order of the form: what is changed most comes first, the rest is folded by what it is about.
# What is allowed, TrainConfig says itself.
GROUPS: dict[str, dict[str, Callable[..., Control]]] = {
    "first": {
        "learning_rate": _number(step=1e-5),
        "epochs": _number(),
        "batch_size": _number(),
        "max_length": _number(step=64),
        "rank": _number(),
    },
    "adapter": {
        "alpha": _number(),
        "dropout": _number(step=0.05),
        "target": _text(),
        "rslora": gr.Checkbox,
        "dora": gr.Checkbox,
    },
    "learning": {
        "loss_on": _choice(train_config.LossOn),
        "prompt_loss_weight": _number(step=0.05),
        "scheduler": _choice(train_config.Scheduler),
        "warmup_ratio": _number(step=0.01),
        "weight_decay": _number(step=0.01),
        "max_grad_norm": _number(step=0.1),
        "loraplus_ratio": _number(step=1.0),
        "neftune_alpha": _number(step=1.0),
        "seed": _number(),
    },
    "memory": {
        "precision": _choice(train_config.Precision),
        "quantization": _choice(Quantization),
        "gradient_checkpointing": gr.Checkbox,
        "tokens_per_micro_batch": _number(step=1024),
    },
    "measures": {
        "patience": _number(),
        "eval_every": _number(),
        "samples": _number(),
        "sample_every": _number(),
        "save_every": _number(),
    },
}  # fmt: skip
CONTROLS = {name: make for group in GROUPS.values() for name, make in group.items()}


@dataclass(frozen=True)
class SettingsForm(Form):
    """What the controls hold, by the names of TrainConfig's fields."""

    settings: Mapping[str, SettingValue]

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(CONTROLS)

    @classmethod
    def of(cls, values: Sequence) -> "SettingsForm":
        return cls(dict(zip(CONTROLS, values, strict=True)))

    @classmethod
    def showing(cls, config: TrainConfig) -> "SettingsForm":
        """The inverse of `config`."""
        return cls({name: getattr(config, name) for name in CONTROLS})

    def values(self) -> list[SettingValue]:
        return list(self.settings.values())

    def config(self, **changes: SettingValue) -> TrainConfig:
        """What the controls say, with `changes`. Raises InputError that names every wrong one."""
        return TrainConfig.from_json({**self.settings, **changes})


def controls() -> dict[str, Control]:
    """The components by the names of CONTROLS, holding TrainConfig's own values."""
    made = _made(GROUPS["first"])
    for group in list(GROUPS)[1:]:
        with gr.Accordion(t_client(f"train.group_{group}"), open=False, elem_id=f"train-{group}"):
            made |= _made(GROUPS[group])
    return made


def _made(names: Iterable[str]) -> dict[str, Control]:
    plain = TrainConfig()
    return {
        name: CONTROLS[name](
            value=getattr(plain, name), label=t_client(f"train.{name}"), info=t_client(f"train.{name}_info"),
            elem_id=f"set-{name}", interactive=True,
        )
        for name in names
    }  # fmt: skip


def changed(config: TrainConfig, other: TrainConfig) -> list[str]:
    """Names of the settings that differ."""
    return [name for name in CONTROLS if getattr(config, name) != getattr(other, name)]


def summary(config: TrainConfig, language: str) -> str:
    """The settings in one line."""
    return t(language, "train.summary", lr=f"{config.learning_rate:g}", epochs=config.epochs,
               length=f"{config.max_length:,}", rank=config.rank)  # fmt: skip


def steps_of(config: TrainConfig, rows: int) -> int:
    """Optimizer steps for `rows` rows, before long rows are cut into several."""
    return -(-rows // config.batch_size) * config.epochs
