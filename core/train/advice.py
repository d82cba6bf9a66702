"""Settings that fit a model and a data set, each with its reason.

Learning rates and epochs by model size follow what LoRA runs on models of that size are best with: about
ten times the rate of full fine-tuning, nearly the same for every rank, higher the smaller the model.
Thinking Machines' Tinker cookbook puts the last into a formula, 5e-4 · (2000 / hidden size)^0.78 for Llamas
at 128 rows a step. For the smallest the rate is a measurement of ours: see TINY.
"""

from dataclasses import dataclass

from core.train.config import TrainConfig

FEWEST_STEPS = 100
MOST_EPOCHS = 5
MOST_STEPS_OF_FEW_ROWS = 60
STYLE_TOKENS = 50_000  # about what it takes to tell a writer by the style


@dataclass(frozen=True)
class Size:
    """What suits models of fewer than `below` parameters."""

    below: float
    learning_rate: float
    epochs: int
    quantization: str = "none"


# The embedded model (6.8 M), Plato's Socrates, 4 rows a step, one seed: at 4e-3 held-out bits a byte fall from
# 3.31 to 2.01 in three epochs; benchmarks/plato.py has what two come to, which stay under three minutes on 2 cores.
TINY = Size(50e6, 4e-3, 2)
SIZES = (
    TINY,
    Size(100e6, 1e-3, 5),
    Size(750e6, 3e-4, 5),
    Size(2.5e9, 2e-4, 4),
    Size(5e9, 2e-4, 3),
    Size(10e9, 1.5e-4, 3, "4bit"),
    Size(float("inf"), 1e-4, 2, "4bit"),
)


@dataclass(frozen=True)
class Recommendation:
    """Settings, and why: (English, Japanese) sentences in the order of their weight."""

    config: TrainConfig
    reasons: tuple[tuple[str, str], ...]


def recommend(parameters: int, rows: int, tokens: int | None = None) -> Recommendation:
    """Settings for a base of so many parameters and a data set of so many rows.

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
        gradient_checkpointing=parameters >= 1e9,
        quantization=size.quantization,
        patience=3,
    )
    return Recommendation(config, tuple(_reasons(config, parameters, rows, tokens)))


def _pace(size: Size, rows: int) -> tuple[int, int]:
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


def _reasons(config: TrainConfig, parameters: int, rows: int, tokens: int | None) -> list[tuple[str, str]]:
    steps = -(-rows // config.batch_size) * config.epochs
    millions = f"{parameters / 1e6:,.0f}" if parameters >= 10e6 else f"{parameters / 1e6:.1f}"
    reasons = [
        (f"Learning rate {config.learning_rate:g}: the smaller the model, the higher; this one has {millions} M "
         "parameters.",
         f"学習率 {config.learning_rate:g}: モデルが小さいほど高くします。これは {millions} 百万パラメータです。"),
        (f"{config.epochs} epochs of {config.batch_size} rows a step: about {steps} steps. Under {FEWEST_STEPS} an "
         f"adapter has hardly learned, over {MOST_EPOCHS} epochs it repeats its rows.",
         f"{config.epochs} エポック、1 ステップ {config.batch_size} 行で約 {steps} ステップ。"
         f"{FEWEST_STEPS} ステップ未満ではほとんど身につかず、{MOST_EPOCHS} エポックを超えると丸暗記になりがちです。"),
    ]  # fmt: skip
    if rows < 100:
        reasons.append((
            f"Only {rows} rows: a small rank and few steps, so that they are not learned by heart. Example exchanges "
            "in the persona may do more.",
            f"{rows} 行しかないので、丸暗記を避けてランクとステップを抑えます。"
            "人格に会話例を書くほうが効くこともあります。",
        ))  # fmt: skip
    if tokens is not None and tokens < STYLE_TOKENS:
        reasons.append((
            f"{tokens:,} tokens of the persona: under about {STYLE_TOKENS:,} the style comes through only in part.",
            f"人格の発言は {tokens:,} トークンです。約 {STYLE_TOKENS:,} より少ないと、口調は一部しか移りません。",
        ))  # fmt: skip
    if config.quantization != "none":
        reasons.append((
            "The base is held in 4 bits, so that it fits a card of 12 GB.",
            "12 GB の GPU に収まるよう、ベースモデルを 4 ビットで持ちます。",
        ))  # fmt: skip
    reasons.append((
        f"It ends after {config.patience} measures without a better one, and keeps the best.",
        f"検証データの値が {config.patience} 回続けて良くならなければ終わり、最も良いものを残します。",
    ))  # fmt: skip
    return reasons
