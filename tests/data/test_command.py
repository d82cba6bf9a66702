"""`python -m core.data`: files in, rows, splits and ledger out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.__main__ import main
from core.data.io.store import read_rows

ROOT = Path(__file__).resolve().parents[2]
LINE = """[LINE] 花子とのトーク履歴
保存日時：2024/02/01 10:00

"""


def export(folder: Path, name: str, words: str, days: int = 12) -> Path:
    """A LINE export of talks between 花子 and 私, one a day."""
    text = LINE
    for day in range(1, days + 1):
        text += f"2024/01/{day:02}({'月火水木金土日'[(day - 1) % 7]})\n"
        text += f"12:00\t私\t{words}{day}？\n12:01\t花子\tうん{day}\n12:01\t花子\t090-1234-5678だよ\n"
        text += "12:05\t私\t[スタンプ]\n\n"
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def call(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str]:
    status = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert printed.out == ""
    return status, printed.err


def test_rows_splits_and_ledger(tmp_path, capsys):
    out = tmp_path / "out"
    status, printed = call(
        capsys, export(tmp_path, "talk.txt", "元気"), "--persona", "花子", "--out", out, "--test-share", "0.2"
    )
    assert status == 0
    ledger = json.loads(printed)
    assert ledger == json.loads((out / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["messages"] == 48 == sum(outcome["messages"] for outcome in ledger["outcomes"].values())
    assert ledger["missing"] == 0 and ledger["outcomes"]["sticker"]["messages"] == 12
    assert ledger["outcomes"]["sticker"]["examples"][0]["text"] == "[スタンプ]"
    rows = {name: list(read_rows(out / f"{name}.jsonl")) for name in ("train", "validation", "test")}
    assert (
        {name: len(made) for name, made in rows.items()} == ledger["rows"] == {"train": 9, "validation": 1, "test": 2}
    )
    info = json.loads((out / "dataset.json").read_text(encoding="utf-8"))
    assert info["recipe"]["test_share"] == 0.2 and info["test_rows"] == 2 and info["model"]


def test_several_files_are_never_joined(tmp_path, capsys):
    """The talks of both files lie at the same minutes."""
    files = [export(tmp_path, "a.txt", "えー"), export(tmp_path, "b.txt", "びー")]
    out = tmp_path / "out"
    assert call(capsys, *files, "--persona", "花子", "--out", out)[0] == 0
    rows = [*read_rows(out / "train.jsonl"), *read_rows(out / "validation.jsonl")]
    assert len(rows) == 24
    for row in rows:
        said = "".join(text for turn in row.turns for text in turn.messages)
        assert ("えー" in said) != ("びー" in said)


def test_options_reach_the_rows(tmp_path, capsys):
    out = tmp_path / "out"
    status, printed = call(
        capsys,
        export(tmp_path, "talk.txt", "元気"),
        "--persona",
        "花子",
        "--out",
        out,
        "--private",
        "--burst",
        "each",
        "--shape",
        "pair",
        "--export",
        "instruction",
        "--file-type",
        "json",
        "--preamble",
        "address",
        "--validation-share",
        "0",
    )
    ledger = json.loads(printed)
    assert status == 0 and ledger["replaced"] == {"phone": 12}
    assert "1234-5678" not in printed and "1234-5678" not in (out / "train.jsonl").read_text(encoding="utf-8")
    samples = json.loads((out / "train.instruction.json").read_text(encoding="utf-8"))
    assert len(samples) == ledger["rows"]["train"] == 24
    assert samples[0] == {"text": "### 指示:<NL>花子さん。元気1？<NL><NL>### 回答:<NL>うん1"}


def test_what_is_wrong_is_one_sentence(tmp_path, capsys):
    path, out = export(tmp_path, "talk.txt", "元気"), tmp_path / "out"
    for arguments, told in (
        ((tmp_path / "none.txt", "--persona", "花子", "--out", out), "none.txt"),
        ((path, "--persona", "太郎", "--out", out), "太郎"),
        ((path, "--persona", "花子", "--out", out, "--validation-share", "2"), "validation_share"),
        ((path, "--persona", "花子", "--out", out, "--budget", "0"), "no room"),
        ((path, "--persona", "花子", "--out", out, "--model", str(tmp_path / "nowhere")), "nowhere"),
        ((path, "--persona", "花子", "--out", out, "--budget", "5"), "No row was made"),
    ):
        status, printed = call(capsys, *arguments)
        assert status == 2 and told in printed and "Traceback" not in printed
        assert not (out / "train.jsonl").exists()


def test_files_of_an_earlier_run_are_kept_unless_asked_for(tmp_path, capsys):
    path, out = export(tmp_path, "talk.txt", "元気"), tmp_path / "out"
    arguments = (path, "--persona", "花子", "--out", out)
    assert call(capsys, *arguments, "--test-share", "0.2")[0] == 0 and (out / "test.jsonl").exists()
    assert call(capsys, *arguments)[0] == 2
    assert call(capsys, *arguments, "--overwrite")[0] == 0 and not (out / "test.jsonl").exists()


def test_it_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "core.data", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "--persona" in done.stdout
