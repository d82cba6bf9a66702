"""The file of one owner's memory: SQLite, opened for a moment at a time, searched by BM25 over `words.terms`.

Write-ahead logging lets a page read while a reply is noted down. What is deleted is overwritten (secure_delete).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.files import disk_errors
from core.memory.retrieve.word_index import sought, terms
from core.stored import DamagedError

RecordKind = Literal["turns", "notes", "passages"]
VERSION = 1
MOST_HITS = 60
LARGEST_SCAN = 20_000  # rows that the terms of a search may match together: more of them say little, and cost time
SCHEMA = """
create table turns (
  id integer primary key, persona text not null, conversation text not null, place integer not null,
  role text not null, text text not null, said real not null, live integer not null default 1);
create index turns_by_place on turns (conversation, place);
create index turns_by_time on turns (persona, said);
create table notes (
  id integer primary key autoincrement, persona text not null, text text not null,
  kind text not null, importance integer not null,
  said_by text not null, conversation text not null, created real not null, used real not null,
  pinned integer not null default 0, forgotten real, superseded_by integer, round integer);
create index notes_by_persona on notes (persona, forgotten);
create table rounds (
  id integer primary key, persona text not null, conversation text not null, made real not null,
  parse_method text not null, tries integer not null, samples integer not null, model text not null,
  remembered integer not null,
  forgotten integer not null);
create index rounds_by_persona on rounds (persona, made);
create table diary (
  persona text not null, level text not null, start text not null, text text not null, made real not null,
  primary key (persona, level, start));
create table documents (
  id integer primary key autoincrement, persona text not null, name text not null,
  added real not null, passages integer not null);
create table passages (
  id integer primary key, document integer not null, persona text not null, page integer not null,
  text text not null);
create index passages_by_document on passages (document);
create table choices (persona text primary key, value text not null);
create virtual table turns_words using fts5 (words, content='', tokenize="unicode61 remove_diacritics 0");
create virtual table notes_words using fts5 (words, content='', tokenize="unicode61 remove_diacritics 0");
create virtual table passages_words using fts5 (words, content='', tokenize="unicode61 remove_diacritics 0");
create virtual table turns_vocabulary using fts5vocab (turns_words, row);
create virtual table notes_vocabulary using fts5vocab (notes_words, row);
create virtual table passages_vocabulary using fts5vocab (passages_words, row);
"""


@dataclass(frozen=True)
class MemoryStore:
    """One owner's file; made when it is first written to. Every method of its users is one short transaction."""

    path: Path

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept together or not at all.

        Raises InputError when the disk is full or the file is busy, DamagedError when it is no such file.
        """
        with disk_errors(), closing(sqlite3.connect(self.path, timeout=10)) as db:
            db.row_factory = sqlite3.Row
            try:
                db.executescript("pragma journal_mode=wal; pragma synchronous=normal; pragma secure_delete=on;")
                with db:
                    _prepare(db)
                    yield db
            except sqlite3.OperationalError as error:
                if any(word in str(error) for word in ("no such table", "no such column", "malformed")):
                    raise DamagedError(self.path, error) from error
                raise _unusable(self.path, error) from error
            except sqlite3.DatabaseError as error:
                raise DamagedError(self.path, error) from error

    def damaged(self) -> list[DamagedError]:
        """What is wrong with the file, by SQLite's own check; empty for a sound one."""
        if not self.exists:
            return []
        try:
            with self.connect() as db:
                said = db.execute("pragma quick_check(1)").fetchone()[0]
                return [] if said == "ok" else [DamagedError(self.path, said)]
        except DamagedError as error:
            return [error]

    @property
    def exists(self) -> bool:
        """Whether anything was ever remembered."""
        return self.path.exists()


def inserted(row: sqlite3.Cursor) -> int:
    """The id of the row that was just inserted."""
    assert row.lastrowid is not None, "an insert has one"
    return row.lastrowid


def index(db: sqlite3.Connection, kind: RecordKind, row: int, text: str) -> None:
    """Let row `row` of the table `kind` be found by `text`."""
    db.execute(f"insert into {kind}_words (rowid, words) values (?, ?)", (row, " ".join(terms(text))))


def unindex(db: sqlite3.Connection, kind: RecordKind, row: int, text: str) -> None:
    """The inverse of `index`, with the same text."""
    words = " ".join(terms(text))
    db.execute(f"insert into {kind}_words ({kind}_words, rowid, words) values ('delete', ?, ?)", (row, words))


def search(
    db: sqlite3.Connection, kind: RecordKind, question: str, where: str = "1", values: Sequence[object] = ()
) -> list[tuple[sqlite3.Row, float]]:
    """The rows of `kind` that bear on `question`, the best first, each with its relevance (0–1, the best has 1).

    A row must hold two of the terms, where three or more are looked up. `where` narrows the rows, named `row`.
    """
    wanted = _rarest(db, kind, sought(question))
    if not wanted:
        return []
    matches = " OR ".join(f'"{term.rstrip("*")}"{"*" * term.endswith("*")}' for term in wanted)
    rows = db.execute(
        f"select row.*, bm25({kind}_words) as bm25 from {kind}_words join {kind} as row on row.id = {kind}_words.rowid "
        f"where {kind}_words match ? and {where} order by bm25 limit {MOST_HITS}",
        (matches, *values),
    ).fetchall()
    least = 2 if len(wanted) > 2 else 1
    kept = [row for row in rows if _held(wanted, row["text"]) >= least]
    return [(row, row["bm25"] / kept[0]["bm25"] if kept[0]["bm25"] else 1.0) for row in kept]


def _rarest(db: sqlite3.Connection, kind: RecordKind, wanted: Sequence[str]) -> list[str]:
    """The terms that are written anywhere, the rarest first, as long as they match few rows together."""
    starred = [term for term in wanted if term.endswith("*")]
    plain = [term for term in wanted if not term.endswith("*")]
    places = ",".join("?" * len(plain))
    counted = db.execute(f"select term, doc from {kind}_vocabulary where term in ({places}) order by doc", plain)
    kept, scanned = [], 0
    for term, documents in counted:
        scanned += documents
        if kept and scanned > LARGEST_SCAN:
            break
        kept.append(term)
    return kept + starred


def _held(wanted: Sequence[str], text: str) -> int:
    held = set(terms(text))
    return sum(any(term.startswith(one[:-1]) for term in held) if one.endswith("*") else one in held for one in wanted)


def _prepare(db: sqlite3.Connection) -> None:
    version = db.execute("pragma user_version").fetchone()[0]
    if version == VERSION:
        return
    if version > VERSION:
        raise InputError(
            f"The memory was written by a newer version of Omokage (format {version}). Update Omokage to use it.",
            f"この記憶は新しい版の Omokage で書かれています（形式 {version}）。Omokage を更新してください。",
        )
    db.execute("begin immediate")
    if db.execute("pragma user_version").fetchone()[0] == 0:  # nobody else made it in the meantime
        for statement in filter(str.strip, SCHEMA.split(";")):
            db.execute(statement)
        db.execute(f"pragma user_version={VERSION}")


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"The memory's file {path.name} cannot be used ({error}). Try again; if it stays so, restore it from a backup.",
        f"記憶のファイル {path.name} を使えません（{error}）。もう一度試し、だめならバックアップから戻してください。",
    )
