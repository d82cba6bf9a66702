"""Raw turns: every word that was said with a persona, kept for ever beside the conversations they are from.

What a conversation no longer holds (a reply that was made anew, a message edited) stays in the file, but is not
recalled. Deleting the conversation deletes its words here too.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.memory.retrieve.dates import Span
from core.memory.store import MemoryStore, index, inserted, search, unindex
from core.messages import Role, Turn

HIDDEN = "removed:"
"""Before the persona of a removed conversation's turns: they are nobody's to recall."""
OF_CONVERSATION = "(conversation = ? or substr(conversation, 1, ?) = ?)"
"""Its own turns, and in a group those that each member keeps, under "<id>/<name>"."""
Dated = tuple[Role, str, datetime]


@dataclass(frozen=True)
class OldTurn:
    """What one side said, and when."""

    id: int
    conversation: str
    place: int
    """The turn's number in its conversation, from 0."""
    role: Role
    text: str
    said: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Turns:
    """The turns of one owner, of all personas; each method is about one of them."""

    store: MemoryStore

    def keep(self, persona: str, conversation: str, turns: Sequence[Turn], now: float) -> None:
        """Make what is kept of a conversation equal to `turns`; new ones are dated `now`."""
        wanted = [(turn.role, "\n".join(turn.messages)) for turn in turns]
        with self.store.connect() as db:
            kept = db.execute(
                "select * from turns where conversation = ? and live order by place", (conversation,)
            ).fetchall()
            for place, (role, text) in enumerate(wanted):
                row = kept[place] if place < len(kept) else None
                if row and (row["role"], row["text"]) == (role, text):
                    continue
                if row and row["role"] == role and text.startswith(row["text"]):  # one more message of a burst
                    unindex(db, "turns", row["id"], row["text"])
                    db.execute("update turns set text = ? where id = ?", (text, row["id"]))
                    index(db, "turns", row["id"], text)
                    continue
                if row:
                    db.execute("update turns set live = 0 where id = ?", (row["id"],))
                self._add(db, persona, conversation, place, role, text, now)
            db.executemany("update turns set live = 0 where id = ?", [(row["id"],) for row in kept[len(wanted) :]])

    def keep_log(self, persona: str, source: str, turns: Iterable[Dated]) -> int:
        """Remember the dated turns of a log as talks with this persona, in place of an earlier `source`: how many."""
        self.forget_conversation(source)
        count = 0
        with self.store.connect() as db:
            for count, (role, text, said) in enumerate(turns, start=1):
                self._add(db, persona, source, count - 1, role, text, said.timestamp())
        return count

    def forget_conversation(self, conversation: str) -> None:
        """Remove the words of a conversation for good."""
        self._remove(OF_CONVERSATION, *_of(conversation))

    def hide_conversation(self, conversation: str) -> None:
        """Recall the words of a conversation no more, until `show_conversation`."""
        with self.store.connect() as db:
            db.execute(
                f"update turns set persona = ? || persona where {OF_CONVERSATION} and persona not like ?",
                (HIDDEN, *_of(conversation), f"{HIDDEN}%"),
            )

    def show_conversation(self, conversation: str) -> None:
        """The inverse of `hide_conversation`."""
        with self.store.connect() as db:
            db.execute(
                f"update turns set persona = substr(persona, ?) where {OF_CONVERSATION} and persona like ?",
                (len(HIDDEN) + 1, *_of(conversation), f"{HIDDEN}%"),
            )

    def forget_persona(self, persona: str) -> None:
        """Remove the words of all talks with a persona for good."""
        self._remove("persona = ?", persona)

    def found(
        self, persona: str, question: str, *, span: Span | None, not_in: tuple[str, int]
    ) -> list[tuple[OldTurn, float]]:
        """Old turns that bear on a question, with their relevance (0–1); `not_in` is (conversation, first place
        of it that the prompt shows anyway)."""
        where = "row.persona = ? and row.live and not (row.conversation = ? and row.place >= ?)"
        values: list[object] = [persona, *not_in]
        if span:
            where += " and row.said >= ? and row.said < ?"
            values += [span.start.timestamp(), span.end.timestamp()]
        with self.store.connect() as db:
            return [(_turn(row), relevance) for row, relevance in search(db, "turns", question, where, values)]

    def during(self, persona: str, span: Span, *, not_in: tuple[str, int] = ("", 0)) -> list[OldTurn]:
        """What was said in these days, oldest first."""
        with self.store.connect() as db:
            rows = db.execute(
                "select * from turns where persona = ? and live and said >= ? and said < ? "
                "and not (conversation = ? and place >= ?) order by said, place",
                (persona, span.start.timestamp(), span.end.timestamp(), *not_in),
            )
            return [_turn(row) for row in rows]

    def days(self, persona: str, before: datetime) -> list[str]:
        """The days (2026-05-03) on which somebody said something before `before`, oldest first."""
        with self.store.connect() as db:
            rows = db.execute(
                "select distinct date(said, 'unixepoch', 'localtime') as day from turns "
                "where persona = ? and live and said < ? order by day",
                (persona, before.timestamp()),
            )
            return [row["day"] for row in rows]

    def count(self, persona: str) -> int:
        """How many turns are remembered."""
        with self.store.connect() as db:
            return db.execute("select count(*) from turns where persona = ? and live", (persona,)).fetchone()[0]

    @staticmethod
    def _add(
        db: sqlite3.Connection, persona: str, conversation: str, place: int, role: str, text: str, said: float
    ) -> None:
        row = db.execute(
            "insert into turns (persona, conversation, place, role, text, said) values (?, ?, ?, ?, ?, ?)",
            (persona, conversation, place, role, text, said),
        )
        index(db, "turns", inserted(row), text)

    def _remove(self, where: str, *values: object) -> None:
        with self.store.connect() as db:
            for row in db.execute(f"select id, text from turns where {where}", values).fetchall():
                unindex(db, "turns", row["id"], row["text"])
            db.execute(f"delete from turns where {where}", values)


def _of(conversation: str) -> tuple[str, int, str]:
    return conversation, len(conversation) + 1, f"{conversation}/"


def _turn(row: sqlite3.Row) -> OldTurn:
    return OldTurn(row["id"], row["conversation"], row["place"], row["role"], row["text"], row["said"])
