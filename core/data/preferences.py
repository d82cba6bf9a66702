"""Preferences: of two replies to the same words, the one that is more like the persona.

They come from the chat, where a person corrects a reply, and from a training that lets its adapter answer
what the real persona answered (`core.train.preference.pairs`). A line of JSON each, in the conversational form that
preference trainers read: the turns before in `messages`, one entry a message in `chosen` and `rejected`.
"""

import json
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError
from core.files import append_json, append_json_lines, disk_errors, parse_json, parse_json_lines, write_text
from core.messages import Turn, from_chat_messages, to_chat_messages
from core.stored import UNREADABLE
from core.workspace import Workspace

Source = Literal["chat", "samples", "file"]
FILE = "pairs.jsonl"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replies in one place of a conversation. Raises InputError when one is empty or both are the same."""

    context: tuple[Turn, ...]
    """What was said before, oldest first; as a rule it ends with words of the user."""
    chosen: tuple[str, ...]
    """The messages of the better reply."""
    rejected: tuple[str, ...]
    """The messages of the worse one."""
    adapter: str = ""
    """Name of the adapter that was speaking; "" for the base model alone."""
    persona: str = ""
    source: Source = "chat"
    """"file": from a data set made elsewhere, for whichever adapter."""
    system: str = ""
    """The system text that it was asked with, where that is not the persona's description."""
    id: str = ""
    """Given by the store."""
    created: str = ""
    """ISO 8601, UTC; given by the store."""

    def __post_init__(self) -> None:
        chosen, rejected = words(self.chosen), words(self.rejected)
        if not chosen or not rejected:
            raise InputError("Both replies need words: the better one and the worse one.",
                             "良い返事と悪い返事の両方に言葉が必要です。")  # fmt: skip
        if chosen == rejected:
            raise InputError("Both replies are the same, so neither is better. Change one of them.",
                             "2 つの返事が同じなので、優劣がつきません。どちらかを直してください。")  # fmt: skip

    def to_json(self) -> dict[str, object]:
        """Plain values, as in a line of the file."""
        chosen, rejected = (to_chat_messages([Turn("assistant", reply)]) for reply in (self.chosen, self.rejected))
        return {
            "id": self.id, "created": self.created, "source": self.source, "persona": self.persona,
            "adapter": self.adapter, "system": self.system, "messages": to_chat_messages(self.context),
            "chosen": chosen, "rejected": rejected,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Pair":
        """The inverse of `to_json`. Raises ValueError, KeyError, TypeError or InputError if it is invalid."""
        chosen, rejected = (tuple(entry["content"] for entry in value[side]) for side in ("chosen", "rejected"))
        if not all(isinstance(text, str) for text in (*chosen, *rejected)):
            raise TypeError("words have to be text")
        named = {name: str(value.get(name) or "") for name in ("adapter", "persona", "system", "id", "created")}
        source: Source = value["source"] if value.get("source") in get_args(Source) else "chat"
        return cls(tuple(from_chat_messages(value["messages"])), chosen, rejected, source=source, **named)


def words(messages: Sequence[str]) -> str:
    """A reply as one text, without white space around its messages."""
    return "\n".join(text.strip() for text in messages if text.strip())


@dataclass(frozen=True)
class Preferences:
    """Every owner's pairs, in a file that is only ever appended to: what was deleted can be brought back."""

    workspace: Workspace

    def add(self, owner: str, pair: Pair) -> Pair:
        """Keep `pair`, and return it with its id. Raises InputError when the disk is full."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        kept = replace(pair, id=secrets.token_hex(8), created=now)
        self._append(owner, kept.to_json())
        return kept

    def add_all(self, owner: str, pairs: Iterable[Pair]) -> None:
        """Keep `pairs`, all in one go: 30,000 of them one by one took 79 s. Raises InputError when the disk is full."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        kept = (replace(pair, id=secrets.token_hex(8), created=now) for pair in pairs)
        with _writing, disk_errors():
            append_json_lines(self._file(owner), (pair.to_json() for pair in kept), sync=True)

    def list_all(self, owner: str, *, adapter: str | None = None) -> tuple[Pair, ...]:
        """The owner's pairs, newest first; with `adapter`, those made while it spoke, and those from files."""
        found: dict[str, Pair] = {}
        gone: set[str] = set()
        file = self._file(owner)
        for value in parse_json_lines(file.read_bytes() if file.exists() else b""):
            if "deleted" in value:
                (gone.add if value["deleted"] else gone.discard)(str(value.get("id")))
                continue
            try:
                pair = Pair.from_json(value)
            except (InputError, *UNREADABLE):
                continue  # of a later version, or damaged by hand
            found[pair.id] = pair
        return tuple(
            p
            for p in reversed(found.values())
            if p.id not in gone and (adapter in (None, p.adapter) or p.source == "file")
        )

    def delete(self, owner: str, pair_id: str) -> None:
        """Take a pair out. Raises InputError when there is none of that id."""
        if all(pair.id != pair_id for pair in self.list_all(owner)):
            raise InputError("This correction is not there any more.", "この修正はもうありません。")
        self._append(owner, {"id": pair_id, "deleted": True})

    def restore(self, owner: str, pair_id: str) -> None:
        """Undo `delete`."""
        self._append(owner, {"id": pair_id, "deleted": False})

    def export(self, owner: str, into: Path, *, adapter: str | None = None) -> Path:
        """Write the pairs, oldest first, to `preferences.jsonl` in the folder `into`; returns the file."""
        target = into / "preferences.jsonl"
        write_pairs(target, reversed(self.list_all(owner, adapter=adapter)))
        return target

    def _file(self, owner: str) -> Path:
        return self.workspace.folder(owner, "preferences") / FILE

    def _append(self, owner: str, value: Mapping[str, object]) -> None:
        with _writing, disk_errors():
            append_json(self._file(owner), value, sync=True)


_writing = threading.Lock()


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write `pairs` anew, a line each. Raises InputError when the disk is full."""
    lines = "".join(json.dumps(pair.to_json(), ensure_ascii=False) + "\n" for pair in pairs)
    write_text(path, lines)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file; none when there is no such file. Raises InputError with the line that is no pair."""
    pairs = []
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            pairs.append(Pair.from_json(parse_json(line)))
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise InputError(
                f"Line {number} of {path.name} is not a pair of replies: {line.strip()[:80]}. It needs messages, "
                "chosen and rejected.",
                f"{path.name} の {number} 行目は返事の組ではありません: {line.strip()[:80]}。"
                "messages・chosen・rejected が必要です。",
            ) from error
    return pairs
