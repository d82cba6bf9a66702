"""The controls of a training's settings: one for every field of TrainConfig, and what they say together."""

from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import gradio as gr

from core.models.options import Quantization
from core.train.config import train_config
from core.train.config.train_config import TrainConfig
from tabs.ui.text import t, t_client

SettingValue = float | int | str | bool | None


def _number(step: float = 1) -> Callable[..., gr.Number]:
    whole = isinstance(step, int)
    return lambda **texts: gr.Number(precision=0 if whole else None, step=step, **texts)


def _choice(kind: type) -> Callable[..., gr.Dropdown]:
    return lambda **texts: gr.Dropdown(choices=list(get_args(kind)), filterable=False, **texts)


def _switch(**texts: object) -> gr.Checkbox:
    return gr.Checkbox(**texts)


def _text(**texts: object) -> gr.Textbox:
    return gr.Textbox(max_lines=1, **texts)


# In the order of the form: what is changed most comes first, the rest is folded by what it is about.
# What is allowed, TrainConfig says itself.
GROUPS: dict[str, dict[str, Callable[..., gr.components.Component]]] = {
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
        "target": _text,
        "rslora": _switch,
        "dora": _switch,
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
        "gradient_checkpointing": _switch,
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


def controls() -> list[gr.components.Component]:
    """The components, in the order of CONTROLS, standing on TrainConfig's own values."""
    made = _made(GROUPS["first"])
    for group in list(GROUPS)[1:]:
        with gr.Accordion(t_client(f"train.group_{group}"), open=False, elem_id=f"train-{group}"):
            made += _made(GROUPS[group])
    return made


def _made(names: Iterable[str]) -> list[gr.components.Component]:
    plain = TrainConfig()
    return [
        CONTROLS[name](
            value=getattr(plain, name), label=t_client(f"train.{name}"), info=t_client(f"train.{name}_info"),
            elem_id=f"set-{name}", interactive=True,
        )
        for name in names
    ]  # fmt: skip


def config_of(values: Sequence[SettingValue]) -> TrainConfig:
    """What the controls say. Raises InputError that names every wrong one."""
    return TrainConfig(**dict(zip(CONTROLS, values, strict=True)))


def values_of(config: TrainConfig) -> list[SettingValue]:
    """The inverse of `read_config`."""
    return [getattr(config, name) for name in CONTROLS]


def changed(values: Sequence[SettingValue], config: TrainConfig) -> list[str]:
    """Names of the settings that differ from `config`."""
    return [name for name, value in zip(CONTROLS, values, strict=True) if value != getattr(config, name)]


def summary(config: TrainConfig, language: str) -> str:
    """The settings in one line."""
    return t(language, "train.summary", lr=f"{config.learning_rate:g}", epochs=config.epochs,
               length=f"{config.max_length:,}", rank=config.rank)  # fmt: skip


def steps_of(config: TrainConfig, rows: int) -> int:
    """Optimizer steps that so many rows make, before long rows are cut into several."""
    return -(-rows // config.batch_size) * config.epochs
