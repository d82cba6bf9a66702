"""A sweep: every point of the grid once, shares within each other, and a curve that says whether more would help."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.rows import read_rows
from core.errors import InputError
from core.evaluate.sweep import (
    MOST_RUNS,
    SharePoint,
    SweepGrid,
    SweepPoint,
    learning_rates,
    share_of,
    shared_set,
    would_more_help,
)
from core.files import check_name
from core.train.config.train_config import TrainConfig
from tests.helpers.evaluate_tiny import mika_set, talk


def test_each_with_each_once() -> None:
    points = SweepGrid(("a", "b"), (100, 25), (4, 16), (1e-4, 2e-4), 2).points()
    assert len(points) == len(set(points)) == 32 and points[0].share == 25
    assert len({point.name for point in points}) == 32
    assert all(check_name(point.name) for point in points)
    assert points[0].config(TrainConfig(epochs=7)) == TrainConfig(epochs=7, rank=4, learning_rate=1e-4, seed=0)


def test_none_and_too_many_are_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        SweepGrid((), (100,)).points()
    with pytest.raises(InputError, match=f"{MOST_RUNS} are the most"):
        SweepGrid(tuple("abc"), (10, 25, 50, 100), (4, 8), (1e-4, 2e-4), 2).points()


def test_a_smaller_share_is_part_of_a_larger_one_by_whole_conversations() -> None:
    rows = [replace(talk(n % 30, 1), start=None) for n in range(120)]
    parts = {share: share_of(rows, share) for share in (10, 25, 50, 100)}
    sessions = {share: {row.session for row in held} for share, held in parts.items()}
    assert sessions[10] < sessions[25] < sessions[50] < sessions[100]
    assert all(abs(len(held) - 120 * share / 100) <= 4 for share, held in parts.items())
    assert len(share_of(rows[:4], 10)) > 0


def test_the_share_is_written_with_all_validation_rows(tmp_path: Path) -> None:
    saved = mika_set(tmp_path / "mika")
    with shared_set(saved, 100, tmp_path) as whole:
        assert whole is saved
    (tmp_path / "other").mkdir()
    with shared_set(saved, 25, tmp_path / "other") as part:
        assert part.info.train_rows == len(list(read_rows(part.file("train")))) == 6
        assert list(read_rows(part.file("validation"))) == list(read_rows(saved.file("validation")))


def test_rates_are_read_as_people_write_them() -> None:
    assert learning_rates("1e-4、2e-4, 1e-4", 1) == (1e-4, 2e-4)
    with pytest.raises(InputError, match="no learning rate"):
        learning_rates("fast", 1e-4)


def curve(*values: float, half: float = 0.02) -> list[SharePoint]:
    return [SharePoint(10 * 2**n, value, value - half, value + half) for n, value in enumerate(values)]


def test_whether_more_data_would_help() -> None:
    assert would_more_help(curve(2.0, 1.8, 1.6)) is True
    assert would_more_help(curve(2.0, 1.61, 1.605)) is False
    assert would_more_help(curve(2.0, 1.9, 1.8, half=0.3)) is None
    assert would_more_help(curve(2.0, 1.8)) is None


def test_names_stay_short() -> None:
    assert len(SweepPoint("長い名前" * 20, 10, 64, 2e-4, 3).name) < 64
