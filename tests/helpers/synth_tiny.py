"""A small plan of dialogues, and a voice that speaks without any model."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.personas import Persona
from core.prompt import Prompt, PromptConfig
from core.synth.people import OpeningQuestion, SimulatedUser
from core.synth.plan import Plan
from core.synth.progress import SynthProgress, progress_of
from core.synth.store import StoredPlan
from core.synth.voices import PreparedTurn, SpokenReply, TurnRequest
from core.train.queue.process import Process

USERS = tuple(SimulatedUser(f"u{n}", f"人{n}", f"{n}番目の人です。") for n in range(6))
OPENINGS = tuple(OpeningQuestion(f"o{n}", f"問い{n}とは何だろう？") for n in range(4))
PERSONA = Persona("ソクラテス", "あなたはソクラテスです。", greeting="やあ。")
PLAN = Plan(PERSONA, USERS, OPENINGS, dialogues=10, exchanges=3)
NO_PROMPT = Prompt((), (), (), 1000)


@dataclass
class FakeVoice:
    """Says something of its own in every turn; `says` may say otherwise for a request."""

    batch: int = 1
    workers: int = 1
    window: int = 1000
    says: Callable[[TurnRequest], str | None] = lambda _: None
    calls: list[int] = field(default_factory=list)
    """Turns of each call."""

    def prepare(self, request: TurnRequest) -> PreparedTurn:
        return PreparedTurn(request, PromptConfig(request.side.persona.name), NO_PROMPT, 10)

    def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
        self.calls.append(len(turns))
        return [SpokenReply(self._words(turn.request), "", 5, 20) for turn in turns]

    def _words(self, request: TurnRequest) -> str:
        said = self.says(request)
        if said is not None:
            return said
        return words_by(request.seed)


def words_by(seed: int) -> str:
    """Words of no meaning, other ones for each seed."""
    return "".join(random.Random(seed).sample("いろはにほへとちりぬるをわかよたれそつねならむ", 16)) + "。"


def until(stored: StoredPlan, wanted: Callable[[SynthProgress], bool], seconds: float = 120) -> SynthProgress:
    """How a plan stands once it stands as `wanted`."""
    end = time.monotonic() + seconds
    while not wanted(progress := progress_of(stored)):
        assert time.monotonic() < end, f"{progress}\n{stored.folder.log.read_text(errors='replace')[-2000:]}"
        time.sleep(0.05)
    return progress


def process_of(stored: StoredPlan) -> Process:
    """What works at a plan."""
    started = stored.started
    assert started, f"{stored.name} was never started"
    return Process(started.pid, started.pid_created)
