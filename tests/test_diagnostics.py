"""`python app.py --check`: each thing that can stand in the way is said, and the exit status follows."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core import diagnostics
from core.diagnostics import Finding, diagnose, disk, home, listening, model, packages, report, space
from core.models.sizing import machine, requirements
from core.models.sizing.dims import ModelDims
from core.settings import ROOT, Settings, terminal_language


def states(findings: list[Finding]) -> dict[str, str]:
    return {finding.what.en: finding.state for finding in findings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nothing_is_bad_here(home: Path, capsys: pytest.CaptureFixture) -> None:
    assert report(Settings(home=home), host="127.0.0.1", port=free_port(), language="en") == 0
    said = capsys.readouterr().out
    assert said.endswith("Nothing stands in the way.\n") and "omokage-mini" in said and f"{home}" in said
    assert report(replace(Settings(home=home), model="./nowhere"), host="::1", port=free_port(), language="ja") == 1
    assert "支障のあるものが 1 件" in capsys.readouterr().out


def test_the_command_says_it_and_starts_nothing(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ask = [sys.executable, "app.py", "--check", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "BAD  port" in done.stdout and "Omokage:" not in done.stdout
    assert not done.stderr and "1 of these" in done.stdout


def test_packages_that_are_missing_old_or_extra(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# why\ngradio>=6\nno-such-package>=1  # odd\n")
    (tmp_path / "requirements-extra.txt").write_text("no-such-extra\npytest\n")
    missing, extra = packages(tmp_path)
    assert (missing.state, extra.state) == ("bad", "note")
    assert "no-such-package." in missing.en and "no-such-extra;" in extra.en
    (tmp_path / "requirements.txt").write_text("gradio<1\n")
    (tmp_path / "requirements-extra.txt").unlink()
    (old,) = packages(tmp_path)
    assert old.state == "note" and "gradio 6" in old.en


def test_a_bare_python_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(diagnostics, "_installed", lambda name: False)
    found = states(list(diagnose(Settings(home=home), host="127.0.0.1", port=free_port())))
    assert found["packages"] == "bad" and not {"device", "model"} & set(found)
    code = (
        "import app, core.diagnostics, sys; print([n for n in ('gradio', 'psutil', 'packaging') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_folder_that_is_a_file_and_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    assert home(Settings(home=file)).state == "bad"
    assert disk(Settings(home=tmp_path / "not" / "yet")).state == "ok"
    monkeypatch.setattr(diagnostics, "LITTLE_DISK", 1 << 62)
    assert disk(Settings(home=tmp_path)).state == "note"
    assert listening("192.0.2.1", 7860).state == "bad"


@pytest.mark.parametrize(("ram", "state"), [(1 << 40, "ok"), (1 << 20, "bad")])
def test_a_model_finds_room_or_not(ram: int, state: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    dims = ModelDims(type="llama", model_class="LlamaForCausalLM", native=True, parameters=10**9, layers=16,
                     width=2048, kv_width=512, vocabulary=32000, tied=False, context=4096, stored=None)  # fmt: skip
    needs = requirements.ModelRequirements("a/b", None, dims)
    monkeypatch.setattr(requirements, "inspect_model", lambda name, local_folders: needs)
    monkeypatch.setattr(machine, "this_machine", lambda: machine.Machine(ram))
    assert model(Settings(home=home, model="a/b")).state == state


def test_what_a_space_lacks(home: Path) -> None:
    bare, whole = Settings(home=home, on_space=True, ephemeral=True), Settings(home=home, on_space=True, oauth=True)
    assert set(states(list(space(bare))).values()) == {"note"} and set(states(list(space(whole))).values()) == {"ok"}


def test_the_terminal_s_language() -> None:
    assert (
        terminal_language({"LANG": "ja_JP.UTF-8"}) == "ja" and terminal_language({"LC_ALL": "C", "LANG": "ja"}) == "en"
    )
    assert terminal_language({}) == "en"
