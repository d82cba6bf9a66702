"""Notes: single sentences worth keeping. Forgetting marks one as superseded, so that it can be taken back."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from core.errors import InputError
from core.memory.store import MemoryStore, index, inserted, search, unindex
from core.text import similarity

NoteKind = Literal["fact", "taste", "plan", "event", "promise"]
NOTE_KINDS: tuple[NoteKind, ...] = get_args(NoteKind)
SaidBy = Literal["user", "assistant", "hand"]  # said in a talk by either side, or typed on the memory page
LONGEST = 200  # characters of a note
KNOWN = 0.9  # from this likeness on (`similarity`) a note is known already; 大阪に住む and 東京に住む have less


@dataclass(frozen=True)
class MemoryNote:
    """One thing to remember."""

    id: int
    text: str
    kind: NoteKind = "fact"
    importance: int = 3
    """1–5."""
    said_by: SaidBy = "hand"
    conversation: str = ""
    created: float = 0.0
    """Seconds since the epoch, as `used` and `forgotten`."""
    used: float = 0.0
    """When it last was in a prompt, or was said again."""
    pinned: bool = False
    forgotten: float | None = None
    superseded_by: int | None = None
    """The note that took its place, None for none."""
    round: int | None = None
    """The round of note taking it is from (`Notes.rounds`)."""


@dataclass(frozen=True)
class NoteRound:
    """One look back at an exchange: what came of it, and how the model's answer was read."""

    id: int
    made: float
    parse_method: str
    """How the answer was read; one of `operations.PARSE_METHODS`."""
    tries: int
    samples: int
    model: str
    remembered: int
    forgotten: int


@dataclass(frozen=True)
class Notes:
    """The notes of one owner about talks with one persona."""

    store: MemoryStore
    persona: str

    def add(
        self,
        text: str,
        *,
        now: float,
        kind: NoteKind = "fact",
        importance: int = 3,
        said_by: SaidBy = "hand",
        conversation: str = "",
        round: int | None = None,
    ) -> MemoryNote:
        """Keep a note; one that is known already counts as said again. Raises InputError for none or a long one."""
        words = check_note(text)
        with self.store.connect() as db:
            for known in self._live(db):
                if similarity(known.text, words) >= KNOWN:
                    db.execute("update notes set used = ? where id = ?", (now, known.id))
                    return known
            row = db.execute(
                "insert into notes (persona, text, kind, importance, said_by, conversation, created, used, round) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (self.persona, words, kind, min(max(int(importance), 1), 5), said_by, conversation, now, now, round),
            )
            index(db, "notes", inserted(row), words)
            return self._get(db, inserted(row))

    def change(self, note: int, text: str) -> MemoryNote:
        """Say it in other words."""
        words = check_note(text)
        with self.store.connect() as db:
            before = self._get(db, note)
            unindex(db, "notes", note, before.text)
            db.execute("update notes set text = ? where id = ?", (words, note))
            index(db, "notes", note, words)
            return self._get(db, note)

    def pin(self, note: int, pinned: bool) -> None:
        """A pinned note is always among the first, and the model cannot forget it."""
        self._set(note, "pinned", int(pinned))

    def weigh(self, note: int, importance: int) -> None:
        """Set how important it is, 1–5."""
        self._set(note, "importance", min(max(int(importance), 1), 5))

    def forget(self, note: int, *, now: float, superseded_by: int | None = None) -> None:
        """Use it no more; `restore` takes that back."""
        with self.store.connect() as db:
            self._get(db, note)
            db.execute("update notes set forgotten = ?, superseded_by = ? where id = ?", (now, superseded_by, note))

    def restore(self, note: int) -> None:
        """Use a forgotten note again."""
        with self.store.connect() as db:
            self._get(db, note)
            db.execute("update notes set forgotten = null, superseded_by = null where id = ?", (note,))

    def delete(self, note: int) -> None:
        """Remove a note for good."""
        with self.store.connect() as db:
            unindex(db, "notes", note, self._get(db, note).text)
            db.execute("delete from notes where id = ?", (note,))

    def delete_all(self) -> None:
        """Remove every note and every round for good."""
        with self.store.connect() as db:
            for row in db.execute("select id, text from notes where persona = ?", (self.persona,)).fetchall():
                unindex(db, "notes", row["id"], row["text"])
            db.execute("delete from notes where persona = ?", (self.persona,))
            db.execute("delete from rounds where persona = ?", (self.persona,))

    def get(self, note: int) -> MemoryNote:
        """Raises InputError when it is not there."""
        with self.store.connect() as db:
            return self._get(db, note)

    def live(self) -> list[MemoryNote]:
        """The notes in use, newest first."""
        with self.store.connect() as db:
            return self._live(db)

    def forgotten(self) -> list[MemoryNote]:
        """The notes in use no more, last forgotten first."""
        with self.store.connect() as db:
            rows = db.execute(
                "select * from notes where persona = ? and forgotten is not null order by forgotten desc, id desc",
                (self.persona,),
            )
            return [_note(row) for row in rows]

    def found(self, question: str) -> list[tuple[MemoryNote, float]]:
        """Notes in use that bear on a question, the best first, with their relevance (0–1)."""
        where = "row.persona = ? and row.forgotten is null"
        with self.store.connect() as db:
            return [(_note(row), relevance) for row, relevance in search(db, "notes", question, where, [self.persona])]

    def used(self, notes: Sequence[int], now: float) -> None:
        """These were in a prompt."""
        with self.store.connect() as db:
            db.executemany("update notes set used = ? where id = ?", [(now, note) for note in notes])

    def begin_round(
        self, conversation: str, *, parse_method: str, tries: int, samples: int, model: str, now: float
    ) -> int:
        """Record that an exchange was looked back at; the id goes into the notes it gives."""
        with self.store.connect() as db:
            row = db.execute(
                "insert into rounds "
                "(persona, conversation, made, parse_method, tries, samples, model, remembered, forgotten) "
                "values (?, ?, ?, ?, ?, ?, ?, 0, 0)",
                (self.persona, conversation, now, parse_method, tries, samples, model),
            )
            return inserted(row)

    def end_round(self, round: int, *, remembered: int, forgotten: int) -> None:
        """Record what came of it."""
        with self.store.connect() as db:
            db.execute("update rounds set remembered = ?, forgotten = ? where id = ?", (remembered, forgotten, round))

    def rounds(self, most: int = 50) -> list[NoteRound]:
        """The last rounds, newest first."""
        with self.store.connect() as db:
            rows = db.execute(
                "select id, made, parse_method, tries, samples, model, remembered, forgotten from rounds "
                "where persona = ? order by id desc limit ?",
                (self.persona, most),
            )
            return [NoteRound(*row) for row in rows]

    def _set(self, note: int, column: Literal["pinned", "importance"], value: int) -> None:
        with self.store.connect() as db:
            self._get(db, note)
            db.execute(f"update notes set {column} = ? where id = ?", (value, note))

    def _live(self, db: sqlite3.Connection) -> list[MemoryNote]:
        rows = db.execute(
            "select * from notes where persona = ? and forgotten is null order by created desc, id desc",
            (self.persona,),
        )
        return [_note(row) for row in rows]

    def _get(self, db: sqlite3.Connection, note: int) -> MemoryNote:
        row = db.execute("select * from notes where id = ? and persona = ?", (note, self.persona)).fetchone()
        if row is None:
            raise InputError("That note is no longer there.", "そのメモはもうありません。")
        return _note(row)


def check_note(text: str) -> str:
    """`text` on one line. Raises InputError when it is empty or too long."""
    words = " ".join(text.split())
    if not words:
        raise InputError("The note is empty. Write one short sentence.", "メモが空です。短い一文を書いてください。")
    if len(words) > LONGEST:
        raise InputError(
            f"The note has {len(words)} characters; {LONGEST} are allowed. Make several notes of it.",
            f"メモが {len(words)} 文字あります。{LONGEST} 文字までです。いくつかに分けてください。",
        )
    return words


def _note(row: sqlite3.Row) -> MemoryNote:
    return MemoryNote(
        row["id"], row["text"], row["kind"], row["importance"], row["said_by"], row["conversation"], row["created"],
        row["used"], bool(row["pinned"]), row["forgotten"], row["superseded_by"], row["round"],
    )  # fmt: skip
