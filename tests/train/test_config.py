"""Training settings: every mistake named at once, and nothing lost on the way through JSON."""

import dataclasses

import pytest

from core.errors import InputError
from core.train.config.train_config import RULES, TrainConfig

WRONG = {
    "learning_rate": 0, "epochs": 0, "rank": 0, "alpha": -1, "dropout": 1.0, "target": "", "batch_size": 2.5,
    "tokens_per_micro_batch": True, "max_length": 1,
    "warmup_ratio": float("nan"), "weight_decay": -0.1, "scheduler": "zigzag",
    "rslora": 1, "dora": "yes", "max_grad_norm": -1, "loraplus_ratio": 0.5, "neftune_alpha": -5,
    "seed": -1, "eval_every": -1, "save_every": "2",
    "loss_on": "nothing", "prompt_loss_weight": 0.8, "samples": -1,
    "sample_every": 1.5, "precision": "fp8", "gradient_checkpointing": 1,
    "quantization": "2bit", "patience": -3,
}  # fmt: skip


def test_every_field_has_a_rule() -> None:
    assert {field.name for field in dataclasses.fields(TrainConfig)} == set(RULES) == set(WRONG)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_with_its_name_and_value(name: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainConfig(**{name: WRONG[name]})
    for text in (caught.value.en, caught.value.ja):
        assert f"{name} = {WRONG[name]!r}" in text


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        TrainConfig(**WRONG)
    assert all(f"{name} = " in caught.value.en for name in WRONG)


def test_patience_needs_a_checkpoint_for_every_measure() -> None:
    with pytest.raises(InputError, match="save_every = 5"):
        TrainConfig(patience=2, eval_every=2, save_every=5)
    TrainConfig(patience=2, eval_every=2, save_every=4)


def test_json_keeps_every_field() -> None:
    config = TrainConfig(learning_rate=0.003, epochs=5, target="q_proj, v_proj", quantization="8bit", patience=3)
    assert TrainConfig.from_json(config.to_json()) == config
    assert TrainConfig.from_json({"rank": 8, "of_a_later_version": 1}) == TrainConfig(rank=8)
