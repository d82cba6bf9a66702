"""notebooks/colab.ipynb: its commands are the app's own, and lead from the sample log to a talk."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app
from core.settings import ROOT

NOTEBOOK = json.loads((ROOT / "notebooks" / "colab.ipynb").read_text(encoding="utf-8"))


def commands() -> list[str]:
    """What the cells hand to the shell."""
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    return [line.strip()[1:] for cell in cells for line in cell.splitlines() if line.strip().startswith("!")]


def test_it_is_a_notebook_without_outputs_and_asks_for_what_there_is() -> None:
    assert NOTEBOOK["nbformat"] == 4 and len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert not any(cell.get("outputs") for cell in NOTEBOOK["cells"])
    started = [command for command in commands() if "app.py" in command]
    assert len(started) == 2
    for command in started:
        app.parse(command.partition("app.py")[2].split(), login="OMOKAGE_AUTH" in command)
    assert "pip install -q -r requirements.txt" in commands()


@pytest.mark.slow
def test_its_steps_lead_from_the_sample_to_a_talk(tmp_path: Path, home: Path) -> None:
    for name in ("core", "datasets", "models", "prompt_templates"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = f"{shutil.which(sys.executable)} -m"
    steps = [command.replace("python -m", python) for command in commands() if "python -m core" in command]
    assert len(steps) == 3
    said = ""
    for step in steps:
        done = subprocess.run(step, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, (step, done.stderr[-2000:])
        said = done.stdout
    assert said.strip() and (tmp_path / "run" / "adapter" / "adapter_model.safetensors").is_file()
