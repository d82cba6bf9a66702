"""What is done now and then without being asked: downloads and removed talks go, on public servers who is long away."""

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import AppError
from core.own_files import OwnFiles

log = logging.getLogger(__name__)
KEPT_SECONDS = 3600.0  # a download, and Gradio's copy of it
EVERY_SECONDS = 600.0
DAY = 24 * 3600.0
EXPIRES = ".expires"


@dataclass
class Housekeeping:
    """`start` lets a thread `sweep` every ten minutes as long as the server runs."""

    own_files: OwnFiles
    _closed: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._go, name="housekeeping", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def sweep(self, now: float) -> None:
        """Once, as of `now` (seconds since 1970)."""
        workspace = self.own_files.workspace
        old = now - KEPT_SECONDS
        _remove_older(workspace.cache(), old)
        for owner in workspace.owners():
            _remove_older(workspace.owner_folder(owner) / "downloads", old)
            self._purge(owner, old)
            self._expire(owner, now)

    def _purge(self, owner: str, moment: float) -> None:
        """Talks that were removed before `moment` and not put back go for good, and what is remembered of them."""
        for talk in self.own_files.conversations.removed(owner, moment):
            try:
                self.own_files.memory.forget_conversation(owner, talk)
                self.own_files.conversations.delete(owner, talk)
            except AppError as error:  # a damaged memory: the next sweep tries again
                log.warning("a removed talk stays: %s", error)

    def _expire(self, owner: str, now: float) -> None:
        """Remove who has been away too long, a day after that was first noticed: a clock may have jumped."""
        workspace = self.own_files.workspace
        mark, days = workspace.owner_folder(owner) / EXPIRES, workspace.limits.expire_days
        if not days or workspace.last_seen(owner) > now - days * DAY:
            mark.unlink(missing_ok=True)
        elif not mark.exists():
            mark.touch()
            os.utime(mark, (now, now))
        elif mark.stat().st_mtime < now - DAY:
            log.info("removed what a visitor left who was away for %d days", days)
            self.own_files.delete_all(owner)

    def _go(self) -> None:
        while not self._closed.is_set():
            try:
                self.sweep(time.time())
            except OSError:
                log.exception("housekeeping cannot read or remove files")
            self._closed.wait(EVERY_SECONDS)


def _remove_older(folder: Path, moment: float) -> None:
    """Remove the files under a folder that were last written before `moment`, and the folders that are left empty."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*"), reverse=True):  # what lies inside a folder comes before it
        try:
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()) and path.stat().st_mtime < moment:
                    path.rmdir()
            elif path.lstat().st_mtime < moment:
                path.unlink()
        except FileNotFoundError:  # somebody else removed it
            continue
