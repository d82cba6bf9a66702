"""The catalogue: what is known of each model."""

import json
import subprocess
import sys

import pytest

from core.catalogue import catalogue as module
from core.catalogue.catalogue import catalogue, entry_of, model_name
from core.models.loading import HUB_ID
from core.prompt.template_names import template_names
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


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_an_entry_is_whole(entry: module.CatalogueEntry) -> None:
    assert entry.id == MINI or HUB_ID.fullmatch(entry.id)
    assert entry.name and entry.sources and all(entry.notes)
    assert entry.format in (*template_names(), "model")
    assert entry.loading in ("native", "project", "remote")
    assert (entry.loading == "remote") == (entry.instead is not None)
    instead = entry_of(entry.instead or "")
    assert entry.instead is None or (instead and instead.loading == "native")
    numbers = (entry.parameters, entry.layers, entry.width, entry.kv_width, entry.vocabulary, entry.context)
    assert all(value is None or (type(value) is int and value > 0) for value in numbers)
    assert entry.kv_width is None or (entry.width and entry.kv_width <= entry.width)
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


@pytest.mark.parametrize("entry", [e for e in catalogue() if e.parameters and e.layers], ids=lambda entry: entry.id)
def test_the_figures_of_an_entry_agree(entry: module.CatalogueEntry) -> None:
    """Layers between 9 and 17 times the square of the width, which all these architectures have."""
    assert entry.parameters and entry.vocabulary and entry.width and entry.layers
    body = entry.parameters - entry.vocabulary * entry.width * (1 if entry.tied else 2)
    assert 6 < body / entry.layers / entry.width**2 < 17


def test_the_embedded_models_figures_are_those_of_its_files() -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    entry = entry_of(MINI)
    assert entry and entry.parameters
    stored = sum(path.stat().st_size for path in FOLDER.glob("*.safetensors"))
    assert 0 <= stored - 2 * entry.parameters < 100_000  # bfloat16, and the files' headers
    assert (entry.layers, entry.width, entry.vocabulary, entry.context, entry.tied) == (
        config["num_hidden_layers"], config["hidden_size"], config["vocab_size"], config["max_position_embeddings"],
        config["tie_word_embeddings"],
    )  # fmt: skip
    assert entry.kv_width == config["num_key_value_heads"] * config["head_dim"]


def test_a_model_is_found_by_id_and_folder() -> None:
    entry = entry_of("rinna/japanese-gpt-neox-3.6b")
    assert entry and entry.format == "dialogue"
    for where in ("/home/x/hub/models--rinna--japanese-gpt-neox-3.6b/snapshots/0123", r"D:\llm\japanese-gpt-neox-3.6b",
                  "models/Japanese-GPT-NeoX-3.6b/"):  # fmt: skip
        assert entry_of(where) == entry
    assert entry_of("somebody/japanese-gpt-neox-3.6b-mine") is None
    assert entry_of("") is None and model_name("/") == ""


def test_nothing_heavy_is_imported() -> None:
    code = ("import sys; from core.models.sizing.suitable import ranked; "
            "ranked(measure=False); "
            "print([n for n in ('torch', 'transformers', 'gradio') if n in sys.modules])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
