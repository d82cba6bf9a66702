"""Recommended settings: enough steps, not too many epochs, and a reason for each in both languages."""

import pytest

from core.train.advice import recommend


@pytest.mark.parametrize("parameters", [1_300_000, 90_000_000, 500_000_000, 1_800_000_000, 4_000_000_000,
                                        7_000_000_000, 14_000_000_000])  # fmt: skip
@pytest.mark.parametrize("rows", [1, 30, 99, 100, 160, 800, 5_000, 50_000])
def test_steps_and_epochs_stay_in_their_bounds(parameters: int, rows: int) -> None:
    found = recommend(parameters, rows)
    config = found.config
    steps = -(-rows // config.batch_size) * config.epochs
    assert 1 <= config.epochs <= 5
    assert steps <= 60 if rows < 100 else steps >= 100
    assert config.target == "all-linear" and config.precision == "auto"
    assert len(found.reasons) >= 3 and all(en and ja for en, ja in found.reasons)


def test_smaller_models_learn_faster_and_large_ones_are_quantised() -> None:
    sizes = [1e6, 5e7, 5e8, 2e9, 7e9, 14e9]
    rates = [recommend(int(size), 500).config.learning_rate for size in sizes]
    assert rates == sorted(rates, reverse=True) and rates[2] == 3e-4
    assert [recommend(int(size), 500).config.quantization for size in sizes] == ["none"] * 4 + ["4bit"] * 2


def test_few_words_of_the_persona_are_warned_of() -> None:
    def told(tokens: int | None) -> bool:
        return any("tokens of the persona" in en for en, _ in recommend(int(5e8), 500, tokens).reasons)

    assert told(20_000) and not told(90_000) and not told(None)
