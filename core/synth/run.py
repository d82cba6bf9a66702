"""Makes the dialogues of a plan: many at once, each turn on the disk before the next is asked for.

Dialogues wait in a line before the voice that speaks next in them. A voice of this machine takes several of one kind
at a time and says their turns in one batch; a server's is asked by several threads. Started again, a run goes on with
the turn at which it was stopped or killed.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from filelock import FileLock, Timeout

from core.chat.reply_filter import raise_temperature
from core.errors import AppError, InputError, JobError, ModelError
from core.models.sampling import Sampling
from core.synth.checks import DialogueEnd, TurnFault, fault_of, is_farewell, without_label
from core.synth.plan import Cell, Plan
from core.synth.prompts import Side, SideOfCell, SpokenTurn, given_turns, messages_of, seen_by, side_of_cell
from core.synth.records import DialogueRecord, SynthFolder, TurnRecord, append_record
from core.synth.voices import DialogueVoice, PreparedTurn, RunInterrupted, SpokenReply, TurnRequest, is_lasting
from core.train import events

TRIES = 3  # of a turn that goes wrong
ROOM_TO_THINK = 4  # times the tokens, where a turn was all thought
ASKED = 4  # times that a server which fails is asked, beyond the client's own retries
FIRST_PAUSE = 2.0  # seconds, doubled each time, half of it drawn
LOOK = 0.2  # seconds between looks at whether a run is to stop
DialogueRunState = Literal["done", "stopped", "failed"]


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    state: DialogueRunState
    dialogues: int
    """Of the plan, that are there now."""
    error: AppError | None = None


@dataclass
class _OpenDialogue:
    """A dialogue under way."""

    cell: Cell
    turns: list[SpokenTurn]
    sides: dict[Side, SideOfCell]
    faults: list[TurnFault] = field(default_factory=list)
    """Of the attempts at the next turn."""
    parting: bool = False
    """Somebody has taken leave."""


@dataclass(frozen=True)
class _Waiting:
    """A dialogue before the voice that speaks next in it."""

    dialogue: _OpenDialogue
    prepared: PreparedTurn

    @property
    def sampling(self) -> Sampling:
        return self.prepared.request.sampling


@dataclass
class DialogueRun:
    """One run over a plan. `voices` speak for the two sides, and may be the same one."""

    plan: Plan
    folder: SynthFolder
    voices: Mapping[Side, DialogueVoice]
    said: Callable[[str], None] = lambda _: None
    """Told the words of every turn, with who said them."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _pending: deque[Cell] = field(default_factory=deque)
    _lines: dict[int, deque[_Waiting]] = field(default_factory=dict)
    _known: dict[str, tuple[TurnRecord, ...]] = field(default_factory=dict)
    _open: int = 0
    _most_open: int = 0
    _done: int = 0
    _error: AppError | None = None

    def stop(self) -> None:
        """Ask the run to end: turns that are being said are given up, all that was said stays."""
        self._stop.set()

    def run(self) -> RunResult:
        """Make what is missing, until it is there, `stop` is called or the folder's stop file appears.

        Raises JobError when another process writes into the folder.
        """
        try:
            with FileLock(self.folder.lock, timeout=0):
                return self._run()
        except Timeout:
            raise JobError(
                f"Another process makes dialogues in {self.folder.path.name}. Wait for it, or stop it.",
                f"別のプロセスが {self.folder.path.name} で対話を作っています。終わるのを待つか、止めてください。",
            ) from None

    def _run(self) -> RunResult:
        ended = self.folder.read_dialogues()
        self._known = self.folder.read_turns()
        self._pending = deque(cell for cell in self.plan.cells if cell.id not in ended)
        self._done = self.plan.count - len(self._pending)
        events.append(self.folder.events, events.Launched(0))
        voices = list({id(voice): voice for voice in self.voices.values()}.values())
        self._lines = {id(voice): deque() for voice in voices}
        self._most_open = sum(2 * voice.batch if voice.batch > 1 else voice.workers for voice in voices)
        threads = [
            threading.Thread(target=self._work, args=(voice,), daemon=True)
            for voice in voices
            for _ in range(voice.workers)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if self.folder.stop.exists():
                self.stop()
            for thread in threads:
                thread.join(LOOK / len(threads))
        return self._result()

    def _result(self) -> RunResult:
        if self._error:
            events.append(self.folder.events, events.Failed(self._error.en, self._error.ja))
            return RunResult("failed", self._done, self._error)
        if self._stop.is_set():
            events.append(self.folder.events, events.Stopped(self._done))
            return RunResult("stopped", self._done)
        events.append(self.folder.events, events.Done({"dialogues": self._done}))
        return RunResult("done", self._done)

    def _work(self, voice: DialogueVoice) -> None:
        """A worker of a voice: takes what waits before it, until nothing is left."""
        try:
            while batch := self._take(voice):
                self._speak(voice, batch)
        except RunInterrupted:
            pass  # the run was stopped, which its end tells
        except Exception as error:  # the edge of a thread: the run ends with a sentence
            self._fail(error)

    def _take(self, voice: DialogueVoice) -> list[_Waiting]:
        """The longest waiting turn, and those that can be said with it; [] when all is said or the run is to end."""
        line = self._lines[id(voice)]
        with self._changed:
            while not self._stop.is_set() and not self._error:
                while self._pending and self._open < self._most_open:
                    self._begin(self._pending.popleft())
                if line:
                    first = line.popleft()
                    alike = [one for one in line if one.sampling == first.sampling][: voice.batch - 1]
                    for one in alike:
                        line.remove(one)
                    return [first, *alike]
                if not self._open and not self._pending:
                    return []
                self._changed.wait(LOOK)
        return []

    def _begin(self, cell: Cell) -> None:
        """Open a dialogue, new or as far as it was said before."""
        sides: dict[Side, SideOfCell] = {
            "persona": side_of_cell(self.plan, cell, "persona"), "user": side_of_cell(self.plan, cell, "user"),
        }  # fmt: skip
        given, known = list(given_turns(self.plan, cell)), self._known.get(cell.id, ())
        dialogue = _OpenDialogue(cell, given, sides)
        self._open += 1
        for record in known:
            if record.turn == len(dialogue.turns):
                dialogue.turns.append(record.spoken)
                dialogue.parting = dialogue.parting or is_farewell(" ".join(record.messages))
        self._go_on(dialogue)

    def _go_on(self, dialogue: _OpenDialogue) -> None:
        """Put a dialogue before the voice that speaks next, or end it. Held by the lock."""
        if end := self._end(dialogue):
            return self._close(dialogue, end)
        turn = len(dialogue.turns)
        side = self.plan.speaks(turn)
        voice, attempt = self.voices[side], len(dialogue.faults)
        sampling = raise_temperature(dialogue.sides[side].sampling, attempt)
        if "thoughts" in dialogue.faults:
            sampling = replace(sampling, max_new_tokens=sampling.max_new_tokens * ROOM_TO_THINK)
        seed = dialogue.cell.seed + turn + attempt * 2 * self.plan.turns
        request = TurnRequest(dialogue.sides[side], seen_by(side, dialogue.turns), sampling, seed)
        try:
            prepared = voice.prepare(request)
        except InputError:
            return self._close(dialogue, "too_long")
        self._lines[id(voice)].append(_Waiting(dialogue, prepared))
        self._changed.notify_all()

    def _end(self, dialogue: _OpenDialogue) -> DialogueEnd | None:
        """Whether a dialogue has ended, and how. A farewell is answered where the user takes leave."""
        if len(dialogue.faults) >= TRIES:
            return dialogue.faults[-1]
        if dialogue.parting and dialogue.turns[-1].side == "persona":
            return "farewell"
        return "complete" if len(dialogue.turns) >= self.plan.turns else None

    def _close(self, dialogue: _OpenDialogue, end: DialogueEnd) -> None:
        cell, plan = dialogue.cell, self.plan
        record = DialogueRecord(
            cell.id, cell.number, plan.persona.name, cell.user.name, cell.user.id, cell.user.kind, cell.opening.text,
            cell.opening.id, cell.temperature, end, plan.given_turns, tuple(dialogue.turns),
            {"persona": plan.persona_backend.name, "user": plan.user_backend.name},
        )  # fmt: skip
        append_record(self.folder.dialogues, record)
        self._open -= 1
        self._done += 1
        self._changed.notify_all()

    def _speak(self, voice: DialogueVoice, batch: Sequence[_Waiting]) -> None:
        began = time.monotonic()
        replies = self._asked(lambda: voice.speak([one.prepared for one in batch], self._stop))
        share = (time.monotonic() - began) / len(batch) / voice.workers
        with self._changed:
            for waiting, reply in zip(batch, replies, strict=True):
                self._hear(waiting, reply, share)
                self._go_on(waiting.dialogue)

    def _hear(self, waiting: _Waiting, reply: SpokenReply, seconds: float) -> None:
        """Keep what was said, or note what is wrong with it. Held by the lock."""
        dialogue, request = waiting.dialogue, waiting.prepared.request
        side = self.plan.speaks(len(dialogue.turns))
        names = [self.plan.persona.name, dialogue.cell.user.name]
        text = without_label(reply.text, request.side.persona.name)
        own = ["\n".join(turn.messages) for turn in dialogue.turns if turn.side == side]
        fault = fault_of(
            text, own=own, names=names, language=self.plan.language, only_thought=bool(reply.thoughts)
        )  # fmt: skip
        if fault:
            dialogue.faults.append(fault)
            return
        record = TurnRecord(
            dialogue.cell.id, len(dialogue.turns), side, messages_of(text), reply.tokens, reply.prompt_tokens,
            round(seconds, 4), request.seed, request.sampling.temperature, tuple(dialogue.faults), reply.thoughts,
        )  # fmt: skip
        append_record(self.folder.turns, record)
        dialogue.turns.append(record.spoken)
        dialogue.faults = []
        dialogue.parting = dialogue.parting or is_farewell(text)
        self.said(f"{request.side.persona.name}: {' '.join(record.messages)}")

    def _asked(self, speak: Callable[[], list[SpokenReply]]) -> list[SpokenReply]:
        """What `speak` gives; asked again, after pauses that grow, where a server does not answer."""
        for attempt in range(ASKED):
            try:
                return speak()
            except ModelError as error:
                if attempt == ASKED - 1 or is_lasting(error):
                    raise
                events.append(self.folder.events, events.Notice(error.en, error.ja))
                pause = FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1)
                if self._stop.wait(pause):
                    raise RunInterrupted from error
        raise AssertionError("the last attempt returns or raises")

    def _fail(self, error: Exception) -> None:
        with self._changed:
            reason = f"{type(error).__name__}: {error}"[:160]
            self._error = self._error or (
                error if isinstance(error, AppError)
                else JobError(f"The dialogues ended with an error ({reason}). Run them again to go on.",
                              f"対話づくりがエラーで止まりました（{reason}）。もう一度実行すると続きから作れます。")
            )  # fmt: skip
            self._changed.notify_all()
