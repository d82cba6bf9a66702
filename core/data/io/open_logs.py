"""The log that each owner has open: its files and what was decided about it, in the owner's store.

A restart of the server finds it again. Logs that were read stay in memory while there is room.
"""

import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.data.log_choices import LogChoices
from core.data.open_log import OpenLog
from core.errors import InputError
from core.files import disk_errors, read_json, remove_folder, write_bytes, write_json
from core.workspace import Workspace

OPEN = "open.json"
MAX_MESSAGES = 2_000_000  # kept in memory for all visitors together: about 1 GB with their rows
STALE = 24 * 3600.0  # seconds after which a file that nobody has open is swept up


@dataclass
class OpenLogs:
    """One open log an owner."""

    workspace: Workspace
    _kept: "OrderedDict[str, OpenLog]" = field(default_factory=OrderedDict)
    _begun: dict[str, object] = field(default_factory=dict)
    """The newest work on each owner's log."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, owner: str) -> object:
        """Work on the owner's log begins, or what was under way is given up: a mark for `is_newest`."""
        with self._lock:
            mark = self._begun[owner] = object()
            return mark

    def is_newest(self, owner: str, mark: object) -> bool:
        """Whether no other work on the owner's log has begun since."""
        with self._lock:
            return self._begun.get(owner) is mark

    def get(self, owner: str) -> OpenLog | None:
        """The open log, where it is still in memory."""
        with self._lock:
            if owner in self._kept and not (self._folder(owner) / OPEN).is_file():  # all of the owner's was deleted
                del self._kept[owner]
            if owner in self._kept:
                self._kept.move_to_end(owner)
            return self._kept.get(owner)

    def choices(self, owner: str) -> LogChoices | None:
        """What is open, from the disk; None for nothing."""
        try:
            choices = LogChoices.from_json(read_json(self._folder(owner) / OPEN))
        except (FileNotFoundError, ValueError, TypeError, KeyError, InputError):
            return None
        return choices if all(self.place(owner, file).is_file() for file in choices.files) else None

    def place(self, owner: str, file: str) -> Path:
        """Where a file of a log lies."""
        return self._folder(owner) / Path(file).name

    def keep(self, owner: str, opened: OpenLog) -> None:
        """Make this the owner's open log; the file of the one before goes. Raises InputError when the disk is full."""
        self.choose(owner, opened.choices)
        self.remember(owner, opened)

    def choose(self, owner: str, choices: LogChoices) -> None:
        """Make this the owner's open log, to be read when somebody looks at it."""
        before = self.choices(owner)
        write_json(self._folder(owner) / OPEN, asdict(choices))
        self._remove(owner, set(before.files if before else ()) - set(choices.files))
        self._sweep(owner, choices)

    def remember(self, owner: str, opened: OpenLog) -> None:
        """Hold it in memory; the logs that were not looked at for longest make room."""
        with self._lock:
            self._kept[owner] = opened
            self._kept.move_to_end(owner)
            while len(self._kept) > 1 and sum(len(o.log.messages) for o in self._kept.values()) > MAX_MESSAGES:
                self._kept.popitem(last=False)

    def close(self, owner: str) -> None:
        """Remove the open log from memory and from the disk."""
        before = self.choices(owner)
        with self._lock:
            self._kept.pop(owner, None)
        (self._folder(owner) / OPEN).unlink(missing_ok=True)
        self._remove(owner, before.files if before else ())

    def discard(self, owner: str, files: Iterable[str]) -> None:
        """Remove those files that were not kept after all."""
        standing = self.choices(owner)
        self._remove(owner, set(files) - set(standing.files if standing else ()))

    def copy(self, owner: str, source: Path) -> Path:
        """A file of the app, such as the sample, as if it had been uploaded."""
        target = self._folder(owner) / f"{uuid.uuid4().hex}{source.suffix}"
        with disk_errors():
            shutil.copyfile(source, target)
        return target

    def write(self, owner: str, data: bytes, ending: str) -> Path:
        """A file that the app has made, as if it had been uploaded."""
        target = self._folder(owner) / f"{uuid.uuid4().hex}{ending}"
        write_bytes(target, data)
        return target

    def _remove(self, owner: str, files: Iterable[str]) -> None:
        for file in files:
            self.place(owner, file).unlink(missing_ok=True)

    def _folder(self, owner: str) -> Path:
        return self.workspace.folder(owner, "uploads")

    def _sweep(self, owner: str, choices: LogChoices) -> None:
        """Remove what a crash may have left behind."""
        for path in self._folder(owner).iterdir():
            old = path.name not in (OPEN, *choices.files) and path.stat().st_mtime < time.time() - STALE
            if old and path.is_dir():  # a data set that waits to be read (core.data.io.waiting)
                remove_folder(path)
            elif old:
                path.unlink(missing_ok=True)
