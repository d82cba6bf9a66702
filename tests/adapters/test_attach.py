"""Whether an adapter belongs to the model in memory: by the weights it was trained on, its rank and its shapes."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.adapters.attach import UnsureBaseError, accept_base, activate_adapter, check_base, check_shapes, plain_name
from core.adapters.store import Adapter
from core.errors import ModelError
from core.models.fingerprint import fingerprint, fingerprint_of
from core.models.loading import LoadedModel
from core.models.options import DEFAULT_LOAD
from core.models.weights import read_model
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from tests.chat.test_engine import make_adapter
from tests.helpers.tab_tiny import without_weights
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import untyped


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("attached") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    made = make_adapter(base, tmp_path_factory.mktemp("adapters") / "mika", seed=1)
    return replace(made, training=made.training | {"base_fingerprint": fingerprint(base)})


def loaded(folder: Path) -> LoadedModel:
    return replace(without_weights(folder, None), model=read_model(folder.name, folder, DEFAULT_LOAD))


def changed(base: Path, folder: Path) -> Path:
    """A copy in which one layer near the end has other weights, as after a merge; the files are as long as before."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    weights = load_file(folder / "model.safetensors")
    last = max(name for name in weights if "mlp" in name)
    weights[last] = weights[last] + 0.01
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_fingerprint_goes_by_the_weights_not_the_name(base: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(base, tmp_path / "elsewhere")
    (moved / "README.md").write_text("a note", encoding="utf-8")
    assert fingerprint(base) == fingerprint(moved) == fingerprint_of(str(moved)) != ""
    other = changed(base, tmp_path / "changed")
    assert (other / "model.safetensors").stat().st_size == (base / "model.safetensors").stat().st_size
    assert fingerprint(other) != fingerprint(base)
    (moved / "model.safetensors").unlink()
    assert fingerprint(moved) == fingerprint_of("nobody/nothing") == ""


def test_the_same_weights_are_known_under_another_name(base: Path, adapter: Adapter, tmp_path: Path) -> None:
    moved = loaded(shutil.copytree(base, tmp_path / "another-name"))
    check_base(moved, adapter)
    assert activate_adapter(moved, adapter)
    with pytest.raises(UnsureBaseError, match="may or may not be"):
        check_base(moved, replace(adapter, training={}))  # without a fingerprint a path says too little
    with pytest.raises(ModelError, match="was trained on other/one"):
        check_base(moved, replace(adapter, training={}, base="other/one"))


def test_other_weights_under_the_same_name_are_refused(base: Path, adapter: Adapter, tmp_path: Path) -> None:
    other = loaded(changed(base, tmp_path / "base"))
    with pytest.raises(ModelError, match="the weights are others") as raised:
        activate_adapter(other, adapter)
    assert "重みが違います" in raised.value.ja and other.adapters == []


def test_a_shape_that_does_not_fit_is_named_before_it_is_loaded(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = make_adapter(base, tmp_path / "wide", seed=1, hidden=64, named="base")
    monkeypatch.setattr("core.adapters.attach._load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ModelError, match=r"its part for .* is 128 wide, the layer is 64"):
        activate_adapter(loaded(base), wide)


@pytest.mark.parametrize("rank", [0, 100_000])
def test_a_rank_beyond_all_bounds_is_refused(base: Path, adapter: Adapter, tmp_path: Path, rank: int) -> None:
    folder = shutil.copytree(adapter.folder, tmp_path / "odd")
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")) | {"r": rank}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="rank 1 to 1024"):
        check_shapes(loaded(base), Adapter.read(folder))


@pytest.mark.parametrize("name", ["unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "meta-llama/Llama-3.1-8B-Instruct",
                                  "unsloth/Llama-3.1-8B-Instruct-unsloth-bnb-4bit"])  # fmt: skip
def test_a_quantised_copy_has_the_name_of_its_origin(name: str) -> None:
    assert plain_name(name) == "llama-3.1-8b-instruct"


@pytest.mark.parametrize("named", ["unsloth/base-unsloth-bnb-4bit", "C:\\models\\base", "/home/me/out/merged", "./x"])
def test_what_a_name_leaves_open_is_a_persons_choice(base: Path, adapter: Adapter, tmp_path: Path, named: str) -> None:
    model = loaded(base)
    folder = shutil.copytree(adapter.folder, tmp_path / "odd")
    (folder / "training.json").unlink(missing_ok=True)
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8")) | {"base_model_name_or_path": named}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UnsureBaseError) as raised:
        activate_adapter(model, Adapter.read(folder))
    assert named in raised.value.en and "使う" in raised.value.ja and model.adapters == []
    assert activate_adapter(model, accept_base(model, Adapter.read(folder)))
    assert activate_adapter(model, Adapter.read(folder))


def weights_changed(adapter: Adapter, folder: Path, change: Callable[[dict], dict]) -> Adapter:
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter.folder, folder)
    save_file(change(load_file(folder / ADAPTER_WEIGHTS)), folder / ADAPTER_WEIGHTS)
    return Adapter.read(folder)


def _filled(value: float) -> Callable[[dict], dict]:
    return lambda weights: {name: tensor * 0 + value for name, tensor in weights.items()}


def _renamed(weights: dict) -> dict:
    return {name.replace("layers.0", "layers.77"): tensor for name, tensor in weights.items()}


def _without_its_mlp(weights: dict) -> dict:
    return {name: tensor for name, tensor in weights.items() if "mlp" not in name}


def _without_one_half(weights: dict) -> dict:
    last = sorted(weights)[-1]
    return {name: tensor for name, tensor in weights.items() if name != last}


def _of_half_the_rank(weights: dict) -> dict:
    return {name: (tensor[:1] if "lora_A" in name else tensor[:, :1]).contiguous() for name, tensor in weights.items()}


def _with_rows(rows: int) -> Callable[[dict], dict]:
    import torch

    return lambda weights: weights | {"base_model.model.model.embed_tokens.weight": torch.zeros(rows, 64)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_filled(float("nan")), "NaN or infinity"),
        (_filled(float("inf")), "NaN or infinity"),
        (_renamed, r"model with other layers: .*layers\.77"),
        (_without_its_mlp, "lacks weights for"),
        (_without_one_half, "lacks lora_"),
        (_of_half_the_rank, "has rank 1 in"),
        (_with_rows(77), "another vocabulary: it brings 77 rows"),
    ],
)
def test_what_is_wrong_with_the_weights_is_said_before_they_are_loaded(
    base: Path, adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable, says: str
) -> None:
    monkeypatch.setattr("core.adapters.attach._load", lambda *_: pytest.fail("it was loaded"))
    odd = weights_changed(adapter, tmp_path / "odd", change)
    with pytest.raises(ModelError, match=says):
        activate_adapter(loaded(base), replace(odd, training=adapter.training))


def test_weights_of_the_model_itself_are_not_taken_in(base: Path, adapter: Adapter, tmp_path: Path) -> None:
    model = loaded(base)
    rows = untyped(model.pretrained.get_input_embeddings()).weight.shape[0]
    odd = weights_changed(adapter, tmp_path / "whole", _with_rows(rows))
    with pytest.raises(ModelError, match="would change the model for everybody"):
        activate_adapter(model, replace(odd, training=adapter.training))
    assert untyped(model.pretrained.get_input_embeddings()).weight.abs().sum() > 0
