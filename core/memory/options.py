"""What a person chose about remembering, a persona at a time."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from core.memory.store import MemoryStore
from core.stored import parse, reading

NoteTaking = Literal["auto", "on", "off"]
LARGE_ENOUGH = 1_000_000_000  # parameters: below, models note down nonsense more often than what was said


@dataclass(frozen=True)
class MemoryOptions:
    """How one persona remembers."""

    remembers: bool = True
    """Whether prompts carry anything from memory."""
    notes: NoteTaking = "auto"
    """Whether the model notes things down after a reply and keeps the diary; "auto" goes by its size."""
    samples: int = 1
    """How many times it is asked; what most of the answers say is kept."""
    single_pass: bool = False
    """Whether one structured answer holds reply and notes together (`core.memory.write.single_pass`)."""

    def takes_notes(self, parameters: int) -> bool:
        """Whether a model of this size takes notes for this persona."""
        return self.remembers and (self.notes == "on" or (self.notes == "auto" and parameters >= LARGE_ENOUGH))


def load_options(store: MemoryStore, persona: str) -> MemoryOptions:
    """What was chosen for a persona, or the defaults."""
    if not store.exists:
        return MemoryOptions()
    with store.connect() as db:
        row = db.execute("select value from choices where persona = ?", (persona,)).fetchone()
    with reading(store.path):
        return parse(MemoryOptions, json.loads(row["value"])) if row else MemoryOptions()


def choose(store: MemoryStore, persona: str, choices: MemoryOptions) -> None:
    """Keep what was chosen."""
    with store.connect() as db:
        db.execute("insert or replace into choices (persona, value) values (?, ?)",
                   (persona, json.dumps(asdict(choices))))  # fmt: skip
