"""Settings of adapters from elsewhere, put in the form that is loaded: layers by name, nothing to import."""

import json
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from core.adapters.check import check_adapter, name_targets
from core.errors import ModelError
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS

PATTERN = r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q_proj|v_proj))|(?:\bmodel\.layers\.[\d]{1,}\..*?q_proj)"
LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj"]
UNSLOTH = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": PATTERN,
    "base_model_name_or_path": "unsloth/x-bnb-4bit",
    "auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.x", "unsloth_fixed": True},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights = {f"base_model.model.{layer}.lora_{side}.weight": numpy.zeros((2, 2), numpy.float32)
               for layer in LAYERS for side in "AB"}  # fmt: skip
    save_file(weights, tmp_path / ADAPTER_WEIGHTS)
    return tmp_path


def write(folder: Path, config: dict) -> None:
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config), encoding="utf-8")


def read(folder: Path) -> dict:
    return json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))


def test_a_pattern_of_layers_becomes_their_names(folder: Path) -> None:
    write(folder, UNSLOTH)
    with pytest.raises(ModelError, match="target_modules"):
        check_adapter(folder)
    name_targets(folder)
    assert read(folder) == {**UNSLOTH, "target_modules": LAYERS, "auto_mapping": None}
    check_adapter(folder)


def test_what_else_could_import_or_open_something_stays_to_be_refused(folder: Path) -> None:
    for more in ({"auto_mapping": {"parent_library": "os"}}, {"trainable_token_indices": [1]}, {"peft_type": "IA3"}):
        write(folder, {**UNSLOTH, "auto_mapping": None, **more})
        name_targets(folder)
        with pytest.raises(ModelError, match=next(iter(more))):
            check_adapter(folder)


def test_plain_settings_and_unreadable_ones_are_left_as_they_are(folder: Path) -> None:
    plain = {**UNSLOTH, "target_modules": ["q_proj"], "auto_mapping": None}
    write(folder, plain)
    name_targets(folder)
    assert read(folder) == plain
    (folder / ADAPTER_WEIGHTS).write_bytes(b"cut")
    write(folder, UNSLOTH)
    name_targets(folder)
    assert read(folder) == UNSLOTH
    (folder / ADAPTER_CONFIG).write_text("{", encoding="utf-8")
    name_targets(folder)


EXPERTS = {**UNSLOTH, "target_modules": ["q_proj"], "target_parameters": ["gate_up_proj", "gate.weight"],
           "auto_mapping": None}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "loads"),
    [
        ({r".*\.gate_up_proj": 8}, True),  # as peft writes it for the experts of a mixture
        ({"gate_up_proj": 8, r".*\.mlp\.gate": 2}, True),
        ({r".*\.gate_up_proj": 100_000}, False),
        ({r".*\.(a+)+b": 8}, False),
        ({r".*.*\.x": 8}, False),
        ({r".*\..*\.x": 8}, False),
        ({r".*\.": 8}, False),
    ],
)
def test_ranks_by_layer_are_read_and_no_other_pattern_is(folder: Path, pattern: dict[str, int], loads: bool) -> None:
    write(folder, {**EXPERTS, "rank_pattern": pattern})
    if loads:
        check_adapter(folder)
        return
    with pytest.raises(ModelError, match="rank_pattern"):
        check_adapter(folder)
