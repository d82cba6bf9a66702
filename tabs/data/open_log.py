"""The log that a visitor has open: its file and what was decided about it, on the owner's shelf.

A reload or a restart of the server finds it again. Logs that were read stay in memory while there is room.
"""

import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path

from core.data.io.export import PreambleKind
from core.data.prepare import DEFAULT_RECIPE, Prepared
from core.data.recipe import Recipe
from core.data.variants import Statistics
from core.errors import AppError, InputError
from core.files import disk_errors, read_json, write_json
from core.logs.log import Log, Speaker
from core.messages import Message, Turn
from core.workspace import Workspace
from tabs.data.gaps import Histogram

OPEN = "open.json"
MOST_MESSAGES = 2_000_000  # kept in memory for all visitors together: about 1 GB with their rows
STALE = 24 * 3600.0  # seconds after which a file that nobody has open is swept up


@dataclass(frozen=True)
class LogChoices:
    """What a visitor decided about a log. Empty values leave the choice to the app."""

    file: str
    """On the owner's shelf; also the log's id on the page."""
    name: str
    """What the visitor calls the file."""
    more: tuple[tuple[str, str], ...] = ()
    """Further files, newer exports or other chats: (on the shelf, as the visitor calls it)."""
    format: str = ""
    names: tuple[str, ...] = ()
    date_order: str = ""
    columns: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    persona: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Written by the visitor, for each speaker who was the persona for a while."""
    recipe: Recipe = DEFAULT_RECIPE
    line: PreambleKind = "none"
    """What is said to the persona before the other side's first words of a row."""
    budget: int = 0

    @property
    def reading(self) -> tuple:
        """The part that decides how the file is read."""
        return self.files, self.format, self.names, self.date_order, self.columns, self.conversations

    @property
    def files(self) -> tuple[str, ...]:
        """All that lie on the shelf for this log."""
        return self.file, *(file for file, _ in self.more)

    @classmethod
    def from_json(cls, value: dict) -> "LogChoices":
        """The inverse of `asdict` through JSON; keys of other versions are left aside.

        Raises TypeError, KeyError or InputError for something else.
        """
        known = {field.name: value[field.name] for field in fields(cls) if field.name in value}
        known |= {name: tuple(known.get(name, ())) for name in ("names", "columns", "conversations")}
        known["more"] = tuple((str(file), str(name)) for file, name in value.get("more", ()))
        return cls(**known | {"recipe": Recipe.from_json(value.get("recipe") or {})})


@dataclass(frozen=True)
class Added:
    """What a further file added to a log."""

    name: str
    new: int
    known: int
    """Messages of it that were there already."""
    examples: tuple[Message, ...]


@dataclass(frozen=True)
class Compared:
    """A variant with its figures, and what to set to get its rows."""

    name: str
    exchanges: int
    line: PreambleKind
    recipe: Recipe
    statistics: Statistics


@dataclass(frozen=True)
class OpenLog:
    """A log that was read, and what was made of it."""

    choices: LogChoices
    log: Log
    persona: str
    description: str
    histogram: Histogram
    budget: int
    """Tokens a row may have; 0 while no model is there to count them."""
    model: str = ""
    """Whose tokenizer counted."""
    prepared: Prepared | None = None
    plain: Prepared | None = None
    """The same rows without the persona's line."""
    compared: tuple[Compared, ...] = ()
    """The variants of this log, where they were made."""
    problem: AppError | None = None
    """Why there are no rows."""
    added: tuple[Added, ...] = ()
    """By further files, in their order."""
    sizes: dict[Turn, int] = field(default_factory=dict, repr=False)
    """Tokens of the turns counted so far, for this model and persona."""
    saved: str = ""
    """The data set that was saved from exactly this."""

    @cached_property
    def speakers(self) -> list[Speaker]:
        """Who writes, counted once: a page asks several times, and a log may hold a million messages."""
        return self.log.speakers()


@dataclass
class OpenLogs:
    """One open log an owner."""

    workspace: Workspace
    _kept: "OrderedDict[str, OpenLog]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, owner: str) -> OpenLog | None:
        """The open log, where it is still in memory."""
        with self._lock:
            if owner in self._kept and not (self._shelf(owner) / OPEN).is_file():  # all of the owner's was deleted
                del self._kept[owner]
            if owner in self._kept:
                self._kept.move_to_end(owner)
            return self._kept.get(owner)

    def choices(self, owner: str) -> LogChoices | None:
        """What is open, from the disk; None for nothing."""
        try:
            choices = LogChoices.from_json(read_json(self._shelf(owner) / OPEN))
        except (FileNotFoundError, ValueError, TypeError, KeyError, InputError):
            return None
        return choices if all(self.place(owner, file).is_file() for file in choices.files) else None

    def place(self, owner: str, file: str) -> Path:
        """Where a file of a log lies."""
        return self._shelf(owner) / Path(file).name

    def keep(self, owner: str, opened: OpenLog) -> None:
        """Make this the owner's open log; the file of the one before goes. Raises InputError when the disk is full."""
        before = self.choices(owner)
        write_json(self._shelf(owner) / OPEN, asdict(opened.choices))
        self._remove(owner, set(before.files if before else ()) - set(opened.choices.files))
        self._sweep(owner, opened.choices)
        self.remember(owner, opened)

    def remember(self, owner: str, opened: OpenLog) -> None:
        """Hold it in memory; the logs that were not looked at for longest make room."""
        with self._lock:
            self._kept[owner] = opened
            self._kept.move_to_end(owner)
            while len(self._kept) > 1 and sum(len(o.log.messages) for o in self._kept.values()) > MOST_MESSAGES:
                self._kept.popitem(last=False)

    def close(self, owner: str) -> None:
        """Remove the open log from memory and from the disk."""
        before = self.choices(owner)
        with self._lock:
            self._kept.pop(owner, None)
        (self._shelf(owner) / OPEN).unlink(missing_ok=True)
        self._remove(owner, before.files if before else ())

    def discard(self, owner: str, files: Iterable[str]) -> None:
        """Remove those files that were not kept after all."""
        standing = self.choices(owner)
        self._remove(owner, set(files) - set(standing.files if standing else ()))

    def copy(self, owner: str, source: Path) -> Path:
        """A file of the app, such as the sample, as if it had been uploaded."""
        target = self._shelf(owner) / f"{uuid.uuid4().hex}{source.suffix}"
        with disk_errors():
            shutil.copyfile(source, target)
        return target

    def _remove(self, owner: str, files: Iterable[str]) -> None:
        for file in files:
            self.place(owner, file).unlink(missing_ok=True)

    def _shelf(self, owner: str) -> Path:
        return self.workspace.shelf(owner, "uploads")

    def _sweep(self, owner: str, choices: LogChoices) -> None:
        """Remove what a crash may have left behind."""
        for path in self._shelf(owner).iterdir():
            old = path.name not in (OPEN, *choices.files) and path.stat().st_mtime < time.time() - STALE
            if old and path.is_file():
                path.unlink(missing_ok=True)
