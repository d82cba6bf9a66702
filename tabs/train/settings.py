"""The controls of a training's settings: one for every field of TrainConfig, and what they say together."""

from collections.abc import Callable, Sequence

import gradio as gr

from core.train.config import TrainConfig
from tabs.frame.text import label, say

Value = float | int | str | bool | None


def _number(*, precision: int | None = 0, step: float = 1) -> Callable[..., gr.Number]:
    return lambda **texts: gr.Number(precision=precision, step=step, **texts)


def _choice(*choices: str) -> Callable[..., gr.Dropdown]:
    return lambda **texts: gr.Dropdown(choices=list(choices), filterable=False, **texts)


# In the order of the form: what changes the result most comes first. What is allowed, TrainConfig says itself.
CONTROLS: dict[str, Callable[..., gr.components.Component]] = {
    "learning_rate": _number(precision=None, step=1e-5),
    "epochs": _number(),
    "max_length": _number(step=64),
    "rank": _number(),
    "batch_size": _number(),
    "micro_tokens": _number(step=1024),
    "patience": _number(),
    "alpha": _number(),
    "dropout": _number(precision=None, step=0.05),
    "gradient_checkpointing": lambda **texts: gr.Checkbox(**texts),
    "quantization": _choice("none", "4bit", "8bit"),
    "precision": _choice("auto", "bf16", "fp32", "fp16"),
    "target": lambda **texts: gr.Textbox(max_lines=1, **texts),
    "warmup_ratio": _number(precision=None, step=0.01),
    "weight_decay": _number(precision=None, step=0.01),
    "scheduler": _choice("linear", "cosine", "constant"),
    "eval_every": _number(),
    "save_every": _number(),
    "seed": _number(),
}

FIRST = 7  # that many stand open, the others behind one more fold


def controls() -> list[gr.components.Component]:
    """The components, in the order of CONTROLS, standing on TrainConfig's own values."""
    first = _made(list(CONTROLS)[:FIRST])
    with gr.Accordion(label("train.more"), open=False, elem_id="train-more"):
        return first + _made(list(CONTROLS)[FIRST:])


def _made(names: Sequence[str]) -> list[gr.components.Component]:
    plain = TrainConfig()
    return [
        CONTROLS[name](
            value=getattr(plain, name), label=label(f"train.{name}"), info=label(f"train.{name}_info"),
            elem_id=f"set-{name}", interactive=True,
        )
        for name in names
    ]  # fmt: skip


def config_of(values: Sequence[Value]) -> TrainConfig:
    """What the controls say. Raises InputError that names every wrong one."""
    return TrainConfig(**dict(zip(CONTROLS, values, strict=True)))


def values_of(config: TrainConfig) -> list[Value]:
    """The inverse of `config_of`."""
    return [getattr(config, name) for name in CONTROLS]


def changed(values: Sequence[Value], config: TrainConfig) -> list[str]:
    """Names of the settings that differ from `config`."""
    return [name for name, value in zip(CONTROLS, values, strict=True) if value != getattr(config, name)]


def summary(config: TrainConfig, language: str) -> str:
    """The settings in one line."""
    return say(language, "train.summary", lr=f"{config.learning_rate:g}", epochs=config.epochs,
               length=f"{config.max_length:,}", rank=config.rank)  # fmt: skip


def steps_of(config: TrainConfig, rows: int) -> int:
    """Optimizer steps that so many rows make, before long rows are cut into several."""
    return -(-rows // config.batch_size) * config.epochs
