"""A person's word counts more than a score: kept, dropped, corrected, taken back; and how far a judge agrees."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.synth.judge import JudgeVerdict, read_rubric
from core.synth.prompts import SpokenTurn
from core.synth.records import DialogueRecord, SynthFolder, append_record
from core.synth.review import (
    agreement_with_person,
    correct_turn,
    judges_itself,
    keep_or_drop,
    kept_records,
    reviewed,
)
from tests.helpers.synth_tiny import PLAN

RUBRIC = read_rubric("", PLAN.language).digest
TURNS = (SpokenTurn("user", ("問い",)), SpokenTurn("persona", ("なぜだろう？",)))


@pytest.fixture
def folder(tmp_path: Path) -> SynthFolder:
    """Ten dialogues, the n-th of which was given n % 5 for tone and 4 for coherence; one was not judged."""
    folder = SynthFolder(tmp_path)
    for cell in PLAN.cells:
        append_record(folder.dialogues, DialogueRecord(
            cell.id, cell.number, "ソクラテス", cell.user.name, cell.user.id, "ordinary", cell.opening.text,
            cell.opening.id, 0.3, "complete", 1, TURNS,
        ))  # fmt: skip
        if cell.number != 9:
            tone = cell.number % 5
            append_record(folder.verdicts, JudgeVerdict(cell.id, "omokage-mini", RUBRIC, "json", 1, tone, 4, f"{tone}"))
    append_record(folder.verdicts, JudgeVerdict(PLAN.cells[0].id, "another judge", RUBRIC, "json", 1, 4, 4))
    return folder


def kept(folder: SynthFolder, tone: int) -> Sequence[int]:
    return [record.number for record in kept_records(reviewed(PLAN, folder), tone, 0)]


def test_doubtful_dialogues_come_first_and_stay_there(folder: SynthFolder) -> None:
    before = [one.record.number for one in reviewed(PLAN, folder)]
    assert before == [0, 5, 1, 6, 2, 7, 3, 4, 8, 9]
    keep_or_drop(folder, PLAN.cells[0].id, True)
    assert [one.record.number for one in reviewed(PLAN, folder)] == before


def test_person_counts_more_than_scores(folder: SynthFolder) -> None:
    assert kept(folder, 3) == [3, 4, 8, 9]
    keep_or_drop(folder, PLAN.cells[0].id, True)
    keep_or_drop(folder, PLAN.cells[4].id, False)
    assert kept(folder, 3) == [0, 3, 8, 9]
    keep_or_drop(folder, PLAN.cells[0].id, None)
    assert kept(folder, 3) == [3, 8, 9]


def test_corrected_words_are_what_becomes_rows(folder: SynthFolder) -> None:
    keep_or_drop(folder, PLAN.cells[3].id, True)
    correct_turn(folder, PLAN.cells[3].id, 1, "それは、\nどういうことだろう。")
    correct_turn(folder, PLAN.cells[3].id, 0, " ")
    record = next(one for one in kept_records(reviewed(PLAN, folder), 3, 3) if one.number == 3)
    assert [turn.messages for turn in record.turns] == [("問い",), ("それは、", "どういうことだろう。")]
    assert folder.read_dialogues()[record.cell].turns == TURNS


def test_agreement_is_of_what_both_judged(folder: SynthFolder) -> None:
    assert agreement_with_person(reviewed(PLAN, folder), 3, 0) is None
    for cell in PLAN.cells:
        keep_or_drop(folder, cell.id, cell.number % 5 >= 3)
    found = agreement_with_person(reviewed(PLAN, folder), 3, 0)
    assert found and (found.kappa, found.dialogues) == (1, 9)


def test_judge_that_also_speaks_is_known() -> None:
    assert judges_itself(PLAN)
