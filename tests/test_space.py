"""The folder of a Space, as `make space` writes it: what is in it, what would fail, and that the app runs from it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from core.settings import ROOT


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("space_script", ROOT / ".ci" / "space.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


space = load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("space") / "made"
    assert space.main([str(into), "--hardware", "t4-small", "--model", "Qwen/Qwen3-0.6B"]) == 0
    return into


def test_it_holds_what_the_app_runs_with_and_nothing_of_anybody(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"app.py", "core", "tabs", "models", "requirements.txt", "pre-requirements.txt", "README.md"} <= names
    assert not {"tests", "workspace", "benchmarks", ".venv", "Dockerfile"} & names
    assert not list(folder.rglob("__pycache__")) and sum(p.stat().st_size for p in folder.rglob("*")) < 60_000_000
    head = space.header(folder / "README.md")
    assert head["sdk"] == "gradio" and head["suggested_hardware"] == "t4-small"
    assert head["preload_from_hub"] == ["Qwen/Qwen3-0.6B"] and "OMOKAGE_MODEL" in (folder / "README.md").read_text()


def test_the_app_finds_everything_there(folder: Path, home: Path) -> None:
    """On a Space without a bucket, in the folder itself."""
    env = os.environ | {"SPACE_ID": "me/omokage", "OMOKAGE_HOME": str(home), "GRADIO_SERVER_PORT": "17863"}
    done = subprocess.run([sys.executable, "app.py", "--check"], cwd=folder, env=env, capture_output=True, text=True)
    assert "BAD" not in done.stdout.replace("BAD  port", ""), done.stdout + done.stderr
    assert "note storage" in done.stdout and "omokage-mini" in done.stdout


def test_a_cloned_space_is_written_anew_and_keeps_its_history(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (tmp_path / "README.md").write_text("old")
    (tmp_path / "old.py").touch()
    assert space.main([str(tmp_path), "--docker"]) == 0
    assert (tmp_path / ".git" / "HEAD").is_file() and not (tmp_path / "old.py").exists()
    head = space.header(tmp_path / "README.md")
    assert (head["sdk"], head["app_port"]) == ("docker", 7860) and "app_file" not in head
    (other := tmp_path / "other").mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(SystemExit):
        space.main([str(other)])
    assert (other / "thesis.txt").exists()


@pytest.mark.parametrize(("change", "said"), [
    ({"sdk": "streamlit"}, "sdk is"), ({"sdk_version": "5.0.0"}, "pre-requirements"),
    ({"app_file": "main.py"}, "app_file"),
    ({"python_version": "3.8"}, "python_version"), ({"title": ""}, "lacks title"), ({"colorTo": "mauve"}, "colour"),
    ({"suggested_hardware": "abacus"}, "suggested_hardware"),
])  # fmt: skip
def test_what_would_fail_is_said(tmp_path: Path, change: dict, said: str) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "pre-requirements.txt").write_text((ROOT / "pre-requirements.txt").read_text())
    head = space.header(ROOT / "README.md")
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(head)}---\n")
    assert list(space.faults(tmp_path)) == []
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump(head | change)}---\n")
    assert any(said in fault for fault in space.faults(tmp_path))
    (tmp_path / "README.md").write_text("no header")
    assert len(list(space.faults(tmp_path))) == 1


def test_large_files_and_links_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").touch()
    (tmp_path / "pre-requirements.txt").write_text((ROOT / "pre-requirements.txt").read_text())
    (tmp_path / "README.md").write_text((ROOT / "README.md").read_text())
    monkeypatch.setattr(space, "LARGEST", 10_000)
    (tmp_path / "big.bin").write_bytes(b"0" * 10_001)
    (tmp_path / "link").symlink_to(tmp_path / "big.bin")
    assert {"big.bin is larger than 10 MB and not stored by LFS", "link is a link"} <= set(space.faults(tmp_path))
    (tmp_path / ".gitattributes").write_text("big.bin filter=lfs diff=lfs\n")
    assert not any("big.bin" in fault for fault in space.faults(tmp_path))
