"""Settings that fit a model and a data set, each with its reason.

Learning rates and epochs by model size follow what LoRA runs on models of that size are best with: about
ten times the rate of full fine-tuning, nearly the same for every rank, higher the smaller the model.
Thinking Machines' Tinker cookbook puts the last into a formula, 5e-4 · (2000 / hidden size)^0.78 for Llamas
at 128 rows a step. For the smallest the rate is a measurement of ours: see TINY.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.models.precision import choose_precision
from core.models.sizing.dims import ModelDims
from core.text import Text, format_bytes, format_parameters
from core.train.config.estimate import FREE, Device, training_memory
from core.train.config.train_config import TrainConfig

FEWEST_STEPS = 100
MOST_EPOCHS = 5
MOST_STEPS_OF_FEW_ROWS = 60
STYLE_TOKENS = 50_000  # about what it takes to tell a writer by the style


@dataclass(frozen=True)
class SizeClass:
    """What suits models of fewer than `below` parameters."""

    below: float
    learning_rate: float
    epochs: int


# The embedded model (6.8 M), Plato's Socrates, 4 rows a step, one seed: at 4e-3 validation bits a byte fall from
# 3.31 to 2.01 in three epochs; benchmarks/plato.py has what two come to, which stay under three minutes on 2 cores.
TINY = SizeClass(50e6, 4e-3, 2)
SIZES = (
    TINY,
    SizeClass(100e6, 1e-3, 5),
    SizeClass(750e6, 3e-4, 5),
    SizeClass(2.5e9, 2e-4, 4),
    SizeClass(5e9, 2e-4, 3),
    SizeClass(10e9, 1.5e-4, 3),
    SizeClass(float("inf"), 1e-4, 2),
)


@dataclass(frozen=True)
class Recommendation:
    """Settings, and why: sentences in the order of their weight."""

    config: TrainConfig
    reasons: tuple[Text, ...]


def recommend(parameters: int, rows: int, tokens: int | None = None) -> Recommendation:
    """Settings for a base of `parameters` parameters and a data set of `rows` rows.

    `tokens` are the learned tokens of the rows, where they are known.
    """
    size = next(size for size in SIZES if parameters < size.below)
    few = rows < 100
    together, epochs = _pace(size, max(rows, 1))
    config = TrainConfig(
        learning_rate=size.learning_rate,
        epochs=epochs,
        rank=8 if few else 16,
        dropout=0.05 if rows < 2000 else 0.0,
        batch_size=together,
        patience=3,
    )
    return Recommendation(config, tuple(_reasons(config, parameters, rows, tokens)))


def fit(found: Recommendation, shape: ModelDims, device: Device) -> Recommendation:
    """`found` made to fit the device's memory, with as little loss of speed as that takes, and the reason.

    What does not fit however it is held is recommended as small as it gets, and the reason says so.
    """
    config = replace(
        found.config, max_length=max(16, min(found.config.max_length, shape.context or found.config.max_length))
    )
    room = FREE * device.memory
    ways = list(_smaller_and_smaller(config))
    tried = next((way for way in ways if training_memory(shape, way, device) <= room), ways[-1])
    return Recommendation(tried, (*found.reasons, *_reasons_of_memory(tried, shape, device)))


def _smaller_and_smaller(config: TrainConfig) -> Iterator[TrainConfig]:
    yield config
    for quantization in ("none", "4bit"):
        saving = replace(config, quantization=quantization, gradient_checkpointing=True)
        yield saving
        yield replace(saving, tokens_per_micro_batch=config.max_length)
    if config.max_length > 512:
        yield replace(saving, tokens_per_micro_batch=512, max_length=512)


def _reasons_of_memory(config: TrainConfig, shape: ModelDims, device: Device) -> Iterator[Text]:
    need, there = training_memory(shape, config, device), device.memory
    sizes = format_bytes(need), format_bytes(there)
    if need > FREE * there:
        yield Text(
            f"It takes about {sizes[0]}, and there are {sizes[1]}: it will hardly fit here. Choose a smaller model.",
            f"約 {sizes[0]} 必要で、ここには {sizes[1]} しかないため、収まりそうにありません。"
            "もっと小さいモデルを選んでください。",
        )
        return
    ways = [
        (config.quantization == "4bit", "the base is held in 4 bits", "ベースモデルを 4 ビットで持ち"),
        (config.gradient_checkpointing, "activations are computed twice", "途中の値を計算し直し"),
        (bool(config.tokens_per_micro_batch), "few tokens go through at once", "一度に通すトークンを減らし"),
        (config.max_length == 512, "rows are short", "行を短くし"),
    ]
    en, ja = [en for holds, en, _ in ways if holds], [ja for holds, _, ja in ways if holds]
    how = (f"; for that, {' and '.join(en)}", "そのために、" + "、".join(ja) + "ます。") if en else ("", "")
    yield Text(f"It takes about {sizes[0]} of {sizes[1]}{how[0]}.",
           f"{sizes[1]} のうち約 {sizes[0]} を使います。{how[1]}")  # fmt: skip
    if not device.gpu and config.precision == "auto":
        yield choose_precision("training", shape.type, shape.parameters, "cpu").reason
    if device.gpu and not device.bf16:
        whole = device.bits(shape, config) == 32
        yield Text(
            "This GPU has no bfloat16, and this model overflows in float16: it computes in float32."
            if whole else "This GPU has no bfloat16: it computes in float16.",
            "この GPU には bfloat16 がなく、このモデルは float16 では値があふれるので、float32 で計算します。"
            if whole else "この GPU には bfloat16 がないので、float16 で計算します。",
        )  # fmt: skip


def _pace(size: SizeClass, rows: int) -> tuple[int, int]:
    """(rows a step, epochs): large steps where there are enough of them, else smaller steps and more epochs."""
    if rows < 100:
        return 4, max(1, min(MOST_EPOCHS, MOST_STEPS_OF_FEW_ROWS * 4 // rows))
    epochs = min(size.epochs, 5 if rows < 1000 else 3 if rows < 10_000 else 2)
    # A tiny model gains more from more steps than from steadier ones, and its steps cost little.
    for together in (4,) if size is TINY else (16, 8, 4):
        for tried in range(epochs, MOST_EPOCHS + 1):
            if tried * rows >= together * FEWEST_STEPS:
                return together, tried
    return 4, MOST_EPOCHS


def _reasons(config: TrainConfig, parameters: int, rows: int, tokens: int | None) -> list[Text]:
    steps = -(-rows // config.batch_size) * config.epochs
    size = format_parameters(parameters)
    reasons = [
        Text(f"Learning rate {config.learning_rate:g}: the smaller the model, the higher; this one has {size} "
         "parameters.",
         f"学習率 {config.learning_rate:g}: モデルが小さいほど高くします。これは {size} パラメータです。"),
        Text(f"{config.epochs} epochs of {config.batch_size} rows a step: about {steps} steps. Under {FEWEST_STEPS} an "
         f"adapter has hardly learned, over {MOST_EPOCHS} epochs it repeats its rows.",
         f"{config.epochs} エポック、1 ステップ {config.batch_size} 行で約 {steps} ステップ。"
         f"{FEWEST_STEPS} ステップ未満ではほとんど身につかず、{MOST_EPOCHS} エポックを超えると丸暗記になりがちです。"),
    ]  # fmt: skip
    if rows < 100:
        reasons.append(Text(
            f"Only {rows} rows: a small rank and few steps, so that they are not learned by heart. Example exchanges "
            "in the persona may do more.",
            f"{rows} 行しかないので、丸暗記を避けてランクとステップを抑えます。"
            "人格に会話例を書くほうが効くこともあります。",
        ))  # fmt: skip
    if tokens is not None and tokens < STYLE_TOKENS:
        reasons.append(Text(
            f"{tokens:,} tokens of the persona: under about {STYLE_TOKENS:,} the style comes through only in part.",
            f"人格の発言は {tokens:,} トークンです。約 {STYLE_TOKENS:,} より少ないと、口調は一部しか移りません。",
        ))  # fmt: skip
    reasons.append(Text(
        f"It ends after {config.patience} measures without a better one, and keeps the best.",
        f"検証データの値が {config.patience} 回続けて良くならなければ終わり、最も良いものを残します。",
    ))  # fmt: skip
    return reasons
