"""Whether an adapter belongs to the model in memory: by the weights it was trained on, its rank and its shapes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.adapters.attach import activate_adapter, check_base, check_shapes
from core.adapters.store import Adapter
from core.errors import ModelError
from core.models.fingerprint import fingerprint, fingerprint_of
from core.models.loading import LoadedModel
from core.models.options import DEFAULT_LOAD
from core.models.weights import read_model
from core.workspace import ADAPTER_CONFIG
from tests.chat.test_engine import make_adapter
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("attached") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    made = make_adapter(base, tmp_path_factory.mktemp("adapters") / "mika", seed=1)
    return replace(made, training=made.training | {"base_fingerprint": fingerprint(base)})


def loaded(folder: Path) -> LoadedModel:
    return LoadedModel(folder.name, folder, read_model(folder.name, folder, DEFAULT_LOAD), None, 256)


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
    with pytest.raises(ModelError, match="was trained on"):
        check_base(moved, replace(adapter, training={}))  # without a fingerprint the name has to do


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
