"""What talking and training take, and whether this machine has it."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.models.sizing import machine
from core.models.sizing.dims import ModelDims
from core.models.sizing.estimate import (
    ADAPTER_BYTES,
    TALKING_RUNTIME,
    TrainingLoad,
    adapter_parameters,
    talking_memory,
    training_memory,
)
from core.models.sizing.machine import Machine, fits, this_machine
from core.models.sizing.requirements import ModelRequirements, fit_ratings
from core.settings import ROOT
from tests.helpers.known_models import dims_of, known
from tests.helpers.typed import present

GB = 10**9
RINNA = dims_of(known("rinna/japanese-gpt-neox-3.6b"))
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "estimate.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", RESULTS["cases"], ids=lambda case: case["name"])
def test_the_estimate_is_within_a_quarter_of_what_was_measured(case: dict, request: pytest.FixtureRequest) -> None:
    if case["name"] == "llama 49k, training, fp32, 2048":  # not reached: 31 % too low, and why is not known
        request.applymarker(pytest.mark.xfail(strict=True, reason="long rows take more than the layers keep"))
    dims = ModelDims(**RESULTS["models"][case["model"]])
    bits = {"fp32": 32, "bf16": 16}[case["precision"]]
    if case["use"] == "talking":
        found = talking_memory(dims, bits=bits, context=case["length"])
    else:
        found = training_memory(dims, TrainingLoad(**case["load"]))
    assert found == pytest.approx(case["measured"], rel=0.25)


def test_weights_and_cache_are_counted_by_hand() -> None:
    """rinna 3.6B: 7.2 GB of weights, 36 layers of 2816 keys and values for each of 2048 tokens: 0.8 GB."""
    need = talking_memory(RINNA, context=2048)
    by_hand = 2 * 3_607_245_312 + 2 * 36 * 2816 * 2048 * 2
    assert by_hand + TALKING_RUNTIME < need < by_hand + TALKING_RUNTIME + 0.5 * GB
    fewer = talking_memory(replace(RINNA, kv_width=704), context=2048)
    assert need - fewer == 2 * 36 * (2816 - 704) * 2048 * 2


def test_quantised_weights_leave_the_embeddings() -> None:
    for bits, a_weight in ((8, 1), (4, 0.5625)):
        saved = talking_memory(RINNA, context=64) - talking_memory(RINNA, context=64, bits=bits)
        assert saved == pytest.approx((RINNA.parameters - RINNA.embeddings) * (2 - a_weight), abs=2)
    assert talking_memory(RINNA, context=64, bits=32) > 4 * 3_607_245_312


def test_a_training_does_not_hold_the_logits_of_a_whole_batch() -> None:
    """A quarter of a million words cost their embeddings and one chunk of logits, not one of every token."""
    small, large = (replace(RINNA, vocabulary=n, parameters=RINNA.parameters + 2 * (n - 32_000) * 2816)
                    for n in (32_000, 262_144))  # fmt: skip
    more = training_memory(large, TrainingLoad()) - training_memory(small, TrainingLoad())
    assert more == pytest.approx(2 * 2 * (262_144 - 32_000) * 2816, rel=0.05)


def test_rank_costs_the_adapter_its_gradient_and_its_moments() -> None:
    ranks = [training_memory(RINNA, TrainingLoad(rank=rank)) for rank in (16, 32)]
    added = adapter_parameters(RINNA.parameters - RINNA.embeddings, 36, 2816, rank=16) * ADAPTER_BYTES
    assert ranks[1] - ranks[0] == pytest.approx(added, abs=2)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("llama", {"num_key_value_heads": 8}), ("gpt_neox", {"intermediate_size": 2048}), ("qwen3", {"head_dim": 64})],
)  # fmt: skip
def test_the_adapters_size_is_peft_s_within_a_fifth(kind: str, shape: dict) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"vocab_size": 1000, "hidden_size": 512, "num_hidden_layers": 3, "num_attention_heads": 8}
    config = AutoConfig.for_model(kind, **sizes | {"intermediate_size": 1408} | shape)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        body = model.num_parameters() - 2 * 1000 * 512
        tuned = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    actual = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert adapter_parameters(body, 3, 512, rank=16) == pytest.approx(actual, rel=0.2)


def test_what_is_not_known_is_not_guessed() -> None:
    entry = known("sbintuitions/sarashina2.2-0.5b")
    assert entry.parameters is None and ModelRequirements.of_entry(entry).memory(16) is None
    assert set(fit_ratings(entry, Machine(64 * GB)).values()) == {"unknown"}


def test_what_is_published_in_two_bits_is_held_in_two() -> None:
    entry = known("microsoft/bitnet-b1.58-2B-4T")
    needs = ModelRequirements.of_entry(entry)
    assert needs.memory(16) == present(needs.memory(4)) < 2 * present(entry.parameters)
    assert needs.memory(16, training=True) is None


def test_the_window_is_what_the_app_uses() -> None:
    qwen, rinna = (ModelRequirements.of_entry(known(i)) for i in ("Qwen/Qwen3-0.6B", "rinna/japanese-gpt-neox-3.6b"))
    assert qwen.memory(16) == present(qwen.memory(16, context=4096)) > present(qwen.memory(16, context=1024))
    assert rinna.memory(16) == rinna.memory(16, context=4096) == rinna.memory(16, context=2048)


@pytest.mark.parametrize(
    ("need", "mark"), [(None, "unknown"), (7 * GB, "fits"), (8 * GB, "fits"), (9 * GB, "tight"), (10 * GB, "too big")]
)
def test_marks(need: int | None, mark: str) -> None:
    assert fits(need, Machine(10 * GB)) == fits(need, Machine(99 * GB, vram=10 * GB)) == mark


def test_fewer_bits_fit_where_more_do_not() -> None:
    found = fit_ratings(known("rinna/japanese-gpt-neox-3.6b-instruction-ppo"), Machine(32 * GB, vram=8 * GB))
    assert found == {16: "too big", 8: "fits", 4: "fits"}
    assert fit_ratings(known("rinna/japanese-gpt-neox-3.6b"), Machine(8 * GB), training=True)[4] == "fits"


@pytest.fixture
def fresh() -> Iterator[None]:
    this_machine.cache_clear()
    yield
    this_machine.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_containers_limit_is_the_machines_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limits = [tmp_path / name for name in ("none", "max", "limit")]
    limits[1].write_text("max\n")
    limits[2].write_text("1000000000\n")
    monkeypatch.setattr(machine, "CGROUP_LIMITS", tuple(map(str, limits)))
    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    assert this_machine() == Machine(GB)


@pytest.mark.usefixtures("fresh")
def test_a_gpus_memory_is_asked_of_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setattr(machine.shutil, "which", lambda _: str(tool))
    tool.write_text(f"#!{sys.executable}\nprint('8192\\n24576')\n")
    tool.chmod(0o755)
    assert this_machine().vram == this_machine().memory == 24576 << 20
    this_machine.cache_clear()
    tool.write_text("#!/bin/sh\necho 'No devices were found'; exit 6\n")
    assert this_machine().vram is None
