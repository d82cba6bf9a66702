"""All training runs on disk, and how each stands.

A run is a folder (`core.train.spec.RunFolder`) and a process of its own. How it stands follows from its
files and from whether its process lives: nothing is held here that a restart could lose.
"""

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.files import read_json, write_json
from core.stored import DamagedError, parse, readable, reading
from core.train.queue.process import Process
from core.train.queue.progress import EventFollower, RunState
from core.train.spec import RunFolder

log = logging.getLogger(__name__)
ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Meta:
    """What meta.json says: whose run it is, whether it waits, and which process runs it where."""

    id: str
    owner: str
    created: float
    """Seconds since 1970."""
    queued: float | None
    """When it was put in the queue, or the moment whose place it took; None once it has been started."""
    tries: int = 0
    """Starts in a row by the app itself since the newest checkpoint or since a person asked."""
    pid: int | None = None
    pid_created: float | None = None
    """The process' start time: another process may get the same number later."""
    device: str | None = None
    """What it runs on, or ran on last (`core.train.queue.devices`)."""

    @property
    def process(self) -> Process | None:
        return Process(self.pid, self.pid_created) if self.pid and self.pid_created else None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.alive()


class Runs:
    """The runs in the folder `home`, of all owners. Hold `lock` from looking at one to writing it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lock = threading.RLock()
        self._followers: dict[str, EventFollower] = {}
        self._reported: set[Path] = set()

    def folder(self, job_id: str) -> RunFolder:
        return RunFolder(self.home / job_id)

    def find(self, job_id: str) -> Meta | None:
        """The run of that id; None when there is none. Any text may be asked for.

        Raises DamagedError of its folder where meta.json cannot be read.
        """
        if not ID.fullmatch(job_id):
            return None
        folder = self.folder(job_id)
        with reading(folder.path):
            try:
                return parse(Meta, read_json(folder.meta))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def all(self) -> Sequence[Meta]:
        """Oldest first, without those that are damaged."""
        return self._read()[0]

    def damaged(self) -> Sequence[DamagedError]:
        """Runs of which nobody can say whose they are."""
        return self._read()[1]

    def _read(self) -> tuple[Sequence[Meta], Sequence[DamagedError]]:
        found, damaged = readable((path.name for path in self.home.iterdir()), self.find)
        for error in damaged:
            if error.path not in self._reported:  # the queue looks twice a second
                self._reported.add(error.path)
                log.warning("%s", error)
        return sorted((meta for meta in found if meta), key=lambda meta: meta.created), damaged

    def write(self, meta: Meta) -> None:
        """Raises InputError when the disk is full; what was there before is unchanged."""
        write_json(self.folder(meta.id).meta, asdict(meta))

    def forget(self, job_id: str) -> None:
        """Drop what was read of a run that is deleted."""
        self._followers.pop(job_id, None)

    def follower(self, job_id: str) -> EventFollower:
        """The run's event log, up to date."""
        follower = self._followers.setdefault(job_id, EventFollower(self.folder(job_id)))
        follower.follow()
        return follower

    def state(self, meta: Meta) -> RunState:
        stop = self.folder(meta.id).stop.exists()
        if meta.queued is not None:
            return "stopped" if stop else "queued"
        # Looked at before the log: a process that ends in between has told its ending by then.
        alive = meta.alive
        ending = self.follower(meta.id).ending
        if ending:
            return ending
        if alive:
            return "stopping" if stop else "running"
        return "stopped" if stop else "killed"

    def waiting(self) -> Sequence[Meta]:
        """The queue: the next to start is first."""
        waiting = [meta for meta in self.all() if self.state(meta) == "queued"]
        return sorted(waiting, key=lambda meta: (meta.queued, meta.id))
