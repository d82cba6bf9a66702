"""Rows: pieces of conversation that end with words of the persona, as they are learned and saved.

A row is a list of turns. Of the persona's turns all are learned, or those that the row says; everything
else is context. The persona may open a row. `core.data.chunking` makes rows of sessions.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol

from core.logs.parsing.decode import edges
from core.messages import Turn, to_chat_messages

JsonRow = dict[str, int | str | list[dict[str, str | int]] | None]


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
    targets: tuple[bool, ...] = ()
    """For each turn, whether it is learned; empty: all of the persona's turns are."""

    def is_learned(self, k: int) -> bool:
        """Whether the words of turn `k` are learned."""
        return self.targets[k] if self.targets else self.turns[k].role == "assistant"

    @property
    def learned(self) -> int:
        """Messages that are learned."""
        return self.learned_in(range(len(self.turns)))

    def learned_in(self, turns: range) -> int:
        """Messages of `turns` that are learned, as many as they were in the log."""
        counted = self.positions or tuple(turn.messages for turn in self.turns)
        return sum(len(counted[k]) for k in turns if self.is_learned(k))

    def split(self, k: int) -> tuple["Row", "Row"]:
        """Two rows: the first `k` turns, and the rest."""
        return tuple(
            Row(self.session, self.start, self.turns[p], self.positions[p], self.tokens[p], self.targets[p])
            for p in (slice(k), slice(k, None))
        )

    def to_json(self) -> JsonRow:
        """The row as it is saved: one entry a message, so that a burst stays a burst.

        The persona's words that are context only have a weight of 0, as in OpenAI's format.
        """
        start = self.start.isoformat() if self.start else None
        if not self.targets:
            return {"session": self.session, "start": start, "messages": to_chat_messages(self.turns)}
        messages: list[dict[str, str | int]] = []
        for k, turn in enumerate(self.turns):
            weight = {"weight": 0} if turn.role == "assistant" and not self.is_learned(k) else {}
            messages += [entry | weight for entry in to_chat_messages((turn,))]
        return {"session": self.session, "start": start, "messages": messages}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> "Row":
        """The inverse of `to_json`, without places and tokens. Raises ValueError, KeyError or TypeError for no row."""
        start = datetime.fromisoformat(value["start"]) if value.get("start") else None
        turns, targets = [], []
        for (role, name, weight), run in groupby(value["messages"], key=_of_turn):
            if role not in ("user", "assistant"):
                raise ValueError(f"a row has no role {role!r:.40}")
            turns.append(Turn(role, tuple(_text(message["content"]) for message in run), name))
            targets.append(role == "assistant" and weight != 0)
        whole = all(target == (turn.role == "assistant") for turn, target in zip(turns, targets, strict=True))
        return cls(int(value.get("session") or 0), start, tuple(turns), targets=() if whole else tuple(targets))


def _of_turn(message: Mapping[str, object]) -> tuple:
    weight = message.get("weight")
    return message["role"], message.get("name"), 1 if weight is None else weight


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"words have to be text, not {value!r:.40}")
    return value


def clean(text: str) -> str:
    """Words as they are learned: composed characters, nothing invisible or white at the ends.

    NFC and not NFKC, which would destroy ｗ, ！ and half-width style.
    """
    return edges(unicodedata.normalize("NFC", text)).strip()
