"""Runs of dialogues: each cell once, whatever stops it; turns that go wrong are drawn again; servers may fail."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import JobError, ModelError
from core.settings import ROOT
from core.synth.plan import Plan
from core.synth.prompts import Side
from core.synth.records import SynthFolder, paces
from core.synth.run import TRIES, DialogueRun, RunResult
from core.synth.voices import DialogueVoice, PreparedTurn, SpokenReply, TurnRequest
from core.train import events
from tests.helpers.synth_tiny import PLAN, FakeVoice


@pytest.fixture
def folder(tmp_path: Path) -> SynthFolder:
    return SynthFolder(tmp_path)


def made(folder: SynthFolder, voice: FakeVoice, plan: Plan = PLAN, other: DialogueVoice | None = None) -> RunResult:
    voices: dict[Side, DialogueVoice] = {"persona": voice, "user": other or voice}
    return DialogueRun(plan, folder, voices).run()


def test_every_cell_ends_with_one_whole_record(folder: SynthFolder) -> None:
    assert made(folder, FakeVoice()) == RunResult("done", 10)
    records = folder.read_dialogues()
    assert records.keys() == {cell.id for cell in PLAN.cells}
    for cell in PLAN.cells:
        record = records[cell.id]
        assert (record.end, record.user, record.temperature) == ("complete", cell.user.name, cell.temperature)
        assert [turn.side for turn in record.turns] == ["persona", "user", "persona", "user", "persona"]
        assert record.turns[0].messages == ("やあ。",) and record.turns[1].messages == (cell.opening.text,)
        assert record.said_by("persona") == ["\n".join(turn.messages) for turn in record.turns[2::2]]
    assert all(len(turns) == 3 for turns in folder.read_turns().values())
    kinds = [type(event).__name__ for event in events.read(folder.events)[0]]
    assert kinds == ["Launched", "Done"]


def test_a_second_run_asks_for_nothing(folder: SynthFolder) -> None:
    made(folder, FakeVoice())
    again = FakeVoice()
    assert made(folder, again) == RunResult("done", 10)
    assert again.calls == []
    assert len(folder.dialogues.read_bytes().splitlines()) == 10


def test_turns_of_different_dialogues_are_said_together(folder: SynthFolder) -> None:
    voice = FakeVoice(batch=4)
    made(folder, voice)
    assert sum(voice.calls) == 30
    assert max(voice.calls) == 4 and len(voice.calls) < 16


def test_batch_holds_turns_of_one_temperature(folder: SynthFolder) -> None:
    class Strict(FakeVoice):
        def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
            assert len({turn.request.sampling for turn in turns}) == 1
            return super().speak(turns, stop)

    assert made(folder, Strict(batch=8)).state == "done"


def test_server_is_asked_for_as_many_as_it_may(folder: SynthFolder) -> None:
    together = threading.Barrier(3, timeout=20)

    class Slow(FakeVoice):
        def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
            if len(self.calls) < 3:
                together.wait()  # breaks unless three calls are under way
            return super().speak(turns, stop)

    assert made(folder, Slow(workers=3)).state == "done"


def test_stop_and_go_on_repeats_nothing(folder: SynthFolder) -> None:
    said: list[str] = []
    voice = FakeVoice()
    run = DialogueRun(PLAN, folder, {"persona": voice, "user": voice}, said=lambda text: tell(text))

    def tell(text: str) -> None:
        said.append(text)
        if len(said) == 8:
            run.stop()

    assert run.run().state == "stopped"
    before = Counter(record.cell for turns in folder.read_turns().values() for record in turns)
    assert sum(before.values()) == 8
    rest = FakeVoice()
    assert made(folder, rest) == RunResult("done", 10)
    assert sum(rest.calls) == 30 - 8
    assert len(folder.dialogues.read_bytes().splitlines()) == 10


def test_stop_file_stops(folder: SynthFolder) -> None:
    def touch(request: TurnRequest) -> None:
        folder.stop.touch()
        stopped.wait(0.5)

    stopped = threading.Event()
    assert made(folder, FakeVoice(says=touch), replace(PLAN, dialogues=24)).state == "stopped"


KILLED = """
import os, signal, sys
from pathlib import Path
from core.synth.records import SynthFolder
from core.synth.run import DialogueRun
from tests.helpers.synth_tiny import PLAN, FakeVoice
left = [int(sys.argv[2])]
def die(request):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
voice = FakeVoice(batch=2, says=die)
DialogueRun(PLAN, SynthFolder(Path(sys.argv[1])), {"persona": voice, "user": voice}).run()
"""


def test_two_kills_lose_and_repeat_nothing(folder: SynthFolder) -> None:
    kept = 0
    for turns in (9, 11):
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder.path), str(turns)], cwd=ROOT, timeout=120)
        assert done.returncode == -signal.SIGKILL
        now = sum(map(len, folder.read_turns().values()))
        assert now >= kept + turns - 2  # those of the batch that was under way are lost
        kept = now
    for file in (folder.turns, folder.dialogues):
        if file.exists():
            file.write_bytes(file.read_bytes()[:-7])  # the last line was being written
    voice = FakeVoice()
    assert made(folder, voice) == RunResult("done", 10)
    assert sum(voice.calls) == 30 - (kept - 1)
    cells = [record["cell"] for record in map(json.loads, whole_lines(folder.dialogues))]
    assert sorted(cells) == sorted(cell.id for cell in PLAN.cells)


def whole_lines(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]


def test_another_process_is_not_disturbed(folder: SynthFolder) -> None:
    from filelock import FileLock

    with FileLock(folder.lock), pytest.raises(JobError, match="Another process"):
        made(folder, FakeVoice())


def test_turn_that_goes_wrong_is_drawn_again_warmer(folder: SynthFolder) -> None:
    def first_time_as_ai(request: TurnRequest) -> str | None:
        return "私はAIなので、わかりません。" if request.sampling.repetition_penalty < 1.1 else None

    made(folder, FakeVoice(says=first_time_as_ai))
    turns = [record for turns in folder.read_turns().values() for record in turns]
    assert {record.faults for record in turns} == {("as_ai",)}
    assert min(record.temperature for record in turns) >= 0.7


@pytest.mark.parametrize(("words", "end"), [("", "empty"), ("そうだね。\nUser: はい", "role_flip")])
def test_turn_that_stays_wrong_ends_its_dialogue_with_the_reason(folder: SynthFolder, words: str, end: str) -> None:
    user = FakeVoice(says=lambda _: words)
    made(folder, FakeVoice(), other=user)
    assert Counter(record.end for record in folder.read_dialogues().values()) == {end: 10}
    assert sum(user.calls) == 10 * TRIES


def test_farewell_of_the_user_is_answered_once(folder: SynthFolder) -> None:
    plan = replace(PLAN, exchanges=8)
    made(folder, FakeVoice(), plan, FakeVoice(says=lambda _: "楽しかったです。では、また。"))
    for record in folder.read_dialogues().values():
        assert record.end == "farewell"
        assert [turn.side for turn in record.turns] == ["persona", "user", "persona", "user", "persona"]


def test_all_thought_gets_more_room(folder: SynthFolder) -> None:
    class Thinker(FakeVoice):
        def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
            replies = super().speak(turns, stop)
            room = turns[0].request.sampling.max_new_tokens
            return replies if room > 500 else [SpokenReply("", "hm", 5, 20) for _ in turns]

    assert made(folder, Thinker(), other=FakeVoice()).state == "done"
    assert {record.end for record in folder.read_dialogues().values()} == {"complete"}


def test_server_that_fails_for_a_while_is_asked_again(folder: SynthFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.synth.run.FIRST_PAUSE", 0.01)
    failures = [2]

    def flaky(request: TurnRequest) -> None:
        if failures[0]:
            failures[0] -= 1
            raise ModelError("busy", "混んでいます")

    assert made(folder, FakeVoice(says=flaky)).state == "done"
    assert [type(event).__name__ for event in events.read(folder.events)[0]].count("Notice") == 2


def test_server_that_stays_away_ends_the_run_and_loses_nothing(
    folder: SynthFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.synth.run.FIRST_PAUSE", 0.01)
    spoken = [0]

    def gone(request: TurnRequest) -> None:
        spoken[0] += 1
        if spoken[0] > 7:
            raise ModelError("gone", "いません")

    result = made(folder, FakeVoice(says=gone))
    assert result.state == "failed" and result.error and result.error.en == "gone"
    assert sum(map(len, folder.read_turns().values())) == 7
    assert made(folder, FakeVoice()).state == "done"


def test_paces_are_per_side(folder: SynthFolder) -> None:
    made(folder, FakeVoice())
    turns = [record for turns in folder.read_turns().values() for record in turns]
    spread = [replace(record, seconds=0.5) for record in turns]
    assert {side: pace.tokens for side, pace in paces(spread).items()} == {"persona": 5, "user": 5}
    assert paces(spread)["user"].turns_per_second == 2
