"""The diary: what happened, a line a day, and a few lines a week once the week is over."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from core.memory.retrieve.dates import DAY, Span
from core.memory.store import MemoryStore

Level = Literal["day", "week"]
RECENT = 7  # days that are told one by one; before them the weeks are


@dataclass(frozen=True)
class DiaryEntry:
    """What happened in a day, or in the week that begins on `start` (a Monday)."""

    level: Level
    start: date
    text: str


@dataclass(frozen=True)
class Diary:
    """The diary of one owner's talks with one persona."""

    store: MemoryStore
    persona: str

    def write(self, entry: DiaryEntry, now: float) -> None:
        """Keep an entry, in place of the one there was."""
        with self.store.connect() as db:
            db.execute(
                "insert or replace into diary (persona, level, start, text, made) values (?, ?, ?, ?, ?)",
                (self.persona, entry.level, entry.start.isoformat(), entry.text, now),
            )

    def delete(self, level: Level, start: date) -> None:
        """Remove an entry; its text stays away, so that idle time does not write it again."""
        self.write(DiaryEntry(level, start, ""), 0.0)

    def delete_all(self) -> None:
        """Remove every entry for good."""
        with self.store.connect() as db:
            db.execute("delete from diary where persona = ?", (self.persona,))

    def entries(self) -> list[DiaryEntry]:
        """All entries that say something, oldest first."""
        return [entry for entry in self._all() if entry.text]

    def lines_for_prompt(self, now: datetime, span: Span | None = None) -> list[DiaryEntry]:
        """The entries for a prompt, oldest first: the last days, the weeks before, and the days of `span`."""
        recent = (now - RECENT * DAY).date()
        entries = self.entries()
        summarized = {
            entry.start for entry in entries if entry.level == "week" and entry.start + timedelta(7) <= recent
        }

        def tells(entry: DiaryEntry) -> bool:
            if entry.level == "week":
                return entry.start in summarized
            asked = span is not None and span.start.date() <= entry.start < span.end.date()
            return asked or monday(entry.start) not in summarized

        return [entry for entry in entries if tells(entry)]

    def missing_days(self, spoken: list[str]) -> list[date]:
        """The days on which something was said and nothing was written, oldest first."""
        written = {entry.start for entry in self._all() if entry.level == "day"}
        return [day for day in map(date.fromisoformat, spoken) if day not in written]

    def missing_weeks(self, today: date) -> list[tuple[date, list[DiaryEntry]]]:
        """Weeks that are over, have two days or more and no entry, oldest first: (monday, the days)."""
        entries = self._all()
        written = {entry.start for entry in entries if entry.level == "week"}
        weeks: dict[date, list[DiaryEntry]] = {}
        for entry in entries:
            if entry.level == "day" and entry.text:
                weeks.setdefault(monday(entry.start), []).append(entry)
        return [
            (start, days)
            for start, days in weeks.items()
            if start not in written and start + timedelta(7) <= today and len(days) > 1
        ]

    def _all(self) -> list[DiaryEntry]:
        with self.store.connect() as db:
            rows = db.execute(
                "select level, start, text from diary where persona = ? order by start, level desc", (self.persona,)
            )
            return [DiaryEntry(row["level"], date.fromisoformat(row["start"]), row["text"]) for row in rows]


def monday(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(day.weekday())
