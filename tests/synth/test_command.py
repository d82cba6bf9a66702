"""`python -m core.synth`: from a plan to data sets with the bundled model, and what it says when it cannot."""

import json
from pathlib import Path

import pytest

from core.data.rows import read_rows
from core.synth.__main__ import main
from core.synth.plan import read_plan
from core.synth.prompts import SpokenTurn, given_turns
from core.synth.records import DialogueRecord, SynthFolder, append_record

PLAN = """
persona: socrates
language: ja
who: 古代ギリシャの哲学者ソクラテス
dialogues: 6
exchanges: 3
persona_backend: {price: {prompt: 1000000, reply: 0}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "greece.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def write_dialogues(path: Path) -> SynthFolder:
    """All of the plan's, as if they had been made."""
    plan, folder = read_plan(path), SynthFolder(path.with_suffix(""))
    folder.path.mkdir()
    for cell in plan.cells:
        turns = list(given_turns(plan, cell))
        turns += [SpokenTurn(plan.speaks(n), (f"{cell.number}番の{n}つ目の言葉です。",)) for n in range(2, plan.turns)]
        append_record(folder.dialogues, DialogueRecord(
            cell.id, cell.number, plan.persona.name, cell.user.name, cell.user.id, cell.user.kind, cell.opening.text,
            cell.opening.id, cell.temperature, "complete", 2, tuple(turns),
        ))  # fmt: skip
    return folder


def test_dry_run_tells_what_it_takes(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan), "dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dialogues"], told["generations"], told["done"], told["seconds"]) == (6, 18, 0, None)
    assert 0 < told["cost"] < told["prompt_tokens"]
    assert main([str(plan), "dry-run", "--first", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["generations"] == 6


def test_variants_are_data_sets_with_a_table(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_dialogues(plan)
    assert main([str(plan), "variants", "--system"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 1 + 12
    table = {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[1:]}
    assert [table[name]["samples"] for name in ("all-2-none", "first-2-none", "first-4-none")] == ["12", "6", "6"]
    info = json.loads((folder.path / "variants" / "all-2-system" / "dataset.json").read_text(encoding="utf-8"))
    assert info["description"].startswith("あなたはソクラテス")
    rows = list(read_rows(folder.path / "variants" / "all-2-statement" / "train.jsonl"))
    assert rows and rows[0].turns[0].messages[0].startswith("あなたは古代ギリシャの哲学者ソクラテスです。")
    assert main([str(plan), "diversity"]) == 0
    assert json.loads(capsys.readouterr().out)["dialogues"] == 6


@pytest.mark.slow
def test_bundled_model_talks_with_itself(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan), "run", "--first", "2"]) == 0
    made = SynthFolder(plan.with_suffix("")).read_dialogues()
    assert len(made) == 2 and all(record.end for record in made.values())


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    assert main([str(tmp_path / "plan.yaml"), "variants"]) == 2
    assert "no dialogue" in capsys.readouterr().err
    assert main([str(tmp_path / "plan.yaml"), "run", "--first", "7"]) == 2
