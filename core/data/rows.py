"""Rows: pieces of conversation that end with words of the persona, as they are learned and saved.

A row is a list of turns, each of which knows whether it is trained on (`Turn.trained`); everything else is
context. The persona may open a row. `core.data.chunking` makes rows of sessions.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypedDict

from core.logs.parsing.decode import edges
from core.messages import Turn, from_chat_messages, to_chat_messages
from core.stored import UNREADABLE, DamagedError


class JsonRow(TypedDict):
    """A row as a line of train.jsonl holds it."""

    session: int
    start: str | None
    messages: list[dict[str, str | int]]


class RowCounter(Protocol):
    """Counts tokens as the prompt of training will: `core.prompt.counter` makes one."""

    @property
    def prefix_tokens(self) -> int:
        """Tokens of a row before its first turn."""
        ...

    def turn(self, turn: Turn) -> int:
        """Tokens that `turn` adds, at most."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of conversation for training."""

    session: int
    start: datetime | None
    turns: tuple[Turn, ...]
    positions: tuple[tuple[int, ...], ...] = ()
    """For each turn, where its messages stand in the log; empty for rows read back from disk."""
    tokens: tuple[int, ...] = ()
    """Tokens that each turn adds; empty for rows read back from disk."""
    system: str = ""
    """The system text of this row alone; "" where it is asked with the data set's description."""

    def is_trained(self, k: int) -> bool:
        """Whether the words of turn `k` carry loss."""
        return self.turns[k].role == "assistant" and self.turns[k].trained

    @property
    def trained_messages(self) -> int:
        """Messages that are learned."""
        return self.trained_messages_in(range(len(self.turns)))

    def trained_messages_in(self, turns: range) -> int:
        """Messages of `turns` that are learned, as many as they were in the log."""
        counted = self.positions or tuple(turn.messages for turn in self.turns)
        return sum(len(counted[k]) for k in turns if self.is_trained(k))

    def split(self, k: int) -> tuple["Row", "Row"]:
        """Two rows: the first `k` turns, and the rest."""
        return self._part(slice(k)), self._part(slice(k, None))

    def _part(self, turns: slice) -> "Row":
        at = self.turns[turns], self.positions[turns], self.tokens[turns]
        return Row(self.session, self.start, *at, self.system)

    def to_json(self) -> JsonRow:
        """The row as it is saved: one entry a message, so that a burst stays a burst; a system text is the first.

        The persona's words that are context only have a weight of 0, as in OpenAI's format.
        """
        start = self.start.isoformat() if self.start else None
        system: list[dict[str, str | int]] = [{"role": "system", "content": self.system}] if self.system else []
        return {"session": self.session, "start": start, "messages": system + to_chat_messages(self.turns)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Row":
        """The inverse of `to_json`, without places and tokens. Raises ValueError, KeyError or TypeError for no row."""
        start = datetime.fromisoformat(value["start"]) if value.get("start") else None
        system, messages = "", list(value["messages"])
        if messages and messages[0].get("role") == "system":
            system = str(messages.pop(0)["content"])
        turns = tuple(from_chat_messages(messages))
        return cls(int(value.get("session") or 0), start, turns, system=system)


def clean(text: str) -> str:
    """Words as they are learned: composed characters, nothing invisible or white at the ends.

    NFC and not NFKC, which would destroy ｗ, ！ and half-width style.
    """
    return edges(unicodedata.normalize("NFC", text)).strip()


def to_jsonl(rows: Iterable[Row]) -> Iterator[str]:
    """The rows as lines of a file, line ends included."""
    for row in rows:
        yield json.dumps(row.to_json(), ensure_ascii=False) + "\n"


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSONL file, blank lines left aside; none where there is no such file.

    Raises DamagedError with the number of a line that is not a row.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield Row.from_json(json.loads(line))
            except UNREADABLE as error:
                said = line.strip()[:80].decode(errors="replace")
                raise DamagedError(path, f"line {number} is not a row: {said}") from error
