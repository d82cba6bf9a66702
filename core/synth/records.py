"""What a run of dialogues leaves behind: files that are only appended to, so that a kill loses the turn under way.

A line that a kill cut short is dropped by the reader, and the next line is written on one of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from core.errors import InputError
from core.files import append_json, disk_errors, parse_json_lines
from core.stored import parse
from core.synth.checks import DialogueEnd, TurnFault
from core.synth.estimate import TurnPace
from core.synth.prompts import SIDES, Side, SpokenTurn

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R")


@dataclass(frozen=True)
class TurnRecord:
    """One turn that a model made, as `turns.jsonl` holds it."""

    cell: str
    turn: int
    """From 0, those that were given counted."""
    side: Side
    messages: tuple[str, ...]
    tokens: int
    prompt_tokens: int
    seconds: float
    """Of all the time, this turn's share: a batch of four that took two seconds makes each half a second."""
    seed: int
    temperature: float
    faults: tuple[TurnFault, ...] = ()
    """Of the attempts before this one."""
    thoughts: str = ""

    @property
    def spoken(self) -> SpokenTurn:
        return SpokenTurn(self.side, self.messages)


@dataclass(frozen=True)
class DialogueRecord:
    """One dialogue that has ended, as `dialogues.jsonl` holds it."""

    cell: str
    number: int
    persona: str
    user: str
    user_id: str
    kind: str
    opening: str
    opening_id: str
    temperature: float
    end: DialogueEnd
    given_turns: int
    """Turns at the beginning that no model made."""
    turns: tuple[SpokenTurn, ...]
    models: Mapping[str, str] = field(default_factory=dict)
    """By side."""

    @property
    def text(self) -> str:
        """As a script, for a judge and for people."""
        names: dict[Side, str] = {"persona": self.persona, "user": self.user}
        return "\n".join(f"{names[turn.side]}: {' '.join(turn.messages)}" for turn in self.turns)

    def said_by(self, side: Side) -> list[str]:
        """The turns of one side that a model made."""
        return ["\n".join(turn.messages) for turn in self.turns[self.given_turns :] if turn.side == side]


@dataclass(frozen=True)
class SynthFolder:
    """The files of one run.

    turns.jsonl      every turn as it is said      dialogues.jsonl  every dialogue that has ended
    verdicts.jsonl   what judges say               reviews.jsonl    what a person says
    events.jsonl     what happened (`core.train.events`)
    stop             present when asked to stop    run.lock         held by the process that writes
    plan.yaml, run.json, worker.log: of plans made on the page (`core.synth.store`)
    """

    path: Path

    @property
    def turns(self) -> Path:
        return self.path / "turns.jsonl"

    @property
    def dialogues(self) -> Path:
        return self.path / "dialogues.jsonl"

    @property
    def verdicts(self) -> Path:
        return self.path / "verdicts.jsonl"

    @property
    def reviews(self) -> Path:
        return self.path / "reviews.jsonl"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def plan(self) -> Path:
        return self.path / "plan.yaml"

    @property
    def started(self) -> Path:
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"

    def read_turns(self) -> dict[str, tuple[TurnRecord, ...]]:
        """By cell, in their order: of a turn that is there twice the first, and none behind one that is missing."""
        found: dict[str, dict[int, TurnRecord]] = {}
        for record in read_records(self.turns, TurnRecord):
            found.setdefault(record.cell, {}).setdefault(record.turn, record)
        return {cell: _in_order(turns) for cell, turns in found.items()}

    def read_dialogues(self) -> dict[str, DialogueRecord]:
        """By cell; of one that is there twice the first."""
        found: dict[str, DialogueRecord] = {}
        for record in read_records(self.dialogues, DialogueRecord):
            found.setdefault(record.cell, record)
        return found


def append_record(path: Path, record: "DataclassInstance") -> None:
    """Add `record` as a whole line that is on the disk when this returns. Raises InputError when it cannot be."""
    with disk_errors():
        append_json(path, asdict(record), sync=True)


def read_records(path: Path, kind: type[R]) -> list[R]:
    """The records of a file; none where there is no file. What was cut short, or is of another kind, is left out."""
    found: list[R] = []
    if not path.is_file():
        return found
    for value in parse_json_lines(path.read_bytes()):
        try:
            found.append(parse(kind, value))
        except ValueError:
            continue
    return found


def paces(turns: Sequence[TurnRecord]) -> dict[Side, TurnPace]:
    """What the turns of each side took, for an estimate; a side that has said nothing is left out."""
    found: dict[Side, TurnPace] = {}
    for side in SIDES:
        own = [turn for turn in turns if turn.side == side]
        seconds = sum(turn.seconds for turn in own)
        if own and seconds > 0:
            found[side] = TurnPace(sum(turn.tokens for turn in own) / len(own), len(own) / seconds)
    return found


def _in_order(turns: Mapping[int, TurnRecord]) -> tuple[TurnRecord, ...]:
    first = min(turns, default=0)
    whole = 0
    while first + whole in turns:
        whole += 1
    return tuple(turns[first + n] for n in range(whole))


def check_out(path: Path) -> SynthFolder:
    """The folder to write into, which is made. Raises InputError where there is a file in its place."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError(f"{path} cannot be made: {why}.", f"{path} を作れません: {why}。") from error
    return SynthFolder(path)
