"""Dialogues of a real small model with itself, judged by it: each ends with a reason, and the scores can be read."""

import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from core.models.loading import ModelStore
from core.settings import ROOT
from core.synth.backends import Backend
from core.synth.judge import judge
from core.synth.judge_answers import answers_of
from core.synth.plan import plan_from
from core.synth.records import SynthFolder
from core.synth.run import DialogueRun
from core.synth.voices import voice_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_small_plan_is_made_and_judged(smollm2: Path, tmp_path: Path) -> None:
    side = asdict(Backend(model=str(smollm2), at_once=4))
    settings = {"persona": "socrates", "language": "en", "dialogues": 2, "exchanges": 1, "first": "user"}
    sides = dict.fromkeys(("persona_backend", "user_backend", "judge_backend"), side)
    plan, folder = plan_from(settings | sides, ROOT), SynthFolder(tmp_path)
    stores: dict[str, ModelStore] = {}
    voice = voice_of(plan.persona_backend, stores)
    assert DialogueRun(plan, folder, {"persona": voice, "user": voice}).run().state == "done"
    records = folder.read_dialogues()
    assert records.keys() == {cell.id for cell in plan.cells}
    assert any(record.said_by("persona") for record in records.values())
    stop = threading.Event()
    verdict = judge(plan, folder, [*records.values()][:1], answers_of(plan.judge_backend, stores, stop), stop)[0]
    assert verdict.parse_method == "grammar" and verdict.comment
    assert verdict.expected_tone is not None and 0 <= verdict.expected_tone <= 4
