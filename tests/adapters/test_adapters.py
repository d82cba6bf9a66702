"""Stored adapters: kept whole, listed without the broken ones, zipped."""

import errno
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from core.adapters.store import Adapter, Adapters
from core.errors import InputError, ModelError
from core.files import write_json
from core.stored import DamagedError
from core.workspace import ADAPTER_CONFIG, ADAPTER_FILES, ADAPTER_WEIGHTS, Workspace
from tests.helpers.train_tiny import PROMPT_CONFIG

ME = "key-me"


@pytest.fixture
def adapters(tmp_path: Path) -> Adapters:
    return Adapters(Workspace(tmp_path / "home"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What a training run leaves."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    write_json(folder / ADAPTER_CONFIG, {"base_model_name_or_path": "a/b"})
    (folder / ADAPTER_WEIGHTS).write_bytes(b"weights")
    write_json(folder / "prompt_config.json", PROMPT_CONFIG.to_json())
    write_json(folder / "training.json", {"base": "c/d", "metrics": {}})
    (folder / "config.yaml").write_text("rank: 4\n")
    (folder / "optimizer.pt").write_bytes(b"not for others")
    return folder


def test_an_adapter_is_kept_under_a_free_name(adapters: Adapters, source: Path) -> None:
    first, second = adapters.keep(ME, "みか", source), adapters.keep(ME, "みか", source)
    assert (first.name, second.name) == ("みか", "みか-2")
    assert (first.base, first.prompt_config, first.training["metrics"]) == ("c/d", PROMPT_CONFIG, {})
    assert sorted(path.name for path in first.folder.iterdir()) == sorted(set(ADAPTER_FILES) - {"README.md"})
    assert {a.name for a in adapters.list_all(ME)} == {"みか", "みか-2"} and adapters.list_all("key-other") == []
    assert adapters.get(ME, "みか") == first
    adapters.delete(ME, "みか")
    with pytest.raises(InputError, match="no adapter “みか”"):
        adapters.get(ME, "みか")


def test_an_adapter_from_elsewhere_has_no_contract(adapters: Adapters, source: Path) -> None:
    for name in ("prompt_config.json", "training.json"):
        (source / name).unlink()
    kept = adapters.keep(ME, "x", source)
    assert (kept.base, kept.prompt_config, kept.training) == ("a/b", None, {})


def test_the_zip_holds_the_adapter_alone(adapters: Adapters, source: Path, tmp_path: Path) -> None:
    adapters.keep(ME, "mine", source)
    with zipfile.ZipFile(adapters.zip_file(ME, "mine", tmp_path)) as archive:
        assert sorted(archive.namelist()) == sorted(f"mine/{name}" for name in ADAPTER_FILES if name != "README.md")
        assert archive.read(f"mine/{ADAPTER_WEIGHTS}") == b"weights" and archive.testzip() is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ADAPTER_CONFIG, "{"),
        (ADAPTER_CONFIG, "[]"),
        ("prompt_config.json", '{"persona": 3}'),
        ("prompt_config.json", "null"),
        ("training.json", "\udcff"),
    ],
)
def test_a_broken_adapter_is_told_and_left_out_of_the_list(
    adapters: Adapters, source: Path, name: str, text: str
) -> None:
    good, bad = adapters.keep(ME, "good", source), adapters.keep(ME, "bad", source)
    (bad.folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DamagedError, match=name.removesuffix(".json")):
        adapters.get(ME, "bad")
    assert adapters.list_all(ME) == [good] and [error.path for error in adapters.damaged(ME)] == [bad.folder]


@pytest.mark.parametrize("name", [ADAPTER_CONFIG, ADAPTER_WEIGHTS])
def test_a_folder_without_an_adapter_is_told(adapters: Adapters, source: Path, name: str) -> None:
    kept = adapters.keep(ME, "x", source)
    (source / name).unlink()
    with pytest.raises(ModelError, match="not an adapter"):
        adapters.keep(ME, "y", source)
    shutil.copytree(source, adapters.workspace.place(ME, "adapters", "z"))
    assert adapters.list_all(ME) == [kept]
    with pytest.raises(ModelError, match="“z” is not an adapter"):
        adapters.get(ME, "z")


@pytest.mark.parametrize("name", ["../../etc", "", "..", "/etc", ".hidden", "CON"])
def test_names_stay_in_the_store(adapters: Adapters, source: Path, tmp_path: Path, name: str) -> None:
    for act in (adapters.get, adapters.delete, lambda owner, name: adapters.keep(owner, name, source),
                lambda owner, name: adapters.zip_file(owner, name, tmp_path)):  # fmt: skip
        with pytest.raises(InputError):
            act(ME, name)


def test_a_full_disk_leaves_nothing_half(adapters: Adapters, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = adapters.keep(ME, "x", source)
    copy = shutil.copy2

    def full(one: Path, two: Path) -> None:
        if one.name == "prompt_config.json":
            raise OSError(errno.ENOSPC, "no space")
        copy(one, two)

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(InputError, match="disk is full"):
        adapters.keep(ME, "x", source)
    assert [path.name for path in adapters.workspace.folder(ME, "adapters").iterdir()] == ["x"]
    assert json.loads((kept.folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    assert Adapter.read(kept.folder) == kept
