"""The benchmark that ranks variants, small: three variants are really trained, measured and ranked in one go."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.compare import compare, page, picture, plato_trials, ranked_lines, verdict
from core.evaluate.measure import BASE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
DIALOGUES = Path(__file__).parents[2] / "datasets" / "dialogues_for_judging.ja.jsonl"


def as_play(lines: list[str]) -> str:
    """Dialogues as a play: `SPEAKER: words`, as Plato's are printed."""
    names = {"user": "FRIEND", "assistant": "SOCRATES"}
    turns = [(names[turn["role"]], turn["content"]) for line in lines for turn in json.loads(line)["messages"]]
    return "\n\n".join(f"{name}: {' '.join(words.split())}" for name, words in turns) + "\n"


def test_three_variants_are_trained_and_ranked(tmp_path: Path) -> None:
    lines = DIALOGUES.read_text(encoding="utf-8").splitlines()
    learned, asked = tmp_path / "learned.txt", tmp_path / "asked.txt"
    learned.write_text(as_play(lines[:24]), encoding="utf-8")
    asked.write_text(as_play(lines[24:]), encoding="utf-8")
    board = compare([learned], asked, tmp_path / "home", plato_trials(3), rows=16, epochs=1, replies=6, asked_rows=24)
    names = {line.measured.name for line in board.lines}
    assert names == {BASE, *(trial.name for trial in plato_trials(3))}
    assert all(line.ranked and line.ranked.low < line.ranked.value < line.ranked.high for line in board.lines)
    assert board.ranking.too_few and "too few" in verdict(board)
    lines = ranked_lines(board)
    part = {"about": "Small.", "conversations": 12, "verdict": verdict(board), "lines": [asdict(one) for one in lines]}
    text = page({"omokage-mini": part})
    assert all(f"| {trial.name} |" in text for trial in plato_trials(3)) and picture(lines).count("<circle") == 4
