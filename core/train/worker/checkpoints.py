"""Checkpoints on disk: each is whole or does not count, so that a run can be cut short at any moment.

checkpoints/checkpoint-120/    what Trainer saves: adapter, optimizer, scheduler, random generators, counters
              complete.json    written last: the step, and the size of every other file
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core.files import read_json, sync_folder, write_json
from core.stored import UNREADABLE

COMPLETE = "complete.json"
KEPT = 2  # whole checkpoints: should the newest be lost with a part of the disk, there is one more


@dataclass(frozen=True, order=True)
class Checkpoint:
    """A whole checkpoint."""

    step: int
    path: Path
    seconds: float
    """Time in training up to it."""


def place(folder: Path, step: int) -> Path:
    """Where Trainer puts the checkpoint of a step."""
    return folder / f"checkpoint-{step}"


def unseal(path: Path) -> None:
    """Before `path` is written anew: it does not count until it is sealed again."""
    (path / COMPLETE).unlink(missing_ok=True)


def seal(path: Path, *, step: int, seconds: float) -> None:
    """Say that `path` is whole, once all of it is on the disk and not in a cache."""
    sync_folder(path)
    marker = {"step": step, "seconds": seconds, "sizes": _sizes(path)}
    write_json(path / COMPLETE, marker)
    sync_folder(path)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in `folder`; those that were cut short, or lost a part since, are deleted."""
    return max(_whole(folder), default=None)


def prune(folder: Path, *, best: int | None = None, keep: int = KEPT) -> None:
    """Delete all whole checkpoints but the newest `keep` and the one of the step `best`."""
    for old in sorted(_whole(folder))[:-keep]:
        if old.step != best:
            shutil.rmtree(old.path, ignore_errors=True)


def _whole(folder: Path) -> list[Checkpoint]:
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            marker = read_json(path / COMPLETE)
            # Sizes are enough: the disk had it all before the marker was written.
            if any((path / name).stat().st_size != size for name, size in marker.get("sizes", {}).items()):
                raise ValueError("a file was cut")
            found.append(Checkpoint(marker["step"], path, marker["seconds"]))
        except (OSError, *UNREADABLE):
            shutil.rmtree(path)
    return found


def _sizes(path: Path) -> dict[str, int]:
    files = (file for file in path.rglob("*") if file.is_file() and file.name != COMPLETE)
    return {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
