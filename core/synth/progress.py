"""How a plan of dialogues stands: how much is made and judged, what is being said, and how long it will still take."""

import time
from dataclasses import dataclass
from typing import Literal

from core.files import parse_json_lines
from core.stored import parse
from core.synth.plan import Plan
from core.synth.records import TurnRecord
from core.synth.store import PlanStore, StoredPlan, SynthCommand, count_lines
from core.text import Text
from core.train import events

SynthState = Literal["new", "running", "stopping", "stopped", "done", "failed", "killed"]
TAIL = 20_000  # bytes of the newest turns that are read
LEAST_LINES = 4  # before a pace is believed


@dataclass(frozen=True)
class SynthProgress:
    """What the page shows of a plan."""

    state: SynthState
    command: SynthCommand
    """What runs, or ran last."""
    dialogues: int
    """That have ended."""
    of: int
    """That the command is to make; of all when it is judging."""
    verdicts: int
    turns: int
    seconds_left: float | None = None
    saying: tuple[TurnRecord, ...] = ()
    """The newest turns, the latest last."""
    error: Text | None = None

    @property
    def at_work(self) -> bool:
        return self.state in ("running", "stopping")

    @property
    def fraction(self) -> float:
        """0–1, of what the command does."""
        done = self.verdicts if self.command == "judge" else self.dialogues
        return min(1.0, done / self.of) if self.of else 0.0


def progress_of(stored: StoredPlan) -> SynthProgress:
    """Read from the files of its folder; cheap enough to be asked every second."""
    folder, plan, started = stored.folder, stored.plan, stored.started
    command = started.command if started else "run"
    state, error = _state(stored)
    dialogues, verdicts, turns = (count_lines(path) for path in (folder.dialogues, folder.verdicts, folder.turns))
    of = (
        dialogues
        if command == "judge"
        else min(started.first or plan.planned, plan.planned)
        if started
        else plan.planned
    )
    left = None
    if started and state == "running":
        missing = dialogues - verdicts if command == "judge" else _turns_left(plan, of, dialogues, turns)
        new = (verdicts if command == "judge" else turns) - started.lines_before
        left = missing * (time.time() - started.started) / new if new >= LEAST_LINES else None
    saying = _newest(stored) if state in ("running", "stopping") and command == "run" else ()
    return SynthProgress(state, command, dialogues, of, verdicts, turns, left, saying, error)


def newest_plan(store: PlanStore, owner: str) -> tuple[StoredPlan, SynthProgress] | None:
    """The plan that was made or started last, which is the one at work where one is; None without any."""
    stored = next(iter(store.list_all(owner)), None)
    return (stored, progress_of(stored)) if stored else None


def _turns_left(plan: Plan, of: int, dialogues: int, turns: int) -> int:
    """Turns that models still have to make, if every dialogue has its full length."""
    each = plan.turns - plan.given_turns
    open_turns = max(0, turns - dialogues * each)
    return max(0, (of - dialogues) * each - open_turns)


def _state(stored: StoredPlan) -> tuple[SynthState, Text | None]:
    started = stored.started
    if started is None:
        return "new", None
    if started.alive:  # looked at before the events: one that ends in between has told its ending by then
        return ("stopping" if stored.folder.stop.exists() else "running"), None
    told, _ = events.read(stored.folder.events)
    match told[-1] if told else None:
        case events.Done():
            return "done", None
        case events.Stopped():
            return "stopped", None
        case events.Failed(en, ja):
            return "failed", Text(en, ja)
    return ("stopped" if stored.folder.stop.exists() else "killed"), None


def _newest(stored: StoredPlan) -> tuple[TurnRecord, ...]:
    try:
        with stored.folder.turns.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            data = file.read()
    except FileNotFoundError:
        return ()
    found: list[TurnRecord] = []
    for value in parse_json_lines(data):
        try:
            found.append(parse(TurnRecord, value))
        except ValueError:
            continue
    return tuple(found[-2:])
