"""The catalogue: what is known of each model, how much memory it takes, and whether this machine has it."""

import json
import subprocess
import sys

import pytest

from core.catalogue import catalogue as module
from core.catalogue.catalogue import (
    Machine,
    adapter_parameters,
    catalogue,
    entry_of,
    fit_ratings,
    fits,
    memory_for,
    model_name,
    suggestions,
    this_machine,
)
from core.models.loading import HUB_ID
from core.prompt.chat_template import template_names
from core.settings import ROOT
from tests.helpers.architectures_tiny import STAND_INS

WANTED = (
    "rinna/japanese-gpt-neox-3.6b", "rinna/japanese-gpt-neox-3.6b-instruction-sft-v2",
    "rinna/japanese-gpt-neox-3.6b-instruction-ppo", "stabilityai/japanese-stablelm-base-alpha-7b",
    "stabilityai/japanese-stablelm-instruct-alpha-7b", "stabilityai/japanese-stablelm-instruct-alpha-7b-v2",
    "google/gemma-2-2b-it", "google/gemma-2-2b-jpn-it", "Qwen/Qwen3-0.6B", "llm-jp/llm-jp-3-1.8b-instruct",
    "sbintuitions/sarashina2.2-3b-instruct-v0.1", "line-corporation/japanese-large-lm-3.6b",
    "microsoft/bitnet-b1.58-2B-4T",
)  # fmt: skip
MINI = "omokage-mini"
FOLDER = ROOT / "models" / MINI
RINNA = {"parameters": 3_607_245_312, "layers": 36, "width": 2816, "vocabulary": 32_000}
GB = 10**9


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_an_entry_is_whole(entry: module.CatalogueEntry) -> None:
    assert entry.id == MINI or HUB_ID.fullmatch(entry.id)
    assert entry.name and entry.sources and all(entry.notes[language] for language in ("en", "ja"))
    assert entry.format in (*template_names(), "model")
    assert entry.loading in ("native", "project", "remote")
    assert (entry.loading == "remote") == (entry.instead is not None)
    assert entry.instead is None or entry_of(entry.instead).loading == "native"
    numbers = (entry.parameters, entry.layers, entry.width, entry.kv_width, entry.vocabulary, entry.context)
    assert all(value is None or (type(value) is int and value > 0) for value in numbers)
    assert entry.kv_width is None or entry.kv_width <= entry.width
    assert entry.licence is None or entry.licence.strip()


def test_the_models_people_come_for_are_there_once() -> None:
    ids = [entry.id for entry in catalogue()]
    assert len(set(ids)) == len(ids) and {*WANTED, MINI} <= set(ids)


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_an_entry_says_what_was_tried_and_what_was_not(entry: module.CatalogueEntry) -> None:
    """A stand-in of its architecture goes the whole way in test_architectures.py, or it says why not."""
    en, ja = entry.tried
    assert ("stand-in" in en) == (entry.architecture in STAND_INS and entry.id != MINI)
    assert ja and ("published weights" in en or "Not tried" in en or entry.id == MINI)


def test_a_newcomer_is_shown_a_few_that_fit() -> None:
    small, large = suggestions(Machine(4 * GB)), suggestions(Machine(64 * GB))
    assert {entry.id for entry in (*small, *large)} <= set(module.SUGGESTED)
    assert small[0].id == large[0].id == "Qwen/Qwen3-0.6B" and len(large) == module.SHOWN_FIRST > 2
    assert all("fits" in fit_ratings(entry, Machine(4 * GB)).values() for entry in small)
    assert len(suggestions(Machine(GB))) > 0  # nothing fits: it is still told what there is
    assert all(entry.loading == "native" for entry in large)


@pytest.mark.parametrize("entry", [e for e in catalogue() if e.parameters and e.layers], ids=lambda entry: entry.id)
def test_the_figures_of_an_entry_agree(entry: module.CatalogueEntry) -> None:
    """Layers between 9 and 17 times the square of the width, which all these architectures have."""
    body = entry.parameters - entry.vocabulary * entry.width * (1 if entry.tied else 2)
    assert 6 < body / entry.layers / entry.width**2 < 17


def test_the_embedded_models_figures_are_those_of_its_files() -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    entry = entry_of(MINI)
    stored = sum(path.stat().st_size for path in FOLDER.glob("*.safetensors"))
    assert 0 <= stored - 2 * entry.parameters < 100_000  # bfloat16, and the files' headers
    assert (entry.layers, entry.width, entry.vocabulary, entry.context, entry.tied) == (
        config["num_hidden_layers"], config["hidden_size"], config["vocab_size"], config["max_position_embeddings"],
        config["tie_word_embeddings"],
    )  # fmt: skip
    assert entry.kv_width == config["num_key_value_heads"] * config["head_dim"]


def test_a_model_is_found_by_id_and_folder() -> None:
    entry = entry_of("rinna/japanese-gpt-neox-3.6b")
    assert entry.format == "dialogue"
    for where in ("/home/x/hub/models--rinna--japanese-gpt-neox-3.6b/snapshots/0123", r"D:\llm\japanese-gpt-neox-3.6b",
                  "models/Japanese-GPT-NeoX-3.6b/"):  # fmt: skip
        assert entry_of(where) == entry
    assert entry_of("somebody/japanese-gpt-neox-3.6b-mine") is None
    assert entry_of("") is None and model_name("/") == ""


def test_weights_and_cache_are_counted_by_hand() -> None:
    """rinna 3.6B: 7.2 GB of weights, 36 layers of 2816 keys and values for each of 2048 tokens: 0.8 GB."""
    need = memory_for(**RINNA, context=2048)
    by_hand = 2 * 3_607_245_312 + 2 * 36 * 2816 * 2048 * 2
    assert by_hand + module.RUNTIME < need < by_hand + module.RUNTIME + 0.3 * GB
    fewer = memory_for(**RINNA, context=2048, kv_width=704)
    assert need - fewer == 2 * 36 * (2816 - 704) * 2048 * 2


def test_quantised_weights_leave_the_embeddings() -> None:
    embeddings = 2 * 32_000 * 2816
    for bits, a_weight in ((8, 1), (4, 0.5625)):
        saved = memory_for(**RINNA, context=64) - memory_for(**RINNA, context=64, bits=bits)
        assert saved == pytest.approx((3_607_245_312 - embeddings) * (2 - a_weight), abs=2)
    assert memory_for(**RINNA, context=64, bits=32) > 4 * 3_607_245_312


def test_training_costs_the_adapter_the_activations_and_the_logits() -> None:
    small, large = (memory_for(**RINNA, context=n, training=True) for n in (512, 1024))
    each = (large - small) / 512  # bytes a token
    assert each == pytest.approx(36 * 2816 * 2 + 2816 * module.LAYER_BYTES + 32_000 * module.LOGIT_BYTES)
    assert memory_for(**RINNA, context=512, batch=2, training=True) == pytest.approx(large, abs=2)
    ranks = [memory_for(**RINNA, context=512, training=True, rank=rank) for rank in (16, 32)]
    added = adapter_parameters(3_607_245_312 - 2 * 32_000 * 2816, 36, 2816, rank=16) * module.ADAPTER_BYTES
    assert ranks[1] - ranks[0] == pytest.approx(added, abs=2)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("llama", {"num_key_value_heads": 8}), ("gpt_neox", {"intermediate_size": 2048}), ("qwen3", {"head_dim": 64})],
)  # fmt: skip
def test_the_adapters_size_is_peft_s_within_a_fifth(kind: str, shape: dict) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    config = CONFIG_MAPPING[kind](vocab_size=1000, hidden_size=512, num_hidden_layers=3, num_attention_heads=8,
                                  **({"intermediate_size": 1408} | shape))  # fmt: skip
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        body = model.num_parameters() - 2 * 1000 * 512
        tuned = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    actual = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert adapter_parameters(body, 3, 512, rank=16) == pytest.approx(actual, rel=0.2)


def test_what_is_not_known_is_not_guessed() -> None:
    entry = entry_of("sbintuitions/sarashina2.2-0.5b")
    assert entry.parameters is None and entry.memory() is None
    assert set(fit_ratings(entry, Machine(64 * GB)).values()) == {"unknown"}


def test_what_is_published_in_two_bits_is_held_in_two() -> None:
    entry = entry_of("microsoft/bitnet-b1.58-2B-4T")
    assert entry.memory(bits=16) == entry.memory(bits=4) < 2 * entry.parameters
    assert entry.memory(training=True) is None


def test_the_window_is_what_the_app_uses() -> None:
    qwen, rinna = entry_of("Qwen/Qwen3-0.6B"), entry_of("rinna/japanese-gpt-neox-3.6b")
    assert qwen.memory() == qwen.memory(context=4096) > qwen.memory(context=1024)
    assert rinna.memory() == rinna.memory(context=4096) == rinna.memory(context=2048)


@pytest.mark.parametrize(
    ("need", "mark"), [(None, "unknown"), (7 * GB, "fits"), (8 * GB, "fits"), (9 * GB, "tight"), (10 * GB, "too big")]
)
def test_marks(need: int | None, mark: str) -> None:
    assert fits(need, Machine(10 * GB)) == fits(need, Machine(99 * GB, vram=10 * GB)) == mark


def test_fewer_bits_fit_where_more_do_not() -> None:
    found = fit_ratings(entry_of("rinna/japanese-gpt-neox-3.6b-instruction-ppo"), Machine(32 * GB, vram=8 * GB))
    assert found == {16: "too big", 8: "fits", 4: "fits"}
    assert fit_ratings(entry_of("rinna/japanese-gpt-neox-3.6b"), Machine(8 * GB), training=True)[4] == "fits"


@pytest.fixture
def fresh() -> None:
    this_machine.cache_clear()
    yield
    this_machine.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_a_containers_limit_is_the_machines_memory(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    limits = [tmp_path / name for name in ("none", "max", "limit")]
    limits[1].write_text("max\n")
    limits[2].write_text("1000000000\n")
    monkeypatch.setattr(module, "CGROUP_LIMITS", tuple(map(str, limits)))
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert this_machine() == Machine(GB)


@pytest.mark.usefixtures("fresh")
def test_a_gpus_memory_is_asked_of_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setattr(module.shutil, "which", lambda _: str(tool))
    tool.write_text(f"#!{sys.executable}\nprint('8192\\n24576')\n")
    tool.chmod(0o755)
    assert this_machine().vram == this_machine().memory == 24576 << 20
    this_machine.cache_clear()
    tool.write_text("#!/bin/sh\necho 'No devices were found'; exit 6\n")
    assert this_machine().vram is None


def test_nothing_heavy_is_imported() -> None:
    code = ("import sys; from core.catalogue.catalogue import *; [e.memory() for e in catalogue()]; this_machine(); "
            "print([n for n in ('torch', 'transformers', 'gradio') if n in sys.modules])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
