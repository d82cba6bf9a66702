"""Which numbers a model is held in on a CPU: by what was measured, kept between processes."""

import json
from pathlib import Path

import pytest

from core.models import precision
from core.models.precision import CpuSpeeds, choose_precision, kept_speeds

# Two AVX2 cores without bfloat16 instructions, by a model of 135 M parameters: 65 tokens are read in 0.37 s and one
# is spoken in 91 ms in float32, 1.29 s and 14 ms in bfloat16.
AVX2 = CpuSpeeds({"fp32": 2 * 65 * 135e6 / 0.37, "bf16": 2 * 65 * 135e6 / 1.29}, {"fp32": 135e6 / 0.091, "bf16": 135e6 / 0.014})  # fmt: skip  # noqa: E501
FAST = CpuSpeeds({"fp32": 1e11, "bf16": 4e11}, {"fp32": 5e9, "bf16": 1e10})
NEITHER = CpuSpeeds({"fp32": 1e11, "bf16": 3e10}, {"fp32": 1e10, "bf16": 1e10})


@pytest.mark.parametrize(
    ("speeds", "talking", "training"), [(AVX2, "bf16", "fp32"), (FAST, "bf16", "bf16"), (NEITHER, "fp32", "fp32")]
)
def test_talking_and_training_are_decided_apart(
    monkeypatch: pytest.MonkeyPatch, speeds: CpuSpeeds, talking: str, training: str
) -> None:
    monkeypatch.setattr(precision, "cpu_speeds", lambda: speeds)
    found = [choose_precision(use, "llama", 135e6, "cpu") for use in ("talking", "training")]
    assert [choice.name for choice in found] == [talking, training]
    assert all("measured" in choice.reason[0] and "計測" in choice.reason[1] for choice in found)


def test_the_reason_says_how_much_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_speeds", lambda: AVX2)
    assert "speaks 6.5 × and reads 0.3 ×" in choose_precision("talking", "llama", 135e6, "cpu").reason[0]
    assert "3.5 × as fast as in bfloat16" in choose_precision("training", "llama", 135e6, "cpu").reason[0]


def test_tiny_models_stay_in_float32() -> None:
    assert choose_precision("talking", "llama", 7e6, "cpu").name == "fp32"
    assert choose_precision("training", "llama", 4e6, "cpu").name == "fp32"


def test_what_would_not_fit_in_float32_is_spoken_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_speeds", lambda: NEITHER)
    assert choose_precision("talking", "llama", 1e12, "cpu").name == "bf16"


def test_a_processor_is_measured_once(tmp_path: Path) -> None:
    path, calls = tmp_path / "cache" / "cpu_speeds.json", []

    def measure() -> CpuSpeeds:
        calls.append(1)
        return AVX2

    assert kept_speeds(path, measure) == kept_speeds(path, measure) == AVX2 and len(calls) == 1
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(kept | {"torch": "1.0"}), encoding="utf-8")
    assert kept_speeds(path, measure) == AVX2 and len(calls) == 2  # another torch
    for broken in (
        "",
        "[]",
        json.dumps(kept | {"speeds": {}}),
        json.dumps(kept | {"speeds": {"matmul": 1, "fetch": 2}}),
    ):
        path.write_text(broken, encoding="utf-8")
        assert kept_speeds(path, measure) == AVX2
    assert len(calls) == 6


def test_the_measurement_gives_speeds() -> None:
    found = precision.measure_cpu()
    assert found.measured and all(v > 1e6 for speeds in (found.matmul, found.fetch) for v in speeds.values())


def test_flags_decide_where_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert (precision.speeds_by_flags().talks_in, precision.speeds_by_flags().trains_in) == ("bf16", "fp32")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert (precision.speeds_by_flags().talks_in, precision.speeds_by_flags().trains_in) == ("bf16", "bf16")


@pytest.mark.parametrize(("parameters", "name"), [(135e6, "fp32"), (7e9, "bf16")])
def test_apples_gpus_are_told_in_both_languages(parameters: float, name: str) -> None:
    choice = choose_precision("talking", "llama", int(parameters), "mps")
    assert choice.name == name and "Apple" in choice.reason.en and "Apple" in choice.reason.ja
