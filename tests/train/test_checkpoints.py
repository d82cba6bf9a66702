"""Checkpoints: one that was cut short in any way never counts, and pruning leaves what is needed."""

import os
from pathlib import Path

import pytest

from core.train.worker.checkpoints import COMPLETE, last_checkpoint, place, prune, seal, unseal
from tests.helpers.typed import present


def checkpoint(folder: Path, step: int, *, whole: bool = True) -> Path:
    path = place(folder, step)
    (path / "inner").mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"x" * 100)
    (path / "inner" / "shard").write_bytes(b"y" * 10)
    if whole:
        seal(path, step=step, seconds=step / 2)
    return path


def test_the_newest_whole_one_counts(tmp_path: Path) -> None:
    whole, older = checkpoint(tmp_path, 10), checkpoint(tmp_path, 9)
    found = present(last_checkpoint(tmp_path))
    assert (found.step, found.path, found.seconds) == (10, whole, 5.0) and older.exists()
    assert last_checkpoint(tmp_path / "absent") is None


def cut_marker(path: Path) -> None:
    os.truncate(path / COMPLETE, 9)


def empty_marker(path: Path) -> None:
    (path / COMPLETE).write_text("")


def cut_file(path: Path) -> None:
    os.truncate(path / "optimizer.pt", 99)


def lost_file(path: Path) -> None:
    (path / "inner" / "shard").unlink()


@pytest.mark.parametrize("harm", [unseal, cut_marker, empty_marker, cut_file, lost_file])
def test_one_that_was_cut_short_is_skipped_and_removed(tmp_path: Path, harm) -> None:
    checkpoint(tmp_path, 2)
    torn = checkpoint(tmp_path, 9)
    harm(torn)
    assert present(last_checkpoint(tmp_path)).step == 2 and not torn.exists()


def test_pruning_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8, 10):
        checkpoint(tmp_path, step)
    prune(tmp_path, best=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-4", "checkpoint-8"]
    prune(tmp_path, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]
