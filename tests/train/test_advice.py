"""Recommended settings: enough steps, not too many epochs, and a reason for each in both languages."""

import pytest

from core.catalogue.catalogue import CatalogueEntry, catalogue
from core.models.sizing.dims import ModelDims
from core.train.config.advice import fit, recommend
from core.train.config.estimate import FREE, GB, Device, training_memory
from tests.helpers.known_models import dims_of, known
from tests.helpers.typed import present


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


def test_smaller_models_learn_faster() -> None:
    sizes = [1e6, 5e7, 5e8, 2e9, 7e9, 14e9]
    rates = [recommend(int(size), 500).config.learning_rate for size in sizes]
    assert rates == sorted(rates, reverse=True) and rates[2] == 3e-4


def test_few_words_of_the_persona_are_warned_of() -> None:
    def told(tokens: int | None) -> bool:
        return any("tokens of the persona" in en for en, _ in recommend(int(5e8), 500, tokens).reasons)

    assert told(20_000) and not told(90_000) and not told(None)


CARD_12 = Device(12 << 30, gpu=True, bf16=True)
T4 = Device(15 << 30, gpu=True, bf16=False)  # 16 GB on the box, 15 GiB for programs
TRAINABLE = [e for e in catalogue() if ModelDims.of_entry(e) and present(e.parameters) < 8e9 and not e.stored_bits]


@pytest.mark.parametrize("device", [CARD_12, T4], ids=["12 GB", "T4"])
@pytest.mark.parametrize("entry", TRAINABLE, ids=lambda entry: entry.name)
def test_every_model_of_the_catalogue_up_to_7b_fits_or_it_is_said_why_not(
    entry: CatalogueEntry, device: Device
) -> None:
    shape = dims_of(entry)
    found = fit(recommend(shape.parameters, 500), shape, device)
    fits = training_memory(shape, found.config, device) <= FREE * device.memory
    assert fits != any("hardly fit" in en for en, _ in found.reasons)
    assert fits, f"{entry.name}: {training_memory(shape, found.config, device) / GB:.1f} GB"  # today all of them do
    assert found.config.precision == "auto" and found.config.max_length >= 512


def test_gemma_2_is_never_computed_in_float16() -> None:
    gemma = next(dims_of(entry) for entry in catalogue() if entry.architecture == "gemma2")
    found = fit(recommend(gemma.parameters, 500), gemma, T4)
    assert T4.bits(gemma, found.config) == 32 and any("float32" in en for en, _ in found.reasons)
    qwen = next(dims_of(entry) for entry in catalogue() if entry.architecture == "qwen3")
    assert T4.bits(qwen, found.config) == 16


def test_memory_is_saved_only_where_it_has_to_be() -> None:
    entry = next(entry for entry in catalogue() if entry.parameters and 6e9 < entry.parameters < 8e9)
    shape = dims_of(entry)
    plain = recommend(shape.parameters, 500)
    large = fit(plain, shape, Device(80 << 30, gpu=True, bf16=True)).config
    small = fit(plain, shape, CARD_12).config
    assert large.quantization == "none" and small.quantization == "4bit" and small.gradient_checkpointing
    hopeless = fit(plain, shape, Device(3 << 30, gpu=True, bf16=True))
    assert any("hardly fit" in en and "smaller model" in en for en, _ in hopeless.reasons)


def test_what_takes_more_is_estimated_to_take_more() -> None:
    from dataclasses import replace

    shape = dims_of(TRAINABLE[1])
    config = recommend(shape.parameters, 500).config
    plain = training_memory(shape, config, CARD_12)
    for more in ({"rank": 64}, {"tokens_per_micro_batch": 32_768}, {"precision": "fp32"}, {"dora": True}):
        assert training_memory(shape, replace(config, **more), CARD_12) > plain, more
    for less in (
        {"gradient_checkpointing": True},
        {"quantization": "4bit"},
        {"tokens_per_micro_batch": 2048},
        {"dropout": 0.0},
    ):
        assert training_memory(shape, replace(config, **less), CARD_12) < plain, less


@pytest.mark.parametrize("name", ["google/gemma-2-2b-it", "google/gemma-2-2b-jpn-it"])
def test_gemma_2_2b_learns_on_a_t4(name: str) -> None:
    """16 GB, no bfloat16, and a model that overflows in float16: it computes in float32, and still fits in 4 bits."""
    from dataclasses import replace

    from core.models.sizing.machine import Machine
    from core.models.sizing.requirements import fit_ratings

    entry = known(name)
    shape = dims_of(entry)
    found = fit(recommend(shape.parameters, 500), shape, T4)
    assert training_memory(shape, found.config, T4) <= FREE * T4.memory
    assert not any("hardly fit" in en for en, _ in found.reasons)
    in_four = replace(found.config, quantization="4bit", gradient_checkpointing=True, tokens_per_micro_batch=1024)
    assert 3 * GB < training_memory(shape, in_four, T4) < 8 * GB
    assert fit_ratings(entry, Machine(64 << 30, vram=T4.memory), training=True)[4] == "fits"
